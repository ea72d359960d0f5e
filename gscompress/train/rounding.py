"""From a trained scene to a file.

The lattice of the format moves with every value coded before, so a straight-through quantiser would chase noise. Values are
rounded group by group instead, in the order in which they are coded, and those that are left learn to make up for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..anchored import AnchorDraft
from ..draft import Draft, Encoded
from ..encoder import Encoder
from ..scene import Scene
from .anchors.fit import coded
from .harmonics import HarmonicLattice
from .student import GROUPS, Rates, Student
from .views import Views

STAGES = (
    (0.5, ("means", "opacity_logits", "sh_constant", "sh_rest")),
    (0.3, ("opacity_logits", "sh_constant", "sh_rest")),
    (0.2, ("sh_constant",)),
)
"""Share of the iterations, and what still learns: after scales and rotations, positions, harmonics and opacities are rounded."""


@dataclass(frozen=True, eq=False)
class Rounder:
    """Rounds a student.

    Attributes:
        encoder: of the student, with the teacher's images.
        views: the same images on the device that trains.
        rates: learning rates at the start.
        decay: those at the end over those.
        distance: see `Student`.
        arrange: puts the splats in anchors; None for a file without.
    """

    encoder: Encoder
    views: Views
    rates: Rates
    distance: float
    decay: float = 0.05
    arrange: Callable[[Draft], AnchorDraft] | None = None

    def size(self, slope: float) -> int:
        """Bytes of the file before anything has made up for the rounding: within a percent of those after, mostly."""
        draft, predictor, run = self._code(slope)
        return len(draft.file(run, draft.basis.shape[0], predictor, np.arange(len(self.encoder.scene))).pack({}))

    def file(self, slope: float, iterations: int) -> Encoded:
        """The file at `slope`."""
        scene = self.encoder.scene
        draft, predictor, run = self._code(slope)
        order, components = draft.layout.order, draft.basis.shape[0]
        wanted = scene.select(order)
        file = draft.file(run, components, predictor, np.arange(len(scene)))
        harmonics = HarmonicLattice(draft, np.arange(len(scene)), self.views.device)
        for share, free in STAGES if iterations else ():
            student = self._student(file.decode(), wanted, free)
            steps = round(share * iterations)
            for step in range(steps):
                seen = dict(student.tensors)
                if "sh_rest" in free:
                    seen["sh_rest"] = harmonics.rounded(seen["sh_rest"])
                self.views.error(seen, self.views.draw(), student.antialiased).backward()
                student.step(self.decay ** (step / steps))
            wanted = student.scene()
            draft = draft.retrained(wanted)
            file = draft.file(draft.run(predictor, components), components, predictor, np.arange(len(scene)))
        return file

    def _code(self, slope: float) -> tuple[Any, np.ndarray, Any]:
        """Draft, predictor and run; drafts with anchors and without have the same methods, and runs of their own kind."""
        if self.arrange is None:
            return self.encoder.code(self.encoder.scene, slope)
        draft = self.arrange(self.encoder.draft(self.encoder.scene, slope))
        run, predictor = coded(draft)
        return draft, predictor, run

    def _student(self, decoded: Scene, wanted: Scene, free: tuple[str, ...]) -> Student:
        """The decoded scene, but with the values of `wanted` in what is free."""
        student = Student(decoded, self.rates, self.distance, self.views.device)
        loose = Student(wanted, self.rates, self.distance, self.views.device)
        for name in GROUPS:
            student.tensors[name].requires_grad_(name in free)
            if name in free:
                with torch.no_grad():
                    student.tensors[name].copy_(loose.tensors[name])
        return student
