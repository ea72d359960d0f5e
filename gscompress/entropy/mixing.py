"""Adaptive binary probabilities: counters selected by contexts, mixed in the logistic domain (FORMAT.md, "Mixing").

Integers only, as in cuda/core/codec/mixing.hpp. Plain lists, because this runs once for every binary decision of a file
and NumPy scalars are slow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add, mul
from typing import Protocol

import numpy as np

from .. import detmath

COUNTER_LIMIT = 120
LEARNING_SHIFT = 15
WEIGHT_LIMIT = 1 << 20


class BitIO(Protocol):
    """What models code with: an encoder takes `bit`, a decoder gives one; p / 65536 is the probability of a one."""

    def code(self, bit: int, p: int) -> int: ...

    def check(self) -> None: ...


def _stretch() -> list[int]:
    p = (np.arange(4096) + 0.5) / 4096
    return np.floor(256 * detmath.log(p / (1 - p)) + 0.5).astype(int).tolist()


def _squash() -> list[int]:
    s = np.floor(65536 / (1 + detmath.exp(-(np.arange(4096) - 2048) / 256.0)) + 0.5)
    return np.clip(s, 32, 65504).astype(int).tolist()


STRETCH = _stretch()
"""ln(p / (1 - p)) * 256 of p = (i + 1/2) / 4096."""
SQUASH = _squash()
"""65536 / (1 + exp(-(i - 2048) / 256)), within [32, 65504]."""
RATE = np.floor(65536 / (np.arange(COUNTER_LIMIT + 1) + 2.0) + 0.5).astype(int).tolist()
"""65536 / (n + 2), how far a counter that has seen n decisions moves."""
_NEXT = [min(n + 1, COUNTER_LIMIT) for n in range(COUNTER_LIMIT + 1)]
_ROUND = 1 << (LEARNING_SHIFT - 1)


class Mixed:
    """A family of binary decisions ("nodes") seen under several contexts at once.

    Args:
        nodes: number of kinds of decisions.
        contexts: how many values each context takes.
    """

    __slots__ = ("_nodes", "_offsets", "_probabilities", "_seen", "_weights")

    def __init__(self, nodes: int, contexts: Sequence[int]) -> None:
        self._nodes = nodes
        self._offsets = [nodes * sum(contexts[:i]) for i in range(len(contexts))]
        self._probabilities = [32768] * (nodes * sum(contexts))
        self._seen = [0] * len(self._probabilities)
        self._weights = [[65536 * 2 // (len(contexts) + 1)] * len(contexts) for _ in range(nodes)]

    def at(self, context: Iterable[int]) -> list[int]:
        """Where the counters of these context values begin; what `code` wants."""
        nodes = self._nodes
        return [offset + c * nodes for offset, c in zip(self._offsets, context, strict=True)]

    def code(self, io: BitIO, where: list[int], node: int, bit: int = 0) -> int:
        """Codes one decision of kind `node` and learns from it."""
        probabilities, seen, stretch = self._probabilities, self._seen, STRETCH
        slots = [w + node for w in where]
        inputs = [stretch[probabilities[s] >> 4] for s in slots]
        weights = self._weights[node]
        x = sum(map(mul, weights, inputs)) >> 16
        p = SQUASH[(-2047 if x < -2047 else 2047 if x > 2047 else x) + 2048]
        bit = io.code(bit, p)
        if bit:
            error = 65536 - p
            for s in slots:
                q, n = probabilities[s], seen[s]
                probabilities[s] = q + ((65535 - q) * RATE[n] >> 16)
                seen[s] = _NEXT[n]
        else:
            error = -p
            for s in slots:
                q, n = probabilities[s], seen[s]
                probabilities[s] = q + (-q * RATE[n] >> 16)
                seen[s] = _NEXT[n]
        weights = list(map(add, weights, [(i * error + _ROUND) >> LEARNING_SHIFT for i in inputs]))
        if max(weights) > WEIGHT_LIMIT or min(weights) < -WEIGHT_LIMIT:
            weights = [max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, w)) for w in weights]
        self._weights[node] = weights
        return bit
