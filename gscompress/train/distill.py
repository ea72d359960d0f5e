"""Distillation: a scene with fewer Gaussians, and cheaper ones, that looks like its teacher from the teacher's own views.

    loss = squared error of the renders + lambda * bits

Gaussians that are worth less than their bits go, a few at a time, while the others learn to do their work. What is rendered has no
coder's errors in it, unless the schedule asks for those of the coder's last call: rounding.py mends them afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..draft import BLUR_SIGMA, Draft
from ..encoder import Encoder
from ..errors import GSCompressError
from ..model.weights import PRUNE_BITS
from ..scene import Scene
from .anchors.bits import AnchorBits
from .anchors.joint import JointAnchors
from .anchors.parts import Parts
from .anchors.slots import NEW
from .bits import BitModel
from .growing import Grower, Growth
from .lattice import aligned
from .masks import Masks
from .shapes import ShapeOptions, ShapeQuantiser
from .student import Rates, Student, tensors_of
from .targets import Targets
from .views import Views


@dataclass(frozen=True)
class Schedule:
    """What happens when.

    Attributes:
        iterations: steps of Adam, a view each.
        reviews: how often Gaussians are weighed; until `prune_until` of the iterations those that are worth too little go.
        prune_until: share of the iterations.
        prune_bits: a Gaussian stays that is worth so many bits in the end.
        first_share: the same at the first review, over that.
        noise_from: share of the iterations after which the coder's errors are added to the values that are rendered; 1 for never, which
            measured better (0.3 to 1.9 % fewer bytes).
        noise_every: iterations between two calls of the coder, for them and for what bits cost.
        rate_every: iterations for which one gradient of the bits is used.
        decay: learning rates at the end over those at the start.
        mask_rate: learning rate of masks that decide in place of the weighing who goes (masks.py); 0 for none, which measured better.
        rates: learning rates.
        codebooks_from: share of the iterations after which scales and rotations are rendered as sums of codewords, which are
            trained along with their rate; 1 for never. No file can hold them yet: tools/bench/results/residual_vq.md says why.
        shapes: of these codebooks.
        anchors: what predicts the splats, trained along with them; None for a file without anchors.
        growth: how many Gaussians are split.
    """

    iterations: int = 2000
    reviews: int = 10
    prune_until: float = 0.5
    prune_bits: float = 250.0
    first_share: float = 0.25
    noise_from: float = 1.0
    noise_every: int = 25
    rate_every: int = 4
    decay: float = 0.03
    mask_rate: float = 0.0
    rates: Rates = field(default_factory=Rates)
    codebooks_from: float = 1.0
    shapes: ShapeOptions = field(default_factory=ShapeOptions)
    anchors: Parts | None = None
    growth: Growth = field(default_factory=Growth)


@dataclass(frozen=True)
class State:
    """How far training is: iterations and share done, splats, bytes that the coder counted last, PSNR of the recent views in dB."""

    iteration: int
    share: float
    splats: int
    size_bytes: int
    psnr: float


class Diverged(GSCompressError):
    """The loss is no finite number any more; `scene` is the student as it was at the last review, None before the first."""

    def __init__(self, iteration: int, scene: Scene | None):
        super().__init__(f"training: expected a finite loss, found none by iteration {iteration}; try fewer iterations or a larger lambda")
        self.scene = scene


class Distiller:
    """A student of a scene, for files at one slope.

    Args:
        encoder: the teacher with its views.
        targets: what the student should look like.
        slope: lambda, distortion per bit, as for `Encoder.encode`.
        schedule: how long and how.
        device: "cuda" trains with gsplat.

    Attributes:
        shapes: codebooks of the student's scales and rotations, None before `Schedule.codebooks_from`.
        anchors: the student's, None without.
    """

    def __init__(self, encoder: Encoder, targets: Targets, slope: float, schedule: Schedule, device: str = "cpu"):
        self.encoder, self.slope, self.schedule = encoder, slope, schedule
        self.views = Views(targets, device)
        self.distance = float(np.median(np.linalg.norm(encoder.scene.means - encoder.weights.view_centre, axis=1)))
        start = encoder.scene.select(encoder.rows(slope * schedule.prune_bits * schedule.first_share / PRUNE_BITS))
        self.student = Student(start, schedule.rates, self.distance, device)
        self._masks = Masks(len(start), schedule.mask_rate, device) if schedule.mask_rate else None
        self.iteration = 0
        self.anchors = JointAnchors(schedule.anchors, device) if schedule.anchors else None
        self._grower = Grower(schedule.growth, len(start), device) if schedule.growth.share else None
        if self._grower is not None and self._masks is not None:
            raise ValueError("growth: expected none with masks, which know of no new Gaussians")
        self._bits: BitModel | AnchorBits | None = None
        self._rate: dict[str, Tensor] = {}
        self._noise: dict[str, Tensor] = {}
        self._coder: Encoder | None = None
        self._good: Scene | None = None
        self._size_bytes, self._error = 0, math.nan
        self.shapes: ShapeQuantiser | None = None
        self._resumed_shapes: dict | None = None

    @property
    def review_every(self) -> int:
        """Iterations between two reviews."""
        return max(1, self.schedule.iterations // self.schedule.reviews)

    def run(
        self, progress: Callable[[State], None] = lambda state: None, keep: Callable[[dict], None] = lambda state: None
    ) -> Scene:
        """Trains to the end.

        Args:
            progress: called after every iteration.
            keep: called at every review with what `load` takes.

        Raises:
            Diverged: the loss is not finite.
        """
        s = self.schedule
        while self.iteration < s.iterations:
            if self.iteration % self.review_every == 0:
                keep(self.state())
                self._review()
            self._step()
            self.iteration += 1
            if not math.isfinite(self._error):
                raise Diverged(self.iteration, self._good)
            progress(State(self.iteration, self.iteration / s.iterations, len(self.student), self._size_bytes, self.psnr))
        return self.student.scene()

    @property
    def psnr(self) -> float:
        """dB, of the views of late, before anything is rounded."""
        return -10 * math.log10(max(self._error / self.encoder.weights.samples, 1e-10))

    def _review(self) -> None:
        """Weighs every Gaussian, drops the least, and has the rest coded, so that their bits are known."""
        s, share = self.schedule, self.iteration / self.schedule.iterations
        self._good = self._sound()
        if self._masks is not None:
            self._masks.load(self._masks.state())  # what a run that goes on from here knows
        known = np.arange(len(self.student))  # the row that each Gaussian had before, or NEW
        if self._grower is not None and 0 < share <= s.growth.until:
            known = np.append(known, np.full(self._grower.grow(self.student), NEW))
        coder = self.encoder.of_student(self.student.scene())
        if 0 < share <= s.prune_until:
            ramp = s.first_share + (1 - s.first_share) * min(1.0, (self.iteration + self.review_every) / (s.prune_until * s.iterations))
            if self._masks is None:
                stays = coder.weights.energy > self.slope * s.prune_bits * ramp
            else:
                stays = self._masks.open.cpu().numpy()
            if stays.any() and not stays.all():
                rows = np.flatnonzero(stays)
                index = torch.as_tensor(rows, device=self.student.device)
                self.student.keep(index)
                known = known[rows]
                if self._grower is not None:
                    self._grower.keep(index)
                if self._masks is not None:
                    self._masks.keep(index)
                coder = coder.selected(rows)
        if self.anchors is not None:
            self.anchors.renew(known, self.student.tensors["means"].detach().cpu().numpy().astype(np.float64))
        self._coder = coder
        self._code()

    def _code(self) -> None:
        """Has the student coded: what it costs, and from `noise_from` on what is left of it."""
        assert self._coder is not None
        scene = self._sound()
        draft: Any
        run: Any
        if self.anchors is None:
            draft, predictor, run = self._coder.code(scene, self.slope)
            self._bits = BitModel(draft, predictor, run.bits, self.student.tensors)
        else:
            draft, predictor, run = self.anchors.code(self._coder, scene, self.slope)
            share = self.iteration / self.schedule.iterations
            self._bits = self.anchors.bits(draft, predictor, run, self.student.tensors, share)
        self._rate, self._noise = {}, {}
        if self.iteration >= self.schedule.noise_from * self.schedule.iterations:
            file = draft.file(run, draft.basis.shape[0], predictor, np.arange(len(scene)))
            left = tensors_of(aligned(scene, file.decode(), file.order), self.student.device)
            self._noise = {name: left[name] - own.detach() for name, own in self.student.tensors.items() if name != "sh_rest"}
        self._size_bytes = int(run.bits.sum() / 8)
        if self.iteration >= self.schedule.codebooks_from * self.schedule.iterations:
            self._choose_codewords(draft if isinstance(draft, Draft) else draft.children)

    def _choose_codewords(self, draft: Draft) -> None:
        """Starts the codebooks, or chooses codewords anew; `draft` tells what errors cost."""
        rank = np.argsort(draft.layout.order)
        blur = np.log2(BLUR_SIGMA * draft.blur.at(draft.splats.means))
        arrays = (draft.ratios[:, 0].astype(np.float32), draft.classes[:, 0].astype(np.int64), blur.astype(np.float32))
        known = [torch.as_tensor(array[rank], device=self.student.device) for array in arrays]
        if self.shapes is not None and len(self.shapes) == len(self.student):
            self.shapes.describe(*known)
        else:
            self.shapes = ShapeQuantiser(self.schedule.shapes, self.student.tensors, *known)
            if self._resumed_shapes is not None and self._resumed_shapes["splats"] == len(self.student):
                self.shapes.load(self._resumed_shapes)
        self._resumed_shapes = None
        self.shapes.assign(self.student.tensors)

    def _sound(self) -> Scene:
        """The student, if all of it is finite."""
        scene = self.student.scene()
        if not scene.finite().all():
            raise Diverged(self.iteration, self._good)
        return scene

    def _step(self) -> None:
        s, student = self.schedule, self.student
        if self._noise and self.iteration % s.noise_every == 0 and self.iteration % self.review_every:
            self._code()
        assert self._bits is not None
        seen = {name: t + self._noise[name] if name in self._noise else t for name, t in student.tensors.items()}
        if self._noise:
            seen["sh_rest"] = self._bits.harmonics.rounded(student.tensors["sh_rest"])
        masks = self._masks if self.iteration < s.prune_until * s.iterations else None
        if masks is not None:
            seen["opacity_logits"], seen["log_scales"] = masks.applied(seen["opacity_logits"], seen["log_scales"])
        if self.shapes is not None:
            seen |= self.shapes.seen(student.tensors)
        loss = self.views.error(seen, self.views.draw(), student.antialiased)
        loss.backward()
        if self._grower is not None:
            self._grower.watch(student)
        if self.iteration % s.rate_every == 0 or not self._rate:
            self._rate = self._bits.gradients(student.tensors)
            if self.shapes is not None:
                self._rate |= self.shapes.gradients(student.tensors, self.slope * s.rate_every)
            if self.anchors is not None:
                self.anchors.step(s.decay ** (self.iteration / s.iterations))
        student.add_gradients(self._rate, self.slope)
        if masks is not None:
            masks.step(self._bits.counted, self.slope)
        decay = s.decay ** (self.iteration / s.iterations)
        student.step(decay)
        if self.shapes is not None:
            self.shapes.step(decay)
        found = float(loss.detach())
        self._error = found if math.isnan(self._error) else self._error + 0.05 * (found - self._error)

    def state(self) -> dict:
        """What `load` takes. Complete at a review only: what a review finds out is not in it."""
        shapes = self.shapes.state() if self.shapes is not None else None
        return {
            "iteration": self.iteration, "student": self.student.state(), "views": self.views.state(), "error": self._error,
            "masks": self._masks and self._masks.state(), "shapes": shapes,
            "anchors": self.anchors and self.anchors.state(), "grower": self._grower and self._grower.state(),
        }  # fmt: skip

    def load(self, state: dict) -> None:
        """Goes on from the `state` of a distiller of the same scene, slope and schedule."""
        self.iteration, self._error = state["iteration"], state["error"]
        self.student.load(state["student"])
        self.views.load(state["views"])
        if self._masks is not None:
            self._masks.load(state["masks"])
        if self.anchors is not None:
            self.anchors.load(state["anchors"])
        if self._grower is not None:
            self._grower.load(state["grower"])
        self._resumed_shapes = state.get("shapes")
