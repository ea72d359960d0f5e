"""What a scene costs in the file, differentiable by its values.

The coder itself counts (`Draft.run`); between two counts this model says how the bits change. Scalars are Laplacian about what
their neighbours predict, with the spread that the neighbourhood has; rotations and offsets have the bits that the format's
layout gives them; harmonics are Laplacian in the file's own basis. Sums agree with the coder's at the last count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..draft import BLUR_SIGMA, LOG2_STEPS, Draft
from ..model.canonical import COLOR_AXES
from ..model.prediction import ONE as PREDICTOR_ONE
from .harmonics import HarmonicLattice
from .reduce import group_sum, mean_of_others

LN2 = math.log(2)
NARROWEST = 0.3
"""Least spread of a value about its prediction, in steps: below it, the first bit of a change costs no less."""
NARROWEST_SH = 0.25
DEAD_ZONE = 0.5
"""What is nearer to 0 than this many steps is rounded to it."""
MOST_ROTATION_BITS = 14


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Who is near whom, in the rows of the student.

    Attributes:
        before: int64 [N], the splat coded before each, itself for the first.
        fine, coarse: int64 [N], cells of the format.
        counts: number of fine and of coarse cells.
    """

    before: Tensor
    fine: Tensor
    coarse: Tensor
    counts: tuple[int, int]


