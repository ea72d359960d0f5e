"""Residual vector quantisation: a vector is the sum of one codeword of each stage (Compact 3DGS, https://arxiv.org/abs/2311.13681).

Beyond the paper: errors are measured by a metric of each vector's own, in bits, so that they can be traded against the
entropy of the indices; groups of vectors have statistics of their own; the first codeword of every later stage can be 0, so that
vectors which deserve fewer bits stop early.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..model.codebooks import IntegerCodebooks
from .reduce import group_sum
from .residual_assign import assign, distortion

PRIOR = 0.5
"""Added to every count, as an adaptive coder begins (Krichevsky and Trofimov)."""
RIDGE = 1e-6
"""Of a codeword's mean metric: how firmly it stays where no vector says anything."""


class ResidualCodebooks(torch.nn.Module):
    """Trained codebooks.

    Args:
        words: float [S, C, D].
        stops: codeword 0 of all stages but the first is 0 and stays it.
        groups: number of kinds of vectors with statistics of their own.

    Attributes:
        words: the parameter.
        bits: [G, S, C], what each index costs; `count` sets it. All alike at first.
    """

    bits: Tensor

    def __init__(self, words: Tensor, stops: bool = True, groups: int = 1):
        super().__init__()
        self.stops = stops
        if stops:
            words = words.clone()
            words[1:, 0] = 0
        self.words = torch.nn.Parameter(words)
        stages, codes, _ = words.shape
        self.register_buffer("bits", words.new_full((groups, stages, codes), math.log2(codes)))
        if stops:
            self.words.register_hook(self._hold)

    @staticmethod
    def start(
        values: Tensor, metric: Tensor, stages: int, codes: int, stops: bool = True, groups: int = 1, iterations: int = 8, seed: int = 0
    ) -> ResidualCodebooks:
        """Codebooks from k-means (k-means++ starts) of the vectors, then of what each stage leaves.

        Args:
            values: float [N, D], N > 0.
            metric: see `residual_assign.assign`.
            iterations: of Lloyd's algorithm, each stage.
            seed: of the starts; the same on one device gives the same codebooks.
        """
        generator = torch.Generator().manual_seed(seed)
        left, books = values.detach(), []
        for stage in range(stages):
            free = codes - (stops and stage > 0)
            book = _spread(left, metric, free, generator)
            if free < codes:
                book = torch.cat([torch.zeros_like(book[:1]), book])
            for _ in range(iterations):
                book = _centred(left, metric, book, _nearest(left, metric, book), stops and stage > 0)
            left = left - book[_nearest(left, metric, book)]
            books.append(book)
        return ResidualCodebooks(torch.stack(books), stops, groups)

    def assign(self, values: Tensor, metric: Tensor, group: Tensor, rate: float = 1.0, beam: int = 1) -> Tensor:
        """int64 [N, S]: the cheapest indices by distortion + `rate` * bits."""
        return assign(values, metric, self.words, rate * self.bits, group, beam)[0]

    def decode(self, indices: Tensor) -> Tensor:
        """[N, D]: sums of codewords, with their gradient."""
        return torch.stack([book[index] for book, index in zip(self.words, indices.T, strict=True)]).sum(0)

    def forward(self, values: Tensor, indices: Tensor) -> Tensor:
        """[N, D]: the quantised vectors. Their gradient goes to `values` unchanged (straight through), and to the codewords."""
        return self.decode(indices) + (values - values.detach())

    @torch.no_grad()
    def count(self, indices: Tensor, group: Tensor) -> None:
        """Sets `bits` to what an adaptive coder would come to on these indices."""
        self.bits.copy_(_code_lengths(_counts(indices, group, self.bits)))

    def coded_bits(self, indices: Tensor, group: Tensor) -> float:
        """Bits of all indices, without contexts but the group, by `bits`."""
        stage = torch.arange(indices.shape[1], device=indices.device)
        return float(self.bits[group[:, None], stage, indices].sum(dtype=torch.float64))

    def rate(self, values: Tensor, indices: Tensor, metric: Tensor, group: Tensor, temperature: float = 1.0) -> Tensor:
        """Bits of all indices, differentiable by `values` and the codewords: counts are soft.

        A vector counts for every codeword of a stage by softmax(-(distortion + bits) / temperature), given what its `indices` of
        the stages before leave; the bits are the entropy of these counts, in each group.
        """
        total, left = values.new_zeros(()), values
        for stage, book in enumerate(self.words):
            cost = distortion(left[:, None], metric, book)[:, 0] + self.bits[group, stage]
            soft = torch.softmax(-cost / temperature, dim=1)
            counts = group_sum(soft, group, self.bits.shape[0])
            total = total + (counts * _code_lengths(counts)).sum()
            left = left - book[indices[:, stage]]
        return total

    @torch.no_grad()
    def lloyd(self, values: Tensor, metric: Tensor, group: Tensor, rate: float = 1.0, beam: int = 1) -> Tensor:
        """One round of entropy-constrained Lloyd: indices, their bits, and every stage's best codewords given the others.

        Returns:
            int64 [N, S]: the indices that the round began with.
        """
        indices = self.assign(values, metric, group, rate, beam)
        self.count(indices, group)
        left = values - self.decode(indices)
        for stage in range(len(self.words)):
            book, index = self.words[stage], indices[:, stage]
            new = _centred(left + book[index], metric, book, index, self.stops and stage > 0)
            left += (book - new)[index]
            self.words[stage] = new
        return indices

    def integers(self, log2_step: int) -> IntegerCodebooks:
        """The codebooks rounded to multiples of 2^log2_step.

        Raises:
            ValueError: a codeword is too large for int16.
        """
        units = np.round(self.words.detach().cpu().double().numpy() * 2.0**-log2_step)
        if units.size and np.abs(units).max() > 32767:
            raise ValueError(f"log2_step: expected codewords within 32767 units, found {np.abs(units).max():.0f}")
        return IntegerCodebooks(log2_step, units.astype(np.int16))

    @staticmethod
    def of_integers(books: IntegerCodebooks, stops: bool = True, groups: int = 1) -> ResidualCodebooks:
        """What `integers` gave, as float32 codebooks."""
        return ResidualCodebooks(torch.tensor(books.words * 2.0**books.log2_step, dtype=torch.float32), stops, groups)

    def _hold(self, gradient: Tensor) -> Tensor:
        """Without the share of the codewords that are always 0."""
        gradient = gradient.clone()
        gradient[1:, 0] = 0
        return gradient


