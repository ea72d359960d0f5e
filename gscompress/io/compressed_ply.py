"""PlayCanvas' compressed .ply: 16 bytes a Gaussian in chunks of 256 with their own ranges.

Element `chunk`: 12 or 18 float32, the minimum and maximum of position, log scale and (18) colour over 256 rows.
Element `vertex`: four uint32 a row, most significant bits first:

- packed_position, packed_scale: 11, 10, 11 bits between the chunk's minimum and maximum;
- packed_rotation: 2 bits naming the largest part of wxyz, then 10 bits for each of the other three, in ±sqrt(1/2);
- packed_color: 8 bits each of red, green, blue (0.5 + 0.2820948 f_dc, in the chunk's range, or [0, 1] without one)
  and opacity.

Element `sh` (optional): 9, 24 or 45 uint8 a row, channel-major, in [-4, 4].
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from ..errors import Corrupt, Unsupported
from ..scene import SH_C0, SH_COEFFICIENTS, Scene
from .common import (
    Buffer,
    Parsed,
    from_smallest_three,
    opacity_from_bytes,
    opacity_to_bytes,
    plural,
    require_finite,
    smallest_three,
)
from .morton import morton_order
from .ply_header import PlyTables, read_tables, require_properties

CHUNK = 256
SH_LIMIT = 4.0
_WIDTHS = (11, 10, 11)
_PACKED = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]
_AXES = [*"xyz"]
_SCALES = ["scale_x", "scale_y", "scale_z"]
_COLOURS = [*"rgb"]


def decode(data: Buffer, file: str = "<bytes>") -> Parsed:
    """Reads a scene from the bytes of a compressed .ply file.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported: see the messages; nothing is read past what the size allows.
    """
    ply = read_tables(data, file)
    for element in ("chunk", "vertex"):
        if element not in ply.tables:
            raise Unsupported(file, "header", "elements 'chunk' and 'vertex'", f"{list(ply.tables)}")
    chunk, vertex = ply.tables["chunk"], ply.tables["vertex"]
    ranges = [f"{bound}_{name}" for name in (*_AXES, *_SCALES) for bound in ("min", "max")]
    require_properties(chunk, ranges, file, "chunk")
    require_properties(vertex, _PACKED, file, "vertex")
    for name in _PACKED:
        if vertex.dtype[name].kind not in "iu" or vertex.dtype[name].itemsize != 4:
            raise Unsupported(file, f"vertex.{name}", "32-bit integers", str(vertex.dtype[name]))
    n = len(vertex)
    if len(chunk) != -(-n // CHUNK):
        raise Corrupt(file, "header.element chunk", f"{-(-n // CHUNK)} chunks for {n} Gaussians", f"{len(chunk)}")
    position, rotation, scale, colour = (vertex[name].astype(np.uint32) for name in _PACKED)
    means = _between(_unpack(position, _WIDTHS), chunk, _AXES)
    log_scales = _between(_unpack(scale, _WIDTHS), chunk, _SCALES)
    rgb = _unpack(colour, (8, 8, 8, 8))[:, :3]
    if "min_r" in (chunk.dtype.names or ()):
        require_properties(chunk, [f"{bound}_{c}" for c in _COLOURS for bound in ("min", "max")], file, "chunk")
        rgb = _between(rgb, chunk, _COLOURS)
    three = (_unpack(rotation, (2, 10, 10, 10))[:, 1:] - 0.5) * np.sqrt(2.0)
    dc = ((rgb - 0.5) / SH_C0).astype(np.float32)[:, None, :]
    scene = Scene(
        means,
        from_smallest_three((rotation >> 30).astype(np.int64), three),
        log_scales,
        opacity_from_bytes((colour & 255).astype(np.uint8)),
        np.concatenate([dc, _read_harmonics(ply, n, file)], axis=1),
        ply.antialiased,
    )
    return Parsed(scene)


def _unpack(words: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    """float64 [N, len(widths)] in [0, 1]: the fields of each uint32, from the most significant one down."""
    out = np.empty((len(words), len(widths)))
    shift = 32
    for j, width in enumerate(widths):
        shift -= width
        mask = (1 << width) - 1
        out[:, j] = (words >> np.uint32(shift) & np.uint32(mask)) / mask
    return out


def _pack(fractions: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    """uint32 [N]: inverse of `_unpack`, rounding to the nearest level."""
    word = np.zeros(len(fractions), np.uint32)
    for j, width in enumerate(widths):
        mask = (1 << width) - 1
        word = word << np.uint32(width) | np.rint(np.clip(fractions[:, j], 0.0, 1.0) * mask).astype(np.uint32)
    return word


def _between(fractions: np.ndarray, chunk: np.ndarray, names: list[str]) -> np.ndarray:
    """Fractions [N, 3] placed between the minimum and maximum of each row's chunk."""
    owner = np.arange(len(fractions)) // CHUNK
    low, high = (np.stack([chunk[f"{bound}_{name}"] for name in names], 1).astype(np.float64) for bound in ("min", "max"))
    return low[owner] + fractions * (high - low)[owner]


