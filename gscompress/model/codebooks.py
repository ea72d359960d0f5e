"""Residual codebooks in integers: what a file would hold of them, and what a decoder adds up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class IntegerCodebooks:
    """S stages of C codewords of D numbers.

    Attributes:
        log2_step: one unit of a codeword is 2^log2_step.
        words: int16 [S, C, D].
    """

    log2_step: int
    words: np.ndarray

    def __post_init__(self) -> None:
        if self.words.ndim != 3 or self.words.dtype != np.int16:
            raise ValueError(f"words: expected int16 [S, C, D], found {self.words.dtype} {list(self.words.shape)}")

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """int32 [N, D], in units: sums of the codewords that `indices` (integers [N, S]) name, the same on every machine.

        Raises:
            ValueError: an index that names no codeword, or not one for each stage.
        """
        stages, codes, width = self.words.shape
        if indices.ndim != 2 or indices.shape[1] != stages:
            raise ValueError(f"indices: expected [N, {stages}], found {list(indices.shape)}")
        if indices.size and not (indices.min() >= 0 and indices.max() < codes):
            raise ValueError(f"indices: expected 0 to {codes - 1}, found {indices.min()} to {indices.max()}")
        out = np.zeros((len(indices), width), np.int32)
        for stage in range(stages):
            out += self.words[stage, indices[:, stage]]
        return out

    def values(self, indices: np.ndarray) -> np.ndarray:
        """float64 [N, D]: the same in the codebooks' own unit."""
        return self.decode(indices) * 2.0**self.log2_step
