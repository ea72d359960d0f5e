"""Residual vector quantisation: each stage codes what the ones before left (Lee et al. 2024, Compact 3DGS, section 3.2).

Codebooks start by weighted k-means and are trained; a code may be chosen by what it costs as well (entropy-constrained).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .reduce import group_sum

LN2 = math.log(2)
START_ITERATIONS = 12
LEAST_COUNT = 0.5
"""Of a code nobody uses, when its bits are told."""


def residual_assign(values: Tensor, codebooks: Tensor, weights: Tensor, prices: Tensor) -> Tensor:
    """The codes of vectors, stage by stage: each the least of weight * squared error + price.

    Args:
        values: float32 [N, D].
        codebooks: float32 [S, C, D].
        weights: float32 [N], of a squared error of 1.
        prices: float32 [S, C], what each code costs, in the same unit; zeros take the nearest.

    Returns:
        int64 [N, S]; of equals, the first code. On CUDA by cuda/kernels/residual_assign.cu, to the same result but where two
        codes are equally good to the last bits.
    """
    if values.is_cuda:
        from .kernels import residual_kernels

        return residual_kernels().residual_assign(values.contiguous(), codebooks.contiguous(), weights.contiguous(), prices.contiguous())
    rest, out = values, []
    for book, price in zip(codebooks, prices, strict=True):
        error = (rest[:, None, :] - book).square().sum(2)
        chosen = (weights[:, None] * error + price).argmin(1)
        out.append(chosen)
        rest = rest - book[chosen]
    return torch.stack(out, 1)


class ResidualCodebooks(nn.Module):
    """Trained codebooks of `stages` stages.

    Args:
        values: float32 [N, D], what is to be coded; the codebooks start at k-means of it.
        weights: float32 [N], of a squared error of 1.
        stages, codes: number of stages, and codes of each.
        seed: of the k-means' start.
    """

    def __init__(self, values: Tensor, weights: Tensor, stages: int, codes: int, seed: int = 0):
        super().__init__()
        generator = torch.Generator(device="cpu").manual_seed(seed)
        rest, books = values.detach(), []
        for _ in range(stages):
            book = weighted_kmeans(rest, weights, codes, generator)
            rest = rest - book[residual_assign(rest, book[None], weights, torch.zeros(1, codes, device=rest.device))[:, 0]]
            books.append(book)
        self.codebooks = nn.Parameter(torch.stack(books))

    def decode(self, codes: Tensor) -> Tensor:
        """float32 [N, D] of int64 [N, S], with gradients by the codebooks."""
        return torch.stack([book[codes[:, s]] for s, book in enumerate(self.codebooks)]).sum(0)

    def forward(self, values: Tensor, codes: Tensor) -> Tensor:
        """What the codes stand for; the gradient goes to `values` straight through, and to the codebooks."""
        coded = self.decode(codes)
        return coded + (values - values.detach())

    def bits(self, values: Tensor, weights: Tensor, prices: Tensor, sharpness: float) -> Tensor:
        """[N]: expected bits of each vector's codes, differentiable by values and codebooks.

        Codes are drawn from a softmax of -sharpness * (weight * squared error + price), stage by stage; a code's bits are those
        of its share among all vectors.
        """
        rest, total = values, values.new_zeros(len(values))
        for book, price in zip(self.codebooks, prices, strict=True):
            error = (rest[:, None, :] - book).square().sum(2)
            chance = torch.softmax(-sharpness * (weights[:, None] * error + price), 1)
            share = chance.mean(0).clamp(min=1e-9)
            total = total - (chance * torch.log2(share)).sum(1)
            rest = rest - chance @ book
        return total


def code_bits(codes: Tensor, size: int) -> Tensor:
    """float32 [S, C]: bits of each code by how often it is used, codes int64 [N, S]."""
    counts = torch.stack([torch.bincount(column, minlength=size) for column in codes.T]).to(torch.float32)
    return torch.log2(counts.sum(1, keepdim=True)) - torch.log2(counts.clamp(min=LEAST_COUNT))


def weighted_kmeans(values: Tensor, weights: Tensor, codes: int, generator: torch.Generator) -> Tensor:
    """float32 [codes, D]: centres by Lloyd's algorithm from vectors drawn by weight; those that nobody chose start anew."""
    pick = torch.multinomial(weights.detach().cpu().double().clamp(min=1e-12), codes, replacement=len(values) < codes, generator=generator)
    centres = values[pick.to(values.device)].clone()
    zeros = torch.zeros(1, codes, device=values.device)
    for _ in range(START_ITERATIONS):
        owner = residual_assign(values, centres[None], weights, zeros)[:, 0]
        mass = group_sum(weights, owner, codes)
        mean = group_sum(values * weights[:, None], owner, codes) / mass.clamp(min=1e-20)[:, None]
        worst = (values - centres[owner]).square().sum(1) * weights
        spare = values[worst.topk(min(codes, len(values))).indices]
        spare = spare[torch.arange(codes, device=values.device) % len(spare)]
        centres = torch.where((mass > 0)[:, None], mean, spare)
    return centres
