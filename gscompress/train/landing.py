"""From a trained student to the file that meets a target: a few tries at slopes near the one that was trained for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ..config import RefineOptions
from ..draft import Encoded
from ..rate import PSNR_SLACK
from .rounding import Rounder

SETTLING = 6
"""Tries to land on a target."""
DECIBEL_PER_OCTAVE = -1.4
"""PSNR over lambda of a trained scene, about."""
OCTAVES_PER_SIZE_OCTAVE = 4.5
"""Lambda over size of a trained scene, about: all its splats stay."""
SIZE_SLACK, REFINED_PSNR_SLACK = 0.01, 0.2


@dataclass(eq=False)
class Landing:
    """The way to a file that meets the target, which Ctrl-C may end at any moment.

    Attributes:
        rounder: of the student.
        judge: gives a file its PSNR. It is the teacher's encoder's, which renders its views once; the student's would render them again.
        slope: where to look first.
        options: they say what the target is, if there is one.
        about: the note that goes into the file; it counts towards its size.
        best: the best file so far that meets the target.
    """

    rounder: Rounder
    judge: Callable[[Encoded], Encoded]
    slope: float
    options: RefineOptions
    about: dict
    best: Encoded | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._octaves = math.log2(self.slope)

    def settle(self, steps: int, progress: Callable[[float], None]) -> Encoded | None:
        """The file at the slope, or at the one near it that meets the target; None where none does.

        Args:
            steps: of learning that makes up for the rounding, in each try.
            progress: called with the share of the tries made.
        """
        size = self.options.target_size
        if size is not None:
            for _ in range(SETTLING):  # cheap steps first: without making up for the rounding
                self._octaves += OCTAVES_PER_SIZE_OCTAVE * math.log2(self.rounder.size(2**self._octaves) / (size * (1 - SIZE_SLACK / 2)))
        for attempt in range(SETTLING):
            off = self._offer(steps)
            progress((attempt + 1) / SETTLING)
            if off is None:
                break
            self._octaves += off
        return self.best

    def at_once(self) -> Encoded | None:
        """The best so far; where there is none, the file as it is rounded without learning, if that meets the target."""
        if self.best is None:
            self._offer(0)
        return self.best

    def _offer(self, steps: int) -> float | None:
        """Makes the file of this try and keeps it if it is the best; octaves to the slope of the next, None where it is as wished."""
        file = self.judge(self.rounder.file(2**self._octaves, steps))
        found, size, psnr = len(file.pack(self.about)), self.options.target_size, self.options.target_psnr
        assert file.psnr is not None
        before = None if self.best is None else len(self.best.pack(self.about))
        if size is not None:
            if found <= size and (before is None or found > before):
                self.best = file
            octaves = OCTAVES_PER_SIZE_OCTAVE * math.log2(found / (size * (1 - SIZE_SLACK / 2)))
            return None if (1 - SIZE_SLACK) * size < found <= size else octaves
        if psnr is not None:
            over = file.psnr - psnr
            if over >= 0 and (before is None or found < before):
                self.best = file
            return None if 0 <= over <= REFINED_PSNR_SLACK else (PSNR_SLACK / 3 - over) / DECIBEL_PER_OCTAVE
        self.best = file
        return None
