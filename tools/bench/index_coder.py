"""Bits of codebook indices with the codec's own adaptive decisions, as a file would code them."""

from __future__ import annotations

import numpy as np

from gscompress.entropy.decisions import Decisions
from gscompress.entropy.symbols import SIGNED_NODES, code_signed
from gscompress.model.codebooks import IntegerCodebooks

_COST = (16 - np.log2(np.maximum(np.arange(65537), 1))).tolist()


class CostIO:
    """Counts bits."""

    def __init__(self) -> None:
        self.bits = 0.0

    def code(self, bit: int, p: int) -> int:
        """See `entropy.decisions.BitIO`."""
        self.bits += _COST[p if bit else 65536 - p]
        return bit

    def check(self) -> None:
        """Nothing can go wrong."""


def neighbours(codes: np.ndarray, blocks: np.ndarray) -> list[int]:
    """The last splat in each splat's fine cell, else in its coarse one (FORMAT.md, "Cells"), -1 for none."""
    out, cells = [], {}
    for n, (code, block) in enumerate(zip(codes.tolist(), blocks.tolist(), strict=True)):
        fine, coarse = (block, 0, code >> 3), (block, 1, code >> 15)
        out.append(cells.get(fine, cells.get(coarse, -1)))
        cells[fine] = cells[coarse] = n
    return out


def index_bits(indices: np.ndarray, codes: int, group: np.ndarray, near: list[int], blocks: np.ndarray, rich: bool) -> float:
    """Bits of indices [N, S], digit by digit from the most significant.

    Args:
        codes: codewords of each stage.
        group: [N], known before: precision classes, or the precision that the scales imply.
        near, blocks: see `neighbours`.
        rich: contexts are group, the index of the stage before, and the indices of the splat before and of the one near by as long
            as their earlier stages agree; else the group alone, which learns faster.
    """
    stages, digits = indices.shape[1], max(1, (codes - 1).bit_length())
    contexts = [2 * (int(group.max(initial=0)) + 1)] + ([codes + 1] * 3 if rich else [])
    rows, groups, io = indices.tolist(), group.tolist(), CostIO()
    models: list[Decisions] = []
    for n, own in enumerate(rows):
        new = n == 0 or blocks[n] != blocks[n - 1]
        if new:
            models = [Decisions(1 << digits, contexts) for _ in range(stages)]
        before = None if new else rows[n - 1]
        beside = rows[near[n]] if near[n] >= 0 else None
        stopped = 0
        for k, model in enumerate(models):
            where = [2 * groups[n] + stopped]
            if rich:
                where += [o[k] if o is not None and o[:k] == own[:k] else codes for o in (before, beside)]
                where.append(own[k - 1] if k else codes)
            at, node = model.at(where), 1
            for digit in range(digits - 1, -1, -1):
                node = node << 1 | model.code(io, at, node, own[k] >> digit & 1)
            stopped = int(k > 0 and own[k] == 0)
    return io.bits


def codebook_bits(books: IntegerCodebooks) -> float:
    """Bits of the codewords: signed integers with contexts of stage and component."""
    stages, _, width = books.words.shape
    model, io = Decisions(SIGNED_NODES, (stages, width)), CostIO()
    for stage, book in enumerate(books.words.tolist()):
        for word in book:
            for i, value in enumerate(word):
                code_signed(io, model, model.at((stage, i)), value)
    return io.bits


def in_order(words: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """`indices` renamed so that codewords lie along the principal axis of their stage, a 0 of later stages first."""
    out = indices.copy()
    for stage, book in enumerate(words):
        centred = book - book.mean(0)
        key = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
        if stage:
            key[0] = -np.inf
        rank = np.empty(len(key), np.int64)
        rank[np.argsort(key, kind="stable")] = np.arange(len(key))
        out[:, stage] = rank[indices[:, stage]]
    return out
