"""What the header says, and the steps and sizes that follow from it, in integers (FORMAT.md, "Steps" and "Tables")."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .. import detmath

CLASSES = 16
"""Precision classes; each halves the steps of the one before."""
FIXED_BITS = 12
ONE = 1 << FIXED_BITS
"""Attributes are integers in 1/4096."""
VALUE_LIMIT = 1 << 20
STEP_SCALE, STEP_ROTATION, STEP_OPACITY, STEP_POSITION, STEP_COLOR, STEP_SH = range(6)
SCALAR_STEP = (STEP_SCALE, STEP_SCALE, STEP_SCALE, STEP_OPACITY, STEP_COLOR, STEP_COLOR, STEP_COLOR)
"""The step of each scalar: log2 scales (3), log2 opacity, colour (3)."""


def _table(values: np.ndarray) -> list[int]:
    return np.floor(values + 0.5).astype(int).tolist()


_D = np.arange(1024)
_SINH_AT = (_D + 0.5) / 64.0
HYPOT = _table(0.5 * detmath.LOG2_E * detmath.log(1 + detmath.exp2(-2 * (_D / 64.0))) * ONE)
"""log2 sqrt(4^-d + 1) of d = i / 64, fixed point."""
SINH = _table(256 * detmath.LOG2_E * detmath.log((detmath.exp2(_SINH_AT) - detmath.exp2(-_SINH_AT)) / 2))
"""log2 sinh(d ln 2) of d = (i + 1/2) / 64, in 1/256."""
LOG2 = _table(detmath.LOG2_E * detmath.log(1 + (np.arange(64) + 0.5) / 64) * ONE)
"""log2(1 + (i + 1/2) / 64), fixed point."""


def clip(v: int, low: int, high: int) -> int:
    """v within [low, high]."""
    return low if v < low else high if v > high else v


def log2_hypot(a: int, b: int) -> int:
    """log2 sqrt(4^a + 4^b), fixed point."""
    d = (a - b if a > b else b - a) >> (FIXED_BITS - 6)
    return (a if a > b else b) + (HYPOT[d] if d < 1024 else 0)


def log2_integer(v: int) -> int:
    """log2 of a positive integer, fixed point."""
    k = v.bit_length() - 1
    return k * ONE + LOG2[(v >> (k - 6) if k >= 6 else v << (6 - k)) & 63]


def compact(code: int) -> int:
    """Every third bit of a Morton code, from the lowest."""
    code &= 0x1249249249249249
    code = (code | code >> 2) & 0x10C30C30C30C30C3
    code = (code | code >> 4) & 0x100F00F00F00F00F
    code = (code | code >> 8) & 0x1F0000FF0000FF
    code = (code | code >> 16) & 0x1F00000000FFFF
    return (code | code >> 32) & 0x1FFFFF


@dataclass(frozen=True)
class Params:
    """What every chunk needs to know.

    Attributes:
        depth: octree levels.
        origin, voxel: corner of the root cube and edge of a voxel, world units.
        log2_step: of scale, rotation, opacity, position, colour and harmonics at class 0, 1/256 octave.
        view_centre, view_radius: the blur grows with hypot(distance from here, radius), voxels.
        log2_footprint: log2 of blur over that, world units per voxel, fixed point.
        mean: prediction of the scalars where there is no neighbour, fixed point.
        predictor: 10 weights for each scalar, in 1/1024.
        basis: int64 [components, 3 rest] of the harmonics, in 1/127.
        steps: of each attribute at each class, fixed point.
        inverses: 2^32 // step of each.
        log2_voxel: fixed point.
    """

    depth: int
    origin: tuple[float, float, float]
    voxel: float
    log2_step: tuple[int, ...]
    view_centre: tuple[int, int, int]
    view_radius: int
    log2_footprint: int
    mean: tuple[int, ...]
    predictor: tuple[tuple[int, ...], ...]
    basis: np.ndarray
    steps: list[list[int]] = field(init=False)
    inverses: list[list[int]] = field(init=False)
    log2_voxel: int = field(init=False)

    def __post_init__(self) -> None:
        octaves = (np.array(self.log2_step)[:, None] - 256 * np.arange(CLASSES)) / 256.0
        steps = np.clip(np.floor(detmath.exp2(octaves) * ONE + 0.5), 1, VALUE_LIMIT)
        object.__setattr__(self, "steps", steps.astype(int).tolist())
        object.__setattr__(self, "inverses", (2**32 // steps.astype(np.int64)).tolist())
        log2_voxel = np.floor(detmath.LOG2_E * detmath.log(self.voxel) * ONE + 0.5)
        object.__setattr__(self, "log2_voxel", int(log2_voxel))

    def log2_blur(self, code: int) -> int:
        """log2 of the blur that hides detail at a voxel, world units, fixed point."""
        d = self.view_radius * self.view_radius
        for axis, centre in enumerate(self.view_centre):
            away = compact(code >> axis) - centre
            d += away * away
        return self.log2_footprint + log2_integer(d) // 2

    def position_steps(self, log2_scales: list[int], blur: int, geometry_class: int) -> list[int]:
        """log2 of the position step along each of the Gaussian's axes, fixed point."""
        base = self.log2_step[STEP_POSITION] * (ONE // 256) - geometry_class * ONE
        low, high = self.log2_voxel - 19 * ONE, self.log2_voxel + 19 * ONE
        return [clip(base + log2_hypot(s, blur), low, high) for s in log2_scales[:3]]