class BitModel:
    """The bits of a student's values about a count of the coder.

    Args:
        draft: what was coded: all of the student's Gaussians.
        predictor: int16 [7, 10], that the coder used.
        counted: float64 [8], bits as the coder counts them, by group.
        tensors: the student's, at that time.
        cell_shift: bits of a Morton code below a fine and a coarse cell.
    """

    def __init__(
        self, draft: Draft, predictor: np.ndarray, counted: np.ndarray, tensors: Mapping[str, Tensor],
        cell_shift: tuple[int, int] = (3, 15),
    ):  # fmt: skip
        order = draft.layout.order
        device = tensors["means"].device
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))

        def own(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array[rank]), device=device)

        self.near = _neighbourhood(draft, order, own, cell_shift)
        self._geometry_octaves, color_octaves = own(draft.classes.astype(np.float32)).unbind(1)
        self._log2 = {name: log2 / 256 for name, log2 in LOG2_STEPS.items()}
        scale, opacity = (torch.exp2(self._log2[name] - self._geometry_octaves) for name in ("scale", "opacity"))
        color = torch.exp2(self._log2["color"] - color_octaves)
        self._steps = torch.stack([scale, scale, scale, opacity, color, color, color], dim=1)
        blur = draft.blur.at(draft.splats.means)
        self._log2_blur = own(np.log2(BLUR_SIGMA * blur).astype(np.float32))
        self._log2_voxel = float(np.log2(draft.grid.voxel))
        self._axes = torch.tensor(COLOR_AXES.T, dtype=torch.float32, device=device)
        self._predictor = torch.tensor(predictor.astype(np.float32) / PREDICTOR_ONE, device=device)
        self.harmonics = HarmonicLattice(draft, rank, device)
        self._spread, self._sh_spread = None, None
        with torch.no_grad():
            raw = self._raw(tensors)
        told = sum(float(bits.sum()) for bits in raw.values())
        self._shift = (float(counted.sum()) - told) / len(order)
        self.counted = torch.stack(list(raw.values())).sum(0) + self._shift
        """float32 [N]: bits of each Gaussian at the count."""

    def per_splat(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """float32 [N]: bits of each Gaussian."""
        return torch.stack(list(self._raw(tensors).values())).sum(0) + self._shift

    def gradients(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Derivatives of the sum of all bits by the tensors that it depends on."""
        names = [name for name in ("log_scales", "opacity_logits", "sh_constant", "sh_rest") if tensors[name].numel()]
        found = torch.autograd.grad(self.per_splat(tensors).sum(), [tensors[name] for name in names], allow_unused=True)
        return {name: gradient for name, gradient in zip(names, found, strict=True) if gradient is not None}

    def values(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """[N, 7]: the scalars as the coder takes them."""
        scales = torch.sort(tensors["log_scales"] / LN2, dim=1, descending=True).values
        log2_opacity = torch.nn.functional.logsigmoid(tensors["opacity_logits"])[:, None] / LN2
        return torch.cat([scales, log2_opacity, tensors["sh_constant"][:, 0] @ self._axes], dim=1)

    def log2_place(self, values: Tensor) -> Tensor:
        """[N, 3]: log2 of the steps of positions along each axis, world units."""
        return self._log2["position"] - self._geometry_octaves[:, None] + self._seen(values)

    def rest(self, values: Tensor) -> Tensor:
        """[N, 7]: the scalars less what their neighbours tell; what a splat's own earlier scalars tell is left in."""
        near, w = self.near, self._predictor
        coarse = mean_of_others(values, near.coarse, near.counts[1], values)
        fine = mean_of_others(values, near.fine, near.counts[0], coarse)
        return values - (w[:, 0] * fine + w[:, 1] * coarse + w[:, 2] * values[near.before] + w[:, 9])

    def rotation_and_harmonics(self, tensors: Mapping[str, Tensor], values: Tensor) -> dict[str, Tensor]:
        """Bits, [N] each, of what no scalar's and no position's neighbours tell."""
        out = {"rotation": self._rotation(self._seen(values))}
        if tensors["sh_rest"].numel():
            out["harmonics"] = self._harmonics(tensors["sh_rest"])
        return out

    def _raw(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        values = self.values(tensors)
        scalars = self._scalars(values)
        out = {"scales": scalars[:, :3].sum(1), "opacity": scalars[:, 3], "color": scalars[:, 4:].sum(1)}
        step = self.log2_place(values)
        out["offset"] = torch.log2(1 + torch.exp2((self._log2_voxel - step + 1).clamp(max=20))).sum(1)
        return out | self.rotation_and_harmonics(tensors, values)

    def _seen(self, values: Tensor) -> Tensor:
        """[N, 3]: log2 of the scales under the blur."""
        return 0.5 * torch.logaddexp2(2 * values[:, :3], 2 * self._log2_blur[:, None])

    def _scalars(self, values: Tensor) -> Tensor:
        """[N, 7]: bits of the scalars, Laplacian about their prediction."""
        near, w, rest = self.near, self._predictor, self.rest(values)
        residuals: list[Tensor] = []
        for j in range(7):
            residual = rest[:, j]
            for k in range(min(j, 6)):
                residual = residual - w[j, 3 + k] * residuals[k]
            residuals.append(residual)
        size = _size(torch.stack(residuals, 1) / self._steps)
        if self._spread is None:
            ones = torch.ones_like(size[:, :1])
            total = group_sum(torch.cat([size, ones], 1).detach(), near.coarse, near.counts[1])
            self._spread = (total[:, :7] / total[:, 7:]).clamp(min=NARROWEST)[near.coarse]
        return size / (self._spread * LN2)

    def _rotation(self, seen: Tensor) -> Tensor:
        """[N]: bits of the primary axis and of the angle about it, by the format's layout, between 0 and its limit."""

        def across(i: int, j: int) -> Tensor:
            d = (seen[:, i] - seen[:, j]).clamp(min=1 / 128, max=16)
            return torch.log2(torch.exp2(d) - torch.exp2(-d)) - 1

        long, wide, short = across(0, 1), across(0, 2), across(1, 2)
        base = self._log2["rotation"] - self._geometry_octaves
        needle = long > short
        primary = 1 - base + 0.5 * (wide + torch.where(needle, long, short))
        angle = math.log2(math.pi) - base + torch.where(needle, short, long)
        return 2 * primary.clamp(0, MOST_ROTATION_BITS) + angle.clamp(0, MOST_ROTATION_BITS)

    def _harmonics(self, sh_rest: Tensor) -> Tensor:
        size = _size(self.harmonics.steps(sh_rest))
        if self._sh_spread is None:
            self._sh_spread = size.detach().mean(0).clamp(min=NARROWEST_SH)
        return (size / (self._sh_spread * LN2)).sum(1)


def _size(steps: Tensor) -> Tensor:
    """How far from 0, in steps: what is rounded to 0 can hardly become cheaper."""
    return (steps.square() + DEAD_ZONE**2).sqrt() - DEAD_ZONE


def _neighbourhood(
    draft: Draft, order: np.ndarray, own: Callable[[np.ndarray], Tensor], cell_shift: tuple[int, int]
) -> Neighbourhood:
    blocks = np.repeat(np.arange(len(draft.layout.block_layers)), [sum(layers) for layers in draft.layout.block_layers])
    cells = []
    for shift in cell_shift:
        _, cell = np.unique(np.stack([blocks.astype(np.uint64), draft.codes >> np.uint64(shift)], 1), axis=0, return_inverse=True)
        cells.append(cell.reshape(-1))
    before = order[np.maximum(np.arange(len(order)) - 1, 0)]
    return Neighbourhood(own(before), own(cells[0]), own(cells[1]), (int(cells[0].max()) + 1, int(cells[1].max()) + 1))
