"""What predicts anchors: a grid of signs over the scene, and small networks in integers (FORMAT.md, "Networks").

The readable reference of cuda/core/codec/networks.cpp, exact. Activations are int16 in 1/256.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .voxels import cells

LIMIT = 32767
GUESS = 21
"""Numbers that the children's network gives for a slot: log odds of presence, shift (3), values (7), sizes (10)."""
NEAR = 28
"""Values in two cells, and log2 of the sizes of their residuals."""


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """One layer of `IntegerNetwork`.

    Attributes:
        weights: int8 [out, in], within 127.
        bias: int32 [out], within 2^30 - 1.
        shift: uint8 [out], 0 to 24.
    """

    weights: np.ndarray
    bias: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """At most four layers; none stand for a network that is absent."""

    layers: tuple[IntegerLayer, ...] = ()

    def run(self, x: np.ndarray) -> np.ndarray:
        """int16 [N, out] of int16 [N, in]."""
        y = np.clip(x.astype(np.int64), -LIMIT, LIMIT)
        for i, layer in enumerate(self.layers):
            shift = layer.shift.astype(np.int64)
            total = y @ layer.weights.T.astype(np.int64) + layer.bias
            y = np.clip((total + ((1 << shift) >> 1)) >> shift, -LIMIT, LIMIT)
            if i + 1 < len(self.layers):
                y = np.maximum(y, 0)
        return y.astype(np.int16)


@dataclass(frozen=True, eq=False)
class ConditionGrid:
    """Levels of features over the octree's cube, interpolated.

    Attributes:
        resolutions: nodes along an axis of each level.
        table_sizes: powers of two; a level of more nodes is hashed.
        features: of a node.
        entries: int8 [rows, features] of each level, -1 or 1; rows are nodes, or the table's.
    """

    resolutions: tuple[int, ...]
    table_sizes: tuple[int, ...]
    features: int
    entries: tuple[np.ndarray, ...]

    @property
    def width(self) -> int:
        """Features of all levels together."""
        return self.features * len(self.resolutions)

    def at(self, codes: np.ndarray, depth: int) -> np.ndarray:
        """int16 [N, width] at voxels, uint64 [N] Morton codes of an octree of `depth` levels."""
        out = []
        for level, entries in enumerate(self.entries):
            rows, weights = self.corners(codes, depth, level)
            total = (weights[:, :, None] * entries[rows]).sum(1)
            out.append((total + (1 << 15)) >> 16)
        return np.concatenate(out, axis=1).astype(np.int16)

    def corners(self, codes: np.ndarray, depth: int, level: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of `entries` of the eight nodes around each voxel, and their weights, which add up to 2^24; int64 [N, 8] both."""
        place = cells(codes)
        resolution, table = self.resolutions[level], self.table_sizes[level]
        p = ((2 * place + 1) * (resolution - 1) << 15) >> depth
        cell, fraction = p >> 16, p >> 8 & 255
        rows, weights = np.empty((len(place), 8), np.int64), np.empty((len(place), 8), np.int64)
        for corner in range(8):
            bits = np.array([corner >> axis & 1 for axis in range(3)])
            node = cell + bits
            weights[:, corner] = np.where(bits, fraction, 256 - fraction).prod(axis=1)
            if resolution**3 <= table:
                rows[:, corner] = node[:, 0] + resolution * (node[:, 1] + resolution * node[:, 2])
            else:
                rows[:, corner] = (node[:, 0] ^ node[:, 1] * 2654435761 ^ node[:, 2] * 805459861) & (table - 1)
        return rows, weights


@dataclass(frozen=True, eq=False)
class AnchorNetworks:
    """Everything that a file of anchors has beside them.

    Attributes:
        slots: of an anchor, K.
        latent_steps: uint16 [L], in 1/256.
        hyper_steps: uint16 [H], in 1/256.
        grid: spatial condition, None without.
        hyper_prior: condition to mean and log2 size of the hyper-latent.
        latent_prior: condition and hyper-latent to those of the latent.
        children: condition, hyper-latent, latent and `NEAR` values to K times `GUESS` numbers.
    """

    slots: int
    latent_steps: np.ndarray
    hyper_steps: np.ndarray
    grid: ConditionGrid | None = None
    hyper_prior: IntegerNetwork = IntegerNetwork()
    latent_prior: IntegerNetwork = IntegerNetwork()
    children: IntegerNetwork = IntegerNetwork()

    @staticmethod
    def absent(slots: int) -> AnchorNetworks:
        """Anchors that predict nothing."""
        none = np.zeros(0, np.uint16)
        return AnchorNetworks(slots, none, none)
