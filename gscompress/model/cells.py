"""What has been decoded near a place: running means of the attributes in a cell (FORMAT.md, "Cells")."""

from __future__ import annotations

from typing import Protocol

from .steps import ONE

_RECIPROCAL = (65536, 32768, 21845, 16384, 13107, 10923, 9362, 8192, 7282, 6554, 5958, 5461, 5041, 4681, 4369, 4096, 3855)
COUNT_LIMIT = 1000


def drift(mean: int, value: int, count: int) -> int:
    """The running mean after one more value, with a memory of 16."""
    return mean + ((value - mean) * _RECIPROCAL[count if count < 16 else 16] >> 16)


class Described(Protocol):
    """A cell that knows how many harmonics its splats have: the mean, fixed point, and how many splats there are."""

    count: int
    sh_count: int


class Cell:
    """Means over the splats of a cell, fixed point, and the index of the last one."""

    __slots__ = ("count", "error", "geometry_class", "last", "sh_count", "value")

    def __init__(self) -> None:
        self.count = 0
        self.last = -1
        self.value = [0] * 7
        self.error = [0] * 7
        self.geometry_class = 0
        self.sh_count = 0

    def add(self, index: int, value: list[int], error: list[int], geometry_class: int) -> None:
        """Takes a decoded splat in."""
        count = self.count
        share = _RECIPROCAL[count if count < 16 else 16]
        self.value = [m + ((v - m) * share >> 16) for m, v in zip(self.value, value, strict=True)]
        self.error = [m + ((abs(e) - m) * share >> 16) for m, e in zip(self.error, error, strict=True)]
        self.geometry_class = drift(self.geometry_class, geometry_class * ONE, count)
        self.last = index
        if count < COUNT_LIMIT:
            self.count = count + 1


class MotionCell:
    """What has become of the splats that were in a cell (FORMAT.md, "Following frames"): running means.

    Attributes:
        motion: of their places, in 1/16 of a place's unit.
        error: of the magnitudes of what their values changed by, fixed point.
        offset: of log2 of their offsets' sizes, world units, fixed point.
    """

    __slots__ = ("count", "error", "motion", "offset", "sh_count")

    def __init__(self) -> None:
        self.count = 0
        self.motion = [0] * 3
        self.error = [0] * 7
        self.offset = 0
        self.sh_count = 0

    def add(self, motion: list[int], error: list[int], offset: int) -> None:
        """Takes a decoded splat in."""
        count = self.count
        self.motion = [drift(m, v, count) for m, v in zip(self.motion, motion, strict=True)]
        self.error = [drift(m, abs(e), count) for m, e in zip(self.error, error, strict=True)]
        self.offset = drift(self.offset, offset, count)
        if count < COUNT_LIMIT:
            self.count = count + 1
