"""Which codewords stand for which vectors: entropy-constrained residual vector quantisation with a beam.

    cost = (x - sum of codewords)' G (x - sum of codewords) + bits of the indices

Stage by stage, the `beam` cheapest beginnings are kept; one is greedy, as many as there are is exhaustive. The CUDA kernel
(cuda/kernels/residual_assign.cu) takes over for tensors on a GPU; what is here is its reference.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .kernels import kernels

MAX_BEAM = 16
"""Of the kernel; the reference has no limit."""
_BLOCK_COSTS = 1 << 23
"""Costs that the reference holds at a time."""


def assign(values: Tensor, metric: Tensor, words: Tensor, bits: Tensor, group: Tensor, beam: int = 1) -> tuple[Tensor, Tensor]:
    """The indices of every vector, and what they cost; nothing here has a gradient.

    Args:
        values: float [N, D].
        metric: [N], a weight of each vector's squared error, or [N, D, D], symmetric and positive semidefinite.
        words: [S, C, D], codewords of each stage.
        bits: [G, S, C], what each index costs in vectors of each group.
        group: int64 [N], 0 to G - 1.
        beam: beginnings kept after each stage, at least 1.

    Returns:
        int64 [N, S] and the costs [N]. Among equal costs the first beginning and the lowest index win.
    """
    _check(values, metric, words, bits, group, beam)
    values, metric, words, bits = (t.detach().contiguous() for t in (values, metric, words, bits))
    if values.is_cuda:
        floats = (t.float() for t in (values, metric, words, bits))
        indices, costs = kernels().residual_assign(*floats, group.int().contiguous(), beam)
        return indices.long(), costs.to(values.dtype)
    return assign_reference(values, metric, words, bits, group, beam)


def assign_reference(
    values: Tensor, metric: Tensor, words: Tensor, bits: Tensor, group: Tensor, beam: int
) -> tuple[Tensor, Tensor]:
    """`assign` in plain torch, on any device."""
    rows = max(1, _BLOCK_COSTS // (beam * words.shape[1]))
    parts = [
        _assign_rows(values[start : start + rows], metric[start : start + rows], words, bits, group[start : start + rows], beam)
        for start in range(0, max(len(values), 1), rows)
    ]
    indices, costs = zip(*parts, strict=True)
    return torch.cat(indices), torch.cat(costs)


def _assign_rows(
    values: Tensor, metric: Tensor, words: Tensor, bits: Tensor, group: Tensor, beam: int
) -> tuple[Tensor, Tensor]:
    n, codes = len(values), words.shape[1]
    residual = values[:, None]  # [n, beginnings, D]
    spent = values.new_zeros(n, 1)
    indices = torch.zeros(n, 1, 0, dtype=torch.int64, device=values.device)
    ranked = values.new_zeros(n, 1)
    for stage, book in enumerate(words):
        used = spent[:, :, None] + bits[group, stage][:, None]
        total = (distortion(residual, metric, book) + used).flatten(1)
        picks = []
        for pick in range(min(beam, total.shape[1])):
            best = total.argmin(1, keepdim=True)  # the first of equals
            picks.append(best)
            if pick == 0:
                ranked = total.gather(1, best)
            total.scatter_(1, best, torch.inf)
        best = torch.cat(picks, 1)
        parent, code = best // codes, best % codes
        spent = used.flatten(1).gather(1, best)
        residual = residual.gather(1, parent[:, :, None].expand(-1, -1, values.shape[1])) - book[code]
        indices = torch.cat([indices.gather(1, parent[:, :, None].expand(-1, -1, stage)), code[:, :, None]], 2)
    return indices[:, 0], ranked[:, 0]


def distortion(residual: Tensor, metric: Tensor, book: Tensor) -> Tensor:
    """[N, B, C]: what is left of each residual [N, B, D] after each codeword [C, D], measured by `metric`; as matrix products."""
    if metric.ndim == 1:
        own = residual.square().sum(2, keepdim=True)
        return metric[:, None, None] * (own - 2 * residual @ book.T + book.square().sum(1)).clamp(min=0)
    turned = residual @ metric
    own = (turned * residual).sum(2, keepdim=True)
    outer = (book[:, :, None] * book[:, None]).flatten(1)
    return (own - 2 * turned @ book.T + (metric.flatten(1) @ outer.T)[:, None]).clamp(min=0)


def _check(values: Tensor, metric: Tensor, words: Tensor, bits: Tensor, group: Tensor, beam: int) -> None:
    n, width = values.shape
    stages, codes, word_width = words.shape
    if word_width != width or metric.shape not in ((n,), (n, width, width)) or group.shape != (n,):
        raise ValueError(
            f"expected metric [{n}] or [{n}, {width}, {width}], words [S, C, {width}] and group [{n}], "
            f"found {list(metric.shape)}, {list(words.shape)}, {list(group.shape)}"
        )
    if bits.ndim != 3 or bits.shape[1:] != (stages, codes):
        raise ValueError(f"bits: expected [G, {stages}, {codes}], found {list(bits.shape)}")
    if beam < 1:
        raise ValueError(f"beam: expected at least 1, found {beam}")
