"""The spatial condition: signs at the nodes of grids over the scene, interpolated (HAC; systems of binary grids)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ...model.anchors import ConditionGrid
from .integer import ONE, straight


class SignGrid(nn.Module):
    """`ConditionGrid` in training, for anchors that do not move until `describe` names others.

    Args:
        codes: uint64 [A], Morton codes of the anchors' voxels.
        depth: levels of their octree.
        resolutions: nodes along an axis, by level.
        table: rows of a level at most, a power of two.
        features: of a node.
    """

    rows: Tensor
    weights: Tensor

    def __init__(self, codes: np.ndarray, depth: int, resolutions: Sequence[int], table: int, features: int):
        super().__init__()
        self.resolutions, self.tables, self.features = tuple(resolutions), tuple(_table(r, table) for r in resolutions), features
        sizes = [min(r**3, t) for r, t in zip(self.resolutions, self.tables, strict=True)]
        self.values = nn.ParameterList(0.1 * torch.randn(size, features) for size in sizes)
        self.register_buffer("rows", torch.zeros(0), persistent=False)
        self.register_buffer("weights", torch.zeros(0), persistent=False)
        self.describe(codes, depth)

    def describe(self, codes: np.ndarray, depth: int) -> None:
        """Other anchors; the values at the nodes stay."""
        rows, weights = zip(*(_corners(codes, depth, r, t) for r, t in zip(self.resolutions, self.tables, strict=True)), strict=True)
        device = self.values[0].device
        self.rows = torch.as_tensor(np.stack(rows, 1), device=device)
        self.weights = torch.as_tensor(np.stack(weights, 1), dtype=torch.float32, device=device)

    @property
    def width(self) -> int:
        """Features of all levels together."""
        return self.features * len(self.resolutions)

    def forward(self, anchors: Tensor) -> Tensor:
        """[N, width] in units of 1 at anchors, int64 [N]: rounded to 1/256 as the decoder has it."""
        out = []
        for level, values in enumerate(self.values):
            signs = straight(values.clamp(-1, 1), torch.where(values > 0, 1.0, -1.0))
            total = (signs[self.rows[anchors, level]] * self.weights[anchors, level, :, None]).sum(1)
            out.append(straight(total, torch.floor(total * ONE + 0.5) / ONE))
        return torch.cat(out, 1)

    def export(self) -> ConditionGrid:
        """As it goes into the file."""
        entries = tuple(np.where(v.detach().cpu().numpy() > 0, 1, -1).astype(np.int8) for v in self.values)
        return ConditionGrid(self.resolutions, self.tables, self.features, entries)


def _table(resolution: int, most: int) -> int:
    size = 1
    while size < min(resolution**3, most):
        size *= 2
    return size


def _corners(codes: np.ndarray, depth: int, resolution: int, table: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows int64 [A, 8] and weights float64 [A, 8] of the nodes around each anchor, as `ConditionGrid.at` has them."""
    one = np.zeros((min(resolution**3, table), 1), np.int8)
    rows, weights = ConditionGrid((resolution,), (table,), 1, (one,)).corners(codes, depth, 0)
    return rows, weights / 2.0**24