def _counts(indices: Tensor, group: Tensor, like: Tensor) -> Tensor:
    """[G, S, C]: how often each index occurs."""
    groups, stages, codes = like.shape
    flat = (group[:, None] * stages + torch.arange(stages, device=group.device)) * codes + indices
    return torch.bincount(flat.flatten(), minlength=groups * stages * codes).view_as(like).to(like.dtype)


def _code_lengths(counts: Tensor) -> Tensor:
    """Bits of each index by counts [..., C]."""
    counts = counts + PRIOR
    return torch.log2(counts.sum(-1, keepdim=True)) - torch.log2(counts)


def _nearest(values: Tensor, metric: Tensor, book: Tensor) -> Tensor:
    """int64 [N]: the codeword of least distortion."""
    free = book.new_zeros(1, 1, len(book))
    return assign(values, metric, book[None], free, torch.zeros(len(values), dtype=torch.int64, device=values.device))[0][:, 0]


def _spread(values: Tensor, metric: Tensor, codes: int, generator: torch.Generator) -> Tensor:
    """[codes, D]: vectors drawn by how far they are from those drawn before (k-means++; Arthur and Vassilvitskii 2007)."""
    trace = metric if metric.ndim == 1 else metric.diagonal(dim1=1, dim2=2).sum(1)
    distance, rows = trace.clone(), []
    for _ in range(codes):
        mass = distance.double().cumsum(0)
        at = torch.rand((), generator=generator, dtype=torch.float64).to(mass.device) * mass[-1]
        rows.append(torch.searchsorted(mass, at, right=True).clamp(max=len(values) - 1))
        left = distortion(values[:, None], metric, values[rows[-1]][None])[:, 0, 0]
        distance = left if len(rows) == 1 else torch.minimum(distance, left)
    return values[torch.stack(rows)]


def _centred(values: Tensor, metric: Tensor, book: Tensor, index: Tensor, zero_first: bool) -> Tensor:
    """The codewords of least distortion for the vectors that chose them; those that none chose stay, and 0 if it has to."""
    codes, width = book.shape
    if metric.ndim == 1:
        sums = group_sum(torch.cat([metric[:, None] * values, metric[:, None]], 1), index, codes)
        new = torch.where(sums[:, -1:] > 0, sums[:, :-1] / sums[:, -1:], book)
    else:
        wanted = group_sum((metric @ values[:, :, None])[:, :, 0], index, codes).double()
        gram = group_sum(metric.flatten(1), index, codes).double().view(codes, width, width)
        hold = RIDGE * gram.diagonal(dim1=1, dim2=2).mean(1) + 1e-30
        gram = gram + hold[:, None, None] * torch.eye(width, dtype=gram.dtype, device=gram.device)
        new = torch.linalg.solve(gram, wanted + hold[:, None] * book.double()).to(book.dtype)
    if zero_first:
        new[0] = 0
    return new
