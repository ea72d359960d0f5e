"""Scales and rotations as vectors that lie close where Gaussians look alike, and what an error in them costs.

A Gaussian's axes have no order of their own and no sign: 24 turns of its axes with either sign of the quaternion are the same
Gaussian. Vectors are those of the one turn that sorts the scales and makes the quaternion's real part the largest.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..model.reconstruct import quaternions

LN2 = math.log(2)
SCALE_WEIGHT = 0.75 * LN2**2
"""Distortion of a squared error of an octave, per unit of a Gaussian's weight (cuda/core/codec/splat_coder.hpp)."""
LENGTH_WEIGHT = 0.1
"""Of an error along the quaternion, which is normalised after all, over that across it: sums of codewords shall stay near 1."""
STEEPEST = 10.0
"""Largest logarithm of a ratio of scales that counts."""
FLOOR = -3.0
"""An axis this many octaves below the blur can as well be that long: nobody sees it."""


def product(p: Tensor, q: Tensor) -> Tensor:
    """[N, 4]: Hamilton products, wxyz."""
    a, b, c, d = p.unbind(-1)
    w, x, y, z = q.unbind(-1)
    return torch.stack(
        [a * w - b * x - c * y - d * z, a * x + b * w + c * z - d * y, a * y - b * z + c * w + d * x, a * z + b * y - c * x + d * w], -1
    )


def _turns() -> Tensor:
    """float64 [9, 4, 4]: by 3 * first + second axis of a wanted order, the four turns that bring the axes there."""
    out = np.zeros((9, 4, 4))
    halves = torch.eye(4, dtype=torch.float64)
    for order in itertools.permutations(range(3)):
        axes = np.eye(3)[list(order)]
        axes[2] *= np.linalg.det(axes)
        turn = quaternions([[np.array([x]) for x in axis] for axis in axes])
        out[3 * order[0] + order[1]] = product(torch.tensor(turn).expand(4, 4), halves)
    return torch.tensor(out)


TURNS = _turns()


@dataclass(frozen=True, eq=False)
class Canonical:
    """N Gaussians.

    Attributes:
        scales: [N, 3], log2, longest first.
        quats: [N, 4], unit length, wxyz, of the turned axes.
        order: int64 [N, 3], which axis is the longest, and so on.
        turn: [N, 4], what each quaternion was multiplied by.
    """

    scales: Tensor
    quats: Tensor
    order: Tensor
    turn: Tensor

    @staticmethod
    def of(log_scales: Tensor, quats: Tensor) -> Canonical:
        """Of natural logarithms [N, 3] and quaternions [N, 4] of any length; linear in both, but for that length."""
        unit = torch.nn.functional.normalize(quats, dim=1)
        with torch.no_grad():
            order = torch.sort(log_scales, dim=1, descending=True, stable=True).indices
            turns = TURNS.to(unit)[3 * order[:, 0] + order[:, 1]]
            real = product(unit[:, None].expand(-1, 4, -1), turns)[..., 0]
            best = real.abs().argmax(1, keepdim=True)
            turn = turns.gather(1, best[:, :, None].expand(-1, 1, 4))[:, 0]
            turn = torch.where(real.gather(1, best) < 0, -turn, turn)
        return Canonical(log_scales.gather(1, order) / LN2, product(unit, turn), order, turn)

    def back(self, scales: Tensor, quats: Tensor) -> tuple[Tensor, Tensor]:
        """Natural logarithms [N, 3] and quaternions [N, 4] for other values of the same Gaussians."""
        log_scales = torch.zeros_like(scales).scatter(1, self.order, scales * LN2)
        return log_scales, product(quats, self.turn * self.turn.new_tensor([1, -1, -1, -1]))


def rotation_metric(scales: Tensor, quats: Tensor, log2_blur: Tensor, weight: Tensor) -> Tensor:
    """[N, 4, 4]: distortion of an error e of a canonical quaternion, e' G e.

    A turn by a small angle about an axis changes the Gaussian by sinh of the logarithm of the other axes' ratio, times the angle.

    Args:
        scales, quats: see `Canonical`.
        log2_blur: [N], what hides detail.
        weight: [N], distortion of a squared relative error of the Gaussian's blending weight.
    """
    seen = LN2 * 0.5 * torch.logaddexp2(2 * scales, 2 * log2_blur[:, None])
    apart = torch.stack([seen[:, 1] - seen[:, 2], seen[:, 0] - seen[:, 2], seen[:, 0] - seen[:, 1]], 1)
    cost = torch.sinh(apart.clamp(max=STEEPEST)).square()
    w, x, y, z = quats.unbind(1)
    across = 2 * torch.stack(
        [torch.stack([-x, w, z, -y], 1), torch.stack([-y, -z, w, x], 1), torch.stack([-z, y, -x, w], 1)], 1
    )  # angles [N, 3] about the Gaussian's own axes, linear in the error
    along = 4 * LENGTH_WEIGHT * cost.amax(1) + 1e-3
    metric = torch.einsum("nk,nki,nkj->nij", cost, across, across) + along[:, None, None] * quats[:, :, None] * quats[:, None]
    return metric * weight[:, None, None]


def precision(metric: Tensor) -> Tensor:
    """int64 [N], 0 to 11: about how many bits a component deserves under a metric [N, D, D]."""
    trace = metric.diagonal(dim1=1, dim2=2).sum(1)
    return (0.5 * torch.log2(trace.clamp(min=1e-3))).round().clamp(0, 11).long()
