"""Adaptive binary probabilities: log odds are sums of learned terms, one for each context (FORMAT.md, "Decisions").

Integers only, as in cuda/core/codec/decisions.hpp. Plain lists, because this runs once for every binary decision of a file
and NumPy scalars are slow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from .. import detmath

MAX_CONTEXTS = 4
SEEN_LIMIT = 255
"""A term's count of decisions stops here."""
_WORD = 0xFFFFFFFF
_SIGN = 1 << 31


class BitIO(Protocol):
    """What models code with: an encoder takes `bit`, a decoder gives one; p / 65536 is the probability of a one."""

    def code(self, bit: int, p: int) -> int: ...

    def check(self) -> None: ...


def _squash() -> list[int]:
    s = np.floor(65536 / (1 + detmath.exp(-(np.arange(4096) - 2048) / 256.0)) + 0.5)
    return np.clip(s, 32, 65504).astype(int).tolist()


def _rate(contexts: int) -> list[int]:
    seen = np.arange(SEEN_LIMIT + 1)
    return np.floor(16384 * (1.5 / (seen + 2) + 0.07) / np.sqrt(float(contexts)) + 0.5).astype(int).tolist()


SQUASH = _squash()
"""65536 / (1 + exp(-(i - 2048) / 256)), within [32, 65504]."""
RATES = [[0] * (SEEN_LIMIT + 1), *(_rate(contexts) for contexts in range(1, MAX_CONTEXTS + 1))]
"""By number of contexts and decisions seen: how far a term moves for an error of one, in nat / 16384."""


class Decisions:
    """A family of binary decisions ("nodes") seen under several contexts at once.

    A term is a word of 32 bits: 24 of log odds, two's complement in nat / 65536, above 8 that count its decisions.

    Args:
        nodes: number of kinds of decisions.
        contexts: how many values each context takes.
    """

    __slots__ = ("_nodes", "_offsets", "_rate", "_terms")

    def __init__(self, nodes: int, contexts: Sequence[int]) -> None:
        self._nodes = nodes
        self._offsets = [nodes * sum(contexts[:i]) for i in range(len(contexts))]
        self._rate = RATES[len(contexts)]
        self._terms = [0] * (nodes * sum(contexts))

    def at(self, context: Iterable[int]) -> list[int]:
        """Where the terms of these context values begin; what `code` wants."""
        nodes = self._nodes
        return [offset + c * nodes for offset, c in zip(self._offsets, context, strict=True)]

    def code(self, io: BitIO, where: list[int], node: int, bit: int = 0) -> int:
        """Codes one decision of kind `node` and learns from it."""
        terms, rate = self._terms, self._rate
        total = 0
        for w in where:
            total += terms[w + node]
        x = (((total & _WORD) ^ _SIGN) - _SIGN) >> 16
        p = SQUASH[(-2047 if x < -2047 else 2047 if x > 2047 else x) + 2048]
        bit = io.code(bit, p)
        error = 65536 - p if bit else -p
        for w in where:
            term = terms[w + node]
            seen = term & SEEN_LIMIT
            moved = (error * rate[seen] >> 14) << 8
            terms[w + node] = (term + moved + (seen < SEEN_LIMIT)) & _WORD
        return bit
