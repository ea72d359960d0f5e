"""Which splat is whose child while a scene is trained: splats move, go and come, and anchors with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...anchored import AnchorDraft, in_anchors
from ...draft import Draft
from ...model.anchors import AnchorNetworks
from ...model.voxels import MAX_DEPTH, Grid

NEW = -1


@dataclass(frozen=True, eq=False)
class Slots:
    """N splats in A anchors. Every anchor has a child, every slot at most one.

    Attributes:
        grid: whose voxels the anchors lie in.
        each: slots of an anchor.
        codes: uint64 [A], ascending Morton codes of the anchors' voxels; several may share one.
        anchor, slot: int64 [N], of each splat.
    """

    grid: Grid
    each: int
    codes: np.ndarray
    anchor: np.ndarray
    slot: np.ndarray

    @staticmethod
    def over(grid: Grid, each: int, means: np.ndarray) -> Slots:
        """Those of splats at `means`, float64 [N, 3]: every voxel's in the first slots of as few anchors as hold them, along a curve."""
        finest = Grid(grid.origin, grid.voxel / 2 ** (MAX_DEPTH - grid.depth), MAX_DEPTH).morton(means)
        voxel = grid.morton(means)
        along = np.lexsort((finest, voxel))
        voxel = voxel[along]
        starts = np.flatnonzero(np.diff(voxel, prepend=~voxel[:1]))
        place = np.arange(len(voxel)) - np.repeat(starts, np.diff(starts, append=len(voxel)))
        anchor, slot = np.empty(len(voxel), np.int64), np.empty(len(voxel), np.int64)
        anchor[along], slot[along] = np.cumsum(place % each == 0) - 1, place % each
        return Slots(grid, each, voxel[place % each == 0], anchor, slot)

    def follow(self, grid: Grid, rows: np.ndarray, means: np.ndarray) -> tuple[Slots, np.ndarray]:
        """The slots of other splats, and which of these anchors each of theirs goes on from, int64 [A'], `NEW` for none: the one that
        the first of its children had which is not new.

        Slots are handed out anew, because gaps cost bits. The voxels stay where they are unless those of `grid` are of another size.

        Args:
            grid: that would suit the other splats.
            rows: int64 [M], which of these splats each is; `NEW` for a new one.
            means: float64 [M, 3], world units.
        """
        same = round(np.log2(grid.voxel / self.grid.voxel)) == 0
        after = Slots.over(self.grid if same else grid, self.each, means)
        origin = np.full(len(after.codes), NEW)
        known = np.flatnonzero(rows != NEW)
        known = known[np.argsort(-after.slot[known], kind="stable")]  # the first child is the last to say
        origin[after.anchor[known]] = self.anchor[rows[known]]
        return after, origin

    def draft(self, draft: Draft, networks: AnchorNetworks, hyper: np.ndarray, latent: np.ndarray) -> AnchorDraft:
        """The splats of `draft` in these slots; `hyper` and `latent` as for `in_anchors`."""
        return in_anchors(draft, self.grid, self.codes, self.anchor, self.slot, networks, hyper, latent)
