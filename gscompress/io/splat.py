"""antimatter15's .splat: rows of 32 bytes and nothing else.

Offset 0: float32 [3] centre; 12: float32 [3] standard deviations (not logarithms); 24: uint8 [4] colour and opacity,
255 being 1.0; 28: uint8 [4] rotation wxyz as 128 q + 128. No harmonics, no header, no count.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from ..errors import InputError, Truncated
from ..scene import SH_C0, Scene
from .common import Buffer, Parsed, opacity_from_bytes, opacity_to_bytes, plural, require_finite, unit_quats

ROW = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("quat", "u1", 4)])

_SAMPLE = 2048
_MAX_EXTENT = 1e9
_MAX_SCALE = 1e6
_TINY = np.finfo(np.float32).tiny


def looks_like(head: Buffer, size: int) -> bool:
    """Whether a file without any magic is plausibly a .splat, judged by its size and its first rows.

    At least half of the rows have a finite centre within 1e9 units and scales in (0, 1e6]. Random bytes pass in
    about one row of a thousand; half, because real files carry a few broken rows.
    """
    if size == 0 or size % ROW.itemsize:
        return False
    rows = np.frombuffer(head, ROW, min(len(head) // ROW.itemsize, _SAMPLE))
    sane = (np.abs(rows["mean"]) < _MAX_EXTENT).all(1) & (rows["scale"] > 0).all(1) & (rows["scale"] <= _MAX_SCALE).all(1)
    return len(rows) > 0 and 2 * int(np.count_nonzero(sane)) >= len(rows)


def decode(data: Buffer, file: str = "<bytes>") -> Parsed:
    """Reads a scene of degree 0. Negative scales become NaN, which the caller counts as broken rows.

    Raises:
        Truncated: the size is not a multiple of 32, or zero.
    """
    if len(data) == 0 or len(data) % ROW.itemsize:
        raise Truncated(file, "size", f"a positive multiple of {ROW.itemsize} bytes", f"{len(data)}")
    rows = np.frombuffer(data, ROW)
    rgb = rows["rgba"][:, :3].astype(np.float32) / 255.0
    # A scale that underflowed to zero is a legal, invisible Gaussian; its logarithm would not be.
    log_scales = np.log(np.where(rows["scale"] == 0, _TINY, rows["scale"]))
    scene = Scene(
        rows["mean"].copy(),  # of a single row it would be a view of the mapped file
        (rows["quat"].astype(np.float32) - 128.0) / 128.0,
        log_scales,
        opacity_from_bytes(rows["rgba"][:, 3]),
        ((rgb - 0.5) / SH_C0)[:, None, :],
    )
    return Parsed(scene, ("a .splat file has no spherical harmonics, and 8 bits of colour, opacity and rotation",))


def encode(scene: Scene, file: BinaryIO) -> None:
    """Writes the scene as .splat rows in its own order. `limits` says what is lost on the way.

    Raises:
        InputError: no Gaussians (the file would be empty), non-finite values, or scales beyond float32.
    """
    if not len(scene):
        raise InputError("scene: expected at least one Gaussian, found none: .splat has no header to say so")
    require_finite(scene, ".splat")
    rows = np.empty(len(scene), ROW)
    rows["mean"] = scene.means
    with np.errstate(over="ignore"):
        rows["scale"] = np.maximum(np.exp(scene.log_scales), _TINY)
    if not np.isfinite(rows["scale"]).all():
        raise InputError(f"scene.log_scales: expected at most 88.7 to write .splat, found {scene.log_scales.max():.1f}")
    colour = np.clip(scene.sh[:, 0].astype(np.float64) * SH_C0 + 0.5, 0.0, 1.0)
    rows["rgba"][:, :3] = np.rint(255.0 * colour)
    rows["rgba"][:, 3] = opacity_to_bytes(scene.opacity_logits)
    rows["quat"] = np.clip(np.rint(unit_quats(scene.quats) * 128.0 + 128.0), 0, 255)
    file.write(rows.tobytes())


def limits(scene: Scene) -> list[str]:
    """What the format cannot hold of this scene, one sentence each."""
    found = []
    if scene.sh_degree:
        found.append(f".splat drops the spherical harmonics of degree 1 to {scene.sh_degree}")
    colour = scene.sh[:, 0] * SH_C0 + 0.5
    clipped = int(np.count_nonzero(((colour < 0) | (colour > 1)).any(1)))
    if clipped:
        found.append(f".splat clips the base colour of {plural(clipped, 'Gaussian')} to [0, 1]")
    if scene.antialiased:
        found.append(".splat cannot say that the scene was trained antialiased")
    return found