def _read_harmonics(ply: PlyTables, n: int, file: str) -> np.ndarray:
    """float32 [N, K - 1, 3] of the `sh` element; K = 1 without one."""
    if "sh" not in ply.tables:
        return np.empty((n, 0, 3), np.float32)
    table = ply.tables["sh"]
    names = [f"f_rest_{i}" for i in range(len(table.dtype.names or ()))]
    if len(names) not in {3 * (k - 1) for k in SH_COEFFICIENTS.values()}:
        raise Unsupported(file, "sh", "0, 9, 24 or 45 properties", f"{len(names)}")
    require_properties(table, names, file, "sh")
    if len(table) != n:
        raise Corrupt(file, "header.element sh", f"{n} rows as in vertex", f"{len(table)}")
    if any(table.dtype[name] != np.uint8 for name in names):
        raise Unsupported(file, "sh", "uchar properties", f"{table.dtype}"[:80])
    # The outermost levels stand for the ends of the range, all others for the middle of their step.
    levels = (np.arange(256) + 0.5) / 256.0
    levels[0], levels[255] = 0.0, 1.0
    values = ((levels - 0.5) * 2.0 * SH_LIMIT).astype(np.float32)
    per_channel = len(names) // 3
    out = np.empty((n, per_channel, 3), np.float32)
    for i, name in enumerate(names):
        out[:, i % per_channel, i // per_channel] = values[table[name]]
    return out


def encode(scene: Scene, file: BinaryIO) -> None:
    """Writes the scene as a compressed .ply, in Morton order (a chunk's range is as narrow as its Gaussians are close).

    Positions, scales and colours are rounded within their chunk's range, so an outlier coarsens its chunk only.

    Raises:
        InputError: non-finite values or zero quaternions.
    """
    require_finite(scene, ".compressed.ply")
    scene = scene.select(morton_order(scene.means))
    n = len(scene)
    vertex = np.zeros(n, [(name, "<u4") for name in _PACKED])
    colour = scene.sh[:, 0].astype(np.float64) * SH_C0 + 0.5
    fields = (("packed_position", scene.means), ("packed_scale", scene.log_scales))
    ranges = []
    for name, values in fields:
        fractions, bounds = _fractions(values)
        ranges.append(bounds)
        vertex[name] = _pack(fractions, _WIDTHS)
    fractions, bounds = _fractions(colour)
    ranges.append(bounds)
    opacity = opacity_to_bytes(scene.opacity_logits)[:, None] / 255.0
    vertex["packed_color"] = _pack(np.concatenate([fractions, opacity], 1), (8, 8, 8, 8))
    largest, three = smallest_three(scene.quats)
    vertex["packed_rotation"] = _pack(np.concatenate([largest[:, None] / 3.0, three / np.sqrt(2.0) + 0.5], 1), (2, 10, 10, 10))
    rest = scene.sh[:, 1:].transpose(0, 2, 1).reshape(n, 3 * (scene.sh.shape[1] - 1))
    levels = np.clip(np.floor((rest / (2.0 * SH_LIMIT) + 0.5) * 256.0), 0, 255).astype(np.uint8)
    file.write(_header(n, levels.shape[1], scene.antialiased))
    for block in (np.concatenate(ranges, 1).astype("<f4"), vertex, levels):
        file.write(block.tobytes())


def _fractions(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values [N, 3] as fractions of their chunk's range, and the ranges [chunks, 6] as float32 minima and maxima."""
    starts = np.arange(0, len(values), CHUNK)
    if not len(starts):
        return np.empty((0, 3)), np.empty((0, 6), np.float32)
    low = np.minimum.reduceat(values, starts).astype(np.float32)
    high = np.maximum.reduceat(values, starts).astype(np.float32)
    owner = np.arange(len(values)) // CHUNK
    extent = high.astype(np.float64) - low
    return (values - low.astype(np.float64)[owner]) / np.where(extent > 0, extent, 1.0)[owner], np.concatenate([low, high], 1)


def _header(n: int, rest: int, antialiased: bool) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0"]
    if antialiased:
        lines.append("comment SplatRenderMode: mip")
    lines.append(f"element chunk {-(-n // CHUNK)}")
    lines += [f"property float {b}_{name}" for group in (_AXES, _SCALES, _COLOURS) for b in ("min", "max") for name in group]
    lines += [f"element vertex {n}", *(f"property uint {name}" for name in _PACKED)]
    if rest:
        lines += [f"element sh {n}", *(f"property uchar f_rest_{i}" for i in range(rest))]
    return ("\n".join([*lines, "end_header"]) + "\n").encode()


def limits(scene: Scene) -> list[str]:
    """What the format cannot hold of this scene, one sentence each."""
    clipped = int(np.count_nonzero((np.abs(scene.sh[:, 1:]) > SH_LIMIT).any((1, 2))))
    return [f".compressed.ply clips the harmonics of {plural(clipped, 'Gaussian')} to [-4, 4]"] if clipped else []
