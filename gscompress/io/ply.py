"""The .ply layout that 3D Gaussian splatting trainers write.

Element `vertex`, all float32, in INRIA's order: x y z nx ny nz f_dc_0..2 f_rest_0..3(K-1)-1 opacity scale_0..2
rot_0..3. f_rest is channel-major (all of red, then green, then blue), opacity a logit, scale a natural logarithm, rot
wxyz of any length, the colour 0.5 + 0.2820948 f_dc. The reader takes any order and number type, binary of both byte
orders or ASCII, and files without normals; the writer writes exactly the layout above.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from ..errors import Unsupported
from ..scene import SH_C0, Scene
from .common import Buffer, Parsed
from .ply_header import PlyTables, read_tables, require_properties

_BLOCK = 8192
"""Rows converted at a time: one block of the widest layout (2 MB) stays in the cache for all of its columns."""

_REST_COUNTS = {0: 1, 9: 4, 24: 9, 45: 16, 72: 25}
"""Coefficients per channel, the constant one included, by number of f_rest properties."""

_MAX_COEFFICIENTS = 16

_GEOMETRY = [*"xyz", "opacity", *(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]
_DC = [f"f_dc_{i}" for i in range(3)]
_RGB = ["red", "green", "blue"]
_NORMALS = ["nx", "ny", "nz"]


def decode(data: Buffer, file: str = "<bytes>") -> Parsed:
    """Reads a trained scene from the bytes of a .ply file.

    Args:
        data: the file.
        file: its name, for messages.

    Raises:
        BadMagic, Truncated, Corrupt: the bytes are no PLY file, or less than its header says.
        Unsupported: a sound PLY file without the properties of a splat scene; the message names them.
    """
    ply = read_tables(data, file)
    if "vertex" not in ply.tables:
        raise Unsupported(file, "header", "an element 'vertex' of fixed row size", f"{[*ply.tables, *ply.unread]}")
    table = ply.tables["vertex"]
    names = list(table.dtype.names or ())
    has_dc = set(_DC) <= set(names)
    has_rgb = set(_RGB) <= set(names)
    require_properties(table, [*_GEOMETRY, *(_DC if has_dc or not has_rgb else ())], file, "vertex")
    rest = [name for name in names if name.startswith("f_rest_")]
    if len(rest) not in _REST_COUNTS or set(rest) != {f"f_rest_{i}" for i in range(len(rest))}:
        raise Unsupported(file, "vertex.f_rest_*", "0, 9, 24 or 45 properties numbered from 0", f"{len(rest)}: {rest[:3]}...")
    stored = _REST_COUNTS[len(rest)]
    kept = min(stored, _MAX_COEFFICIENTS)
    n = len(table)
    means, quats, log_scales = (np.empty((n, width), np.float32) for width in (3, 4, 3))
    opacity_logits, sh = np.empty(n, np.float32), np.empty((n, kept, 3), np.float32)
    colours = _DC if has_dc else _RGB
    targets = {"opacity": opacity_logits}
    for prefix, columns in (("scale_", log_scales), ("rot_", quats)):
        targets |= {f"{prefix}{i}": columns[:, i] for i in range(columns.shape[1])}
    for channel in range(3):
        targets["xyz"[channel]] = means[:, channel]
        targets[colours[channel]] = sh[:, 0, channel]
        targets |= {f"f_rest_{channel * (stored - 1) + k - 1}": sh[:, k, channel] for k in range(1, kept)}
    for start in range(0, n, _BLOCK):
        block = table[start : start + _BLOCK]
        for name, column in targets.items():
            column[start : start + _BLOCK] = block[name]
    if not has_dc:
        sh[:, 0] = (sh[:, 0] / _white(table) - 0.5) / SH_C0
    scene = Scene(means, quats, log_scales, opacity_logits, sh, ply.antialiased)
    return Parsed(scene, tuple(_notes(ply, names, targets, has_dc, stored)))


def _white(table: np.ndarray) -> np.ndarray:
    """float32 [3]: the values of red, green and blue that mean 1.0: the greatest integer of the type, or 1.0."""
    kinds = [table.dtype[name] for name in _RGB]
    return np.array([np.iinfo(kind).max if kind.kind in "iu" else 1.0 for kind in kinds], np.float32)


def _notes(ply: PlyTables, names: list[str], used: dict[str, np.ndarray], has_dc: bool, stored: int) -> list[str]:
    notes = []
    if not has_dc:
        notes.append("no f_dc_*: the base colour was taken from red, green and blue")
    if stored > _MAX_COEFFICIENTS:
        notes.append("spherical harmonics above degree 3 were dropped")
    if not set(_NORMALS) <= set(names):
        notes.append("the file has no normals (they carry nothing in a splat scene)")
    extra = [name for name in names if name not in used and name not in _NORMALS and not name.startswith("f_rest_")]
    if extra:
        notes.append(f"ignored vertex properties: {', '.join(extra)}")
    others = [name for name in (*ply.tables, *ply.unread) if name != "vertex"]
    if others:
        notes.append(f"ignored elements: {', '.join(others)}")
    return notes


def encode(scene: Scene, file: BinaryIO) -> None:
    """Writes the scene to an open binary file in INRIA's layout, float32 little-endian, normals zero.

    Lossless, non-finite values included. A scene trained antialiased says so in Brush's comment.
    """
    rest = 3 * (scene.sh.shape[1] - 1)
    names = [*"xyz", *_NORMALS, *_DC, *(f"f_rest_{i}" for i in range(rest)), *_GEOMETRY[3:]]
    comments = ["comment SplatRenderMode: mip"] if scene.antialiased else []
    lines = ["ply", "format binary_little_endian 1.0", *comments, f"element vertex {len(scene)}"]
    lines += [*(f"property float {name}" for name in names), "end_header", ""]
    file.write("\n".join(lines).encode())
    block = np.zeros((_BLOCK, len(names)), "<f4")
    for start in range(0, len(scene), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(scene)))
        count = rows.stop - rows.start
        block[:count, 0:3] = scene.means[rows]
        block[:count, 6:9] = scene.sh[rows, 0]
        block[:count, 9 : 9 + rest] = scene.sh[rows, 1:].transpose(0, 2, 1).reshape(count, rest)
        block[:count, 9 + rest] = scene.opacity_logits[rows]
        block[:count, 10 + rest : 13 + rest] = scene.log_scales[rows]
        block[:count, 13 + rest :] = scene.quats[rows]
        file.write(block[:count].data)
