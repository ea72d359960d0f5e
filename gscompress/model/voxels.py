"""The voxel grid that anchors splats, their order in the file, and the blocks and layers that become chunks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_DEPTH = 21
BLOCK_SPLATS = 65_536
LAYER_SHARES = (0.12, 0.4)
"""Cumulative share of the splats in the first layers: the first makes a recognisable picture."""
FULL = 0.75
"""The grid is as fine as it takes for this share of voxels per splat."""


@dataclass(frozen=True)
class Grid:
    """A cube of 2^depth voxels a side.

    Attributes:
        origin: its lowest corner, world units, three floats.
        voxel: edge of a voxel, world units.
        depth: 1 to 21.
    """

    origin: tuple[float, float, float]
    voxel: float
    depth: int

    def morton(self, means: np.ndarray) -> np.ndarray:
        """uint64 [N], Morton code of the voxel of each mean (x in the lowest bit)."""
        cell = np.clip(np.floor((means - np.array(self.origin)) / self.voxel), 0, 2**self.depth - 1).astype(np.uint64)
        return spread(cell[:, 0]) | spread(cell[:, 1]) << np.uint64(1) | spread(cell[:, 2]) << np.uint64(2)


def spread(v: np.ndarray) -> np.ndarray:
    """uint64: the 21 low bits of `v`, two zeros between neighbours."""
    v = v & np.uint64(0x1FFFFF)
    for shift, mask in (
        (32, 0x1F00000000FFFF), (16, 0x1F0000FF0000FF), (8, 0x100F00F00F00F00F), (4, 0x10C30C30C30C30C3), (2, 0x1249249249249249),
    ):  # fmt: skip
        v = (v | v << np.uint64(shift)) & np.uint64(mask)
    return v


def cells(codes: np.ndarray) -> np.ndarray:
    """int64 [N, 3]: what `Grid.morton` interleaved, of uint64 [N] codes."""
    out = []
    for axis in range(3):
        v = codes >> np.uint64(axis) & np.uint64(0x1249249249249249)
        for shift, mask in (
            (2, 0x10C30C30C30C30C3), (4, 0x100F00F00F00F00F), (8, 0x1F0000FF0000FF), (16, 0x1F00000000FFFF), (32, 0x1FFFFF),
        ):  # fmt: skip
            v = (v | v >> np.uint64(shift)) & np.uint64(mask)
        out.append(v.astype(np.int64))
    return np.stack(out, axis=1)


def fit_grid(means: np.ndarray) -> Grid:
    """The coarsest grid in which most splats have a voxel of their own; finer position bits are cheaper as offsets."""
    if len(means) == 0:
        return Grid((0.0, 0.0, 0.0), 1.0, 1)
    low = means.min(0)
    origin = (float(low[0]), float(low[1]), float(low[2]))
    edge = max(float((means.max(0) - low).max()) * (1 + 1e-9), 1e-9)
    finest = np.sort(Grid(origin, edge / 2**MAX_DEPTH, MAX_DEPTH).morton(means))
    # A step between sorted codes opens a new voxel at every depth from its highest differing bit on.
    steps = finest[1:] ^ finest[:-1]
    depth = 1
    while depth < MAX_DEPTH and 1 + np.count_nonzero(steps >> np.uint64(3 * (MAX_DEPTH - depth))) <= FULL * len(means):
        depth += 1
    return Grid(origin, edge / 2**depth, depth)


@dataclass(frozen=True, eq=False)
class Layout:
    """Which splat goes where.

    Attributes:
        order: int64 [N], the splats by block, layer, Morton code.
        block_layers: splats of each layer of each block.
        lowest_class: lowest geometry class of each layer, descending; the last is 0.
    """

    order: np.ndarray
    block_layers: list[list[int]]
    lowest_class: list[int]


def layout(codes: np.ndarray, geometry_class: np.ndarray) -> Layout:
    """Blocks are runs of Morton order; layers are ranges of precision classes, so that naming a splat's layer is no cost."""
    count = len(codes)
    blocks = max(1, -(-count // BLOCK_SPLATS))
    if blocks > 1:
        blocks += blocks % 2  # two cores share an even number evenly
    block = np.empty(count, np.int64)
    block[np.argsort(codes, kind="stable")] = np.arange(count) * blocks // max(count, 1)
    finer = np.cumsum(np.bincount(geometry_class, minlength=16)[::-1])[::-1]  # splats of at least this class
    lowest: list[int] = []
    for share in LAYER_SHARES:
        reached = np.flatnonzero(finer >= share * count)
        first = int(reached[-1]) if len(reached) else 0
        if first > 0 and finer[0] > finer[first] and (not lowest or first < lowest[-1]):
            lowest.append(first)
    lowest.append(0)
    layer = np.searchsorted(-np.array(lowest), -geometry_class.astype(np.int64))
    order = np.lexsort((codes, layer, block))
    counts = np.zeros((blocks, len(lowest)), np.int64)
    np.add.at(counts, (block, layer), 1)
    return Layout(order, counts.tolist(), lowest)
