"""Sums over the members of groups: torch-scatter where it is installed (extra `scatter`), torch's own otherwise."""

from __future__ import annotations

import torch
from torch import Tensor

try:
    from torch_scatter import scatter_add  # pyright: ignore[reportMissingImports]
except ImportError:

    def scatter_add(src: Tensor, index: Tensor, dim: int = 0, *, dim_size: int) -> Tensor:
        return torch.zeros((dim_size, *src.shape[1:]), dtype=src.dtype, device=src.device).index_add(dim, index, src)


def group_sum(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """[groups, ...]: sums of the rows of `values` [N, ...] by `group` (int64 [N])."""
    return scatter_add(values, group, 0, dim_size=groups)


def group_size(group: Tensor, groups: int) -> Tensor:
    """float32 [groups]: members of each."""
    return torch.bincount(group, minlength=groups).to(torch.float32)


def mean_of_others(values: Tensor, group: Tensor, groups: int, alone: Tensor) -> Tensor:
    """[N, C]: for each row the mean of the other members of its group, or its row of `alone` where there are none."""
    size = group_size(group, groups)[group][:, None]
    total = group_sum(values, group, groups)[group]
    return torch.where(size > 1, (total - values) / (size - 1).clamp(min=1), alone)
