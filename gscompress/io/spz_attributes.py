"""Quantised attributes of .spz files; `spz` documents their layout and frames them."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..scene import SH_COEFFICIENTS, Scene
from .common import (
    Parsed,
    from_smallest_three,
    opacity_from_bytes,
    opacity_to_bytes,
    plural,
    require_finite,
    smallest_three,
)

DEFAULT_FRACTIONAL_BITS = 12
MAX_FRACTIONAL_BITS = 23
_POSITION_LIMIT = (1 << 23) - 1
_DC_SCALE = 0.15
_SCALE_OFFSET, _SCALE_STEPS = 10.0, 16.0
_MAGNITUDES = 511
_KEPT_REST = max(SH_COEFFICIENTS.values()) - 1


def widths(version: int, degree: int) -> tuple[int, ...]:
    """Bytes per Gaussian of position, opacity, colour, scale, rotation and harmonics."""
    return (6 if version == 1 else 9, 1, 3, 3, 3 if version < 3 else 4, 3 * ((degree + 1) ** 2 - 1))


def unpack(parts: list[bytes], version: int, count: int, fractional_bits: int, antialiased: bool) -> Parsed:
    """The scene of six attribute blocks whose sizes are `count` times `widths`."""
    position, opacity, colour, scale, rotation, rest = (
        np.frombuffer(part, np.uint8).reshape(count, len(part) // max(count, 1)) for part in parts
    )
    if version == 1:
        means = position.reshape(-1).view("<f2").reshape(count, 3).astype(np.float32)
    else:
        low = position.reshape(count, 3, 3).astype(np.int32)
        # Shifted up and back down, so that the top bit extends as the sign.
        means = (low[..., 0] << 8 | low[..., 1] << 16 | low[..., 2] << 24) >> 8
        means = means / float(1 << fractional_bits)
    harmonics = rest.reshape(count, rest.shape[1] // 3, 3)
    sh = np.empty((count, 1 + min(harmonics.shape[1], _KEPT_REST), 3), np.float32)
    sh[:, 0] = ((colour / 255.0 - 0.5) / _DC_SCALE).reshape(count, 3)
    sh[:, 1:] = (harmonics[:, :_KEPT_REST].astype(np.float32) - 128.0) / 128.0
    scene = Scene(
        means,
        (_from_first_three(rotation) if version < 3 else _from_smallest_three(rotation)).reshape(count, 4),
        (scale / _SCALE_STEPS - _SCALE_OFFSET).reshape(count, 3),
        opacity_from_bytes(opacity.reshape(count)),
        sh,
        antialiased,
    )
    dropped = harmonics.shape[1] > _KEPT_REST
    return Parsed(scene, ("spherical harmonics above degree 3 were dropped",) if dropped else ())


def _from_first_three(rotation: np.ndarray) -> np.ndarray:
    xyz = rotation / 127.5 - 1.0
    w = np.sqrt(np.maximum(0.0, 1.0 - np.square(xyz).sum(1, keepdims=True)))
    return np.concatenate([w, xyz], 1)


def _from_smallest_three(rotation: np.ndarray) -> np.ndarray:
    word = rotation.reshape(-1).view("<u4").astype(np.int64)
    fields = word[:, None] >> np.array([20, 10, 0]) & 1023
    three = (fields & _MAGNITUDES) * (np.sqrt(0.5) / _MAGNITUDES) * np.where(fields >> 9, -1.0, 1.0)
    return np.roll(from_smallest_three(word >> 30, three), 1, axis=1)


def pack(scene: Scene, sh_bits: tuple[int, int], fractional_bits: int | None) -> tuple[list[bytes], int]:
    """The six attribute blocks (version 3 and 4) and the fractional bits used; see `spz.encode` for the options.

    Raises:
        InputError: an option out of range, non-finite values, or positions beyond the range of 24 bits.
    """
    require_finite(scene, ".spz")
    if len(sh_bits) != 2 or not all(isinstance(bits, int) and 1 <= bits <= 8 for bits in sh_bits):
        raise InputError(f"sh_bits: expected two integers from 1 to 8, found {sh_bits!r}")
    if fractional_bits is None:
        fractional_bits = choose_fractional_bits(scene)
    if not 0 <= fractional_bits <= MAX_FRACTIONAL_BITS:
        raise InputError(f"fractional_bits: expected 0 to {MAX_FRACTIONAL_BITS}, found {fractional_bits}")
    if not _fits(scene, fractional_bits):
        raise InputError(
            f"scene.means: expected magnitudes up to {_POSITION_LIMIT / 2.0**fractional_bits:g} for .spz with "
            f"{fractional_bits} fractional bits, found {np.abs(scene.means).max():g}"
        )
    n = len(scene)
    fixed = np.rint(scene.means.astype(np.float64) * (1 << fractional_bits)).astype("<i4")
    largest, three = smallest_three(np.roll(scene.quats, -1, axis=1))
    fields = np.rint(np.abs(three) * (_MAGNITUDES / np.sqrt(0.5))).astype(np.uint32) | (three < 0) * np.uint32(512)
    word = largest.astype(np.uint32) << 30 | fields[:, 0] << 20 | fields[:, 1] << 10 | fields[:, 2]
    blocks = [
        fixed.view(np.uint8).reshape(n, 3, 4)[:, :, :3],
        opacity_to_bytes(scene.opacity_logits),
        _to_bytes(scene.sh[:, 0].astype(np.float64) * (_DC_SCALE * 255.0) + 127.5),
        _to_bytes((scene.log_scales.astype(np.float64) + _SCALE_OFFSET) * _SCALE_STEPS),
        word.astype("<u4"),
        _round_harmonics(scene.sh[:, 1:], sh_bits),
    ]
    return [block.tobytes() for block in blocks], fractional_bits


def choose_fractional_bits(scene: Scene) -> int:
    """Fractional bits for positions: the reference's 12 where they do; more for small scenes, fewer for wide ones.

    More, while the step exceeds a quarter of the median standard deviation of the Gaussians (a scene of unit size
    with details of 1e-4 falls apart at 1/4096); at most what the range of 24 bits leaves.

    Raises:
        InputError: positions beyond 2^23, which not even whole numbers hold.
    """
    bits = DEFAULT_FRACTIONAL_BITS
    wanted = float(np.exp(np.median(scene.log_scales))) / 4.0 if len(scene) else 1.0
    while bits < MAX_FRACTIONAL_BITS and 2.0**-bits > wanted and _fits(scene, bits + 1):
        bits += 1
    while bits > 0 and not _fits(scene, bits):
        bits -= 1
    return bits


def _fits(scene: Scene, fractional_bits: int) -> bool:
    return float(np.abs(scene.means).max(initial=0.0)) * 2.0**fractional_bits <= _POSITION_LIMIT


def _to_bytes(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _round_harmonics(rest: np.ndarray, sh_bits: tuple[int, int]) -> np.ndarray:
    """uint8 levels, rounded to multiples of 2^(8 - bits): zero stays exact, and the coder sees fewer symbols."""
    levels = np.rint(rest.astype(np.float64) * 128.0) + 128.0
    for part, bits in ((slice(0, 3), sh_bits[0]), (slice(3, None), sh_bits[1])):
        bucket = 1 << (8 - bits)
        levels[:, part] = np.floor((levels[:, part] + bucket // 2) / bucket) * bucket
    return _to_bytes(levels)


def limits(scene: Scene) -> list[str]:
    """What the format cannot hold of this scene, one sentence each."""
    scale_range = (-_SCALE_OFFSET, 255.0 / _SCALE_STEPS - _SCALE_OFFSET)
    checks = (
        ("scales", scene.log_scales, *scale_range),
        ("base colour", scene.sh[:, 0], -0.5 / _DC_SCALE, 0.5 / _DC_SCALE),
        ("harmonics", scene.sh[:, 1:].reshape(len(scene), 3 * (scene.sh.shape[1] - 1)), -1.0, 127.0 / 128.0),
    )
    counts = [(name, int(np.count_nonzero(((v < low) | (v > high)).any(1)))) for name, v, low, high in checks]
    return [f".spz clips the {name} of {plural(count, 'Gaussian')} to its range" for name, count in counts if count]
