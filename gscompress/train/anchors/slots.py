"""Which splat is whose child while a scene is trained: splats move, go and come, and anchors with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...anchored import AnchorDraft, in_anchors
from ...draft import Draft
from ...model.anchors import AnchorNetworks
from ...model.voxels import MAX_DEPTH, Grid, cells

LEEWAY = 0.25
"""Of a voxel, by which a child may be outside of its own: less would have those at its faces come and go."""
NEW = -1


@dataclass(frozen=True, eq=False)
class Slots:
    """N splats in A anchors. Every anchor has a child, every slot at most one.

    Attributes:
        grid: whose voxels the anchors lie in; it stays while voxels are occupied and left.
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
    def of(draft: AnchorDraft) -> Slots:
        """Those of a draft, for the splats in the rows that it was made of."""
        rows = draft.children.layout.order
        anchor, slot = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        anchor[rows], slot[rows] = np.nonzero(draft.anchors.presence)
        return Slots(draft.children.grid, draft.networks.slots, draft.anchors.codes, anchor, slot)

    @staticmethod
    def over(grid: Grid, each: int, means: np.ndarray) -> Slots:
        """Of splats that have none yet, N >= 1 of them at `means`, float64 [N, 3]."""
        nobody = np.zeros(1, np.int64)
        return Slots(grid, each, np.zeros(1, np.uint64), nobody, nobody).renewed(np.full(len(means), NEW), means)[0]

    def follow(self, grid: Grid, rows: np.ndarray, means: np.ndarray) -> tuple[Slots, np.ndarray]:
        """As `renewed`, but from scratch, on `grid`, if that has voxels of another size. Anchors are then where the first of their
        children that is not new was.
        """
        if round(np.log2(grid.voxel / self.grid.voxel)) == 0:
            return self.renewed(rows, means)
        after = Slots.over(grid, self.each, means)
        origin = np.full(len(after.codes), NEW)
        known = np.flatnonzero(rows != NEW)[::-1]
        origin[after.anchor[known]] = self.anchor[rows[known]]
        return after, origin

    def draft(self, draft: Draft, networks: AnchorNetworks, hyper: np.ndarray, latent: np.ndarray) -> AnchorDraft:
        """The splats of `draft` in these slots; `hyper` and `latent` as for `in_anchors`."""
        return in_anchors(draft, self.grid, self.codes, self.anchor, self.slot, networks, hyper, latent)

    def renewed(self, rows: np.ndarray, means: np.ndarray) -> tuple[Slots, np.ndarray]:
        """The slots of other splats, and where each of their anchors was among these, int64 [A'], `NEW` for a new one.

        Who stays near its voxel keeps its slot. All others take, where they are now, a free slot of the voxel's anchors, or new
        anchors. Anchors without children go.

        Args:
            rows: int64 [M], which of these splats each is; `NEW` for a new one.
            means: float64 [M, 3], world units.
        """
        known = rows != NEW
        anchor, slot = np.where(known, self.anchor[rows], NEW), np.where(known, self.slot[rows], NEW)
        centre = np.array(self.grid.origin) + (cells(self.codes[anchor]) + 0.5) * self.grid.voxel
        stays = known & (np.abs(means - centre).max(axis=1, initial=0) <= (0.5 + LEEWAY) * self.grid.voxel)
        taken = np.zeros((len(self.codes), self.each), bool)
        taken[anchor[stays], slot[stays]] = True
        # Who looks for a slot, by voxel, and by place within it.
        lost = np.flatnonzero(~stays)
        voxel = self.grid.morton(means[lost])
        finest = Grid(self.grid.origin, self.grid.voxel / 2 ** (MAX_DEPTH - self.grid.depth), MAX_DEPTH).morton(means[lost])
        along = np.lexsort((finest, voxel))
        lost, voxel = lost[along], voxel[along]
        place = _places(voxel)
        # The free slots of a voxel are handed out in their order.
        free_anchor, free_slot = np.nonzero(~taken & taken.any(axis=1, keepdims=True))
        free_voxel = self.codes[free_anchor]
        first, end = (np.searchsorted(free_voxel, voxel, side=side) for side in ("left", "right"))
        fits = first + place < end
        anchor[lost[fits]], slot[lost[fits]] = free_anchor[(first + place)[fits]], free_slot[(first + place)[fits]]
        over = lost[~fits]
        place = (place - (end - first))[~fits]
        opens = place % self.each == 0
        anchor[over], slot[over] = len(self.codes) - 1 + np.cumsum(opens), place % self.each
        codes = np.concatenate([self.codes, voxel[~fits][opens]])
        # Those that have children, in the order of their codes.
        own = np.bincount(anchor, minlength=len(codes))
        order = np.argsort(codes, kind="stable")
        order = order[own[order] > 0]
        rank = np.zeros(len(codes), np.int64)
        rank[order] = np.arange(len(order))
        return Slots(self.grid, self.each, codes[order], rank[anchor], slot), np.where(order < len(self.codes), order, NEW)


def _places(group: np.ndarray) -> np.ndarray:
    """int64 [N]: how many of the same group come before each; groups are sorted."""
    starts = np.flatnonzero(np.diff(group, prepend=~group[:1]))
    return np.arange(len(group)) - np.repeat(starts, np.diff(starts, append=len(group)))
