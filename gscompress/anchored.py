"""Files of anchors: voxels that hold up to K splats each, what predicts them, and the sections that come of it.

    Draft ─ anchored ─► AnchorDraft that predicts nothing
    Draft, anchors, latents, networks ─ in_anchors ─► AnchorDraft
    AnchorDraft ─ run ─► AnchorRun ─ file ─► Encoded
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._native import core, threads
from .bitstream.container import ANCHORS, BASIS, CONDITION, HARMONICS, NETWORKS, Section
from .draft import Draft, Encoded
from .errors import InputError
from .model.anchors import AnchorNetworks, IntegerNetwork
from .model.canonical import CanonicalSplats
from .model.voxels import MAX_DEPTH, Grid, Layout
from .scene import Scene

BLOCK_CHILDREN = 65_536
GROUPS = (
    "octree", "class", "scale", "rotation", "opacity", "position", "color", "harmonics", "latent", "hyper", "mask", "network",
)  # fmt: skip
"""What `AnchorRun.bits` counts."""


@dataclass(frozen=True, eq=False)
class Anchors:
    """A anchors in the file's order: block after block, ascending codes in each.

    Attributes:
        codes: uint64 [A], Morton codes of their voxels; several may share one.
        blocks: anchors of each block.
        presence: uint8 [A, K], 1 where a slot holds a child; every anchor has one.
        hyper, latent: int32 [A, H] and [A, L], in steps.
        order: int64 [A], where each was among those that `in_anchors` was given.
    """

    codes: np.ndarray
    blocks: tuple[int, ...]
    presence: np.ndarray
    hyper: np.ndarray
    latent: np.ndarray
    order: np.ndarray


@dataclass(frozen=True, eq=False)
class AnchorRun:
    """What the coder gave.

    Attributes:
        anchors, harmonics: chunks by block.
        networks, condition: payloads; the second is empty without a grid.
        bits: float64 [12], by `GROUPS`.
        normal: normal equations for `fit_predictor`.
        components: rows of the basis in use.
        inputs: int16 [A, C + H + L + 28], what the children's network sees of each anchor; None where not asked for.
        expected: int32 [N, 14], what the neighbourhood tells of each child's values without the network, and how far they spread about
            that, fixed point; None where not asked for.
    """

    anchors: list[bytes]
    harmonics: list[bytes]
    networks: bytes
    condition: bytes
    bits: np.ndarray
    normal: np.ndarray
    components: int
    inputs: np.ndarray | None
    expected: np.ndarray | None


@dataclass(frozen=True, eq=False)
class AnchorDraft:
    """Everything the coder wants to know.

    Attributes:
        children: the splats, anchor by anchor in the order of the slots; grid and codes are the anchors'.
        anchors: see there.
        networks: see there; `slots`, steps and the arrays of `anchors` agree.
        cell_shift: bits of a Morton code below a fine and a coarse cell, in which neighbours are averaged.
    """

    children: Draft
    anchors: Anchors
    networks: AnchorNetworks
    cell_shift: tuple[int, int] = (3, 15)

    @property
    def layout(self) -> Layout:
        """Of the children."""
        return self.children.layout

    @property
    def basis(self) -> np.ndarray:
        """Of the children's harmonics."""
        return self.children.basis

    @property
    def classes(self) -> np.ndarray:
        """Of the children's precision."""
        return self.children.classes

    def retrained(self, scene: Scene) -> AnchorDraft:
        """As `Draft.retrained`, with the same anchors."""
        return replace(self, children=self.children.retrained(scene))

    def run(self, predictor: np.ndarray, components: int, inputs: bool = False) -> AnchorRun:
        """Codes everything.

        Args:
            predictor: int16 [7, 10].
            components: rows of the basis.
            inputs: also give what the children's network sees.
        """
        d, a, s = self.children, self.anchors, self.children.splats
        networks = native(self.networks, self.cell_shift)
        (chunks, harmonics, bits, normal, used), seen, expected = core().encode_anchors(
            d.params(predictor, components), networks, d.layout.lowest_class[0], list(a.blocks), a.codes, a.hyper, a.latent, a.presence,
            s.values, s.axes, s.means, d.ratios, d.classes, np.ascontiguousarray(d.coefficients[:, :components]), inputs, threads(),
        )  # fmt: skip
        head, grid = core().encode_networks(networks), core().encode_grid(networks) if self.networks.grid else b""
        return AnchorRun(
            [layers[0] for layers in chunks], [layers[0] for layers in harmonics if layers], head, grid,
            np.append(bits, 8.0 * (len(head) + len(grid))), normal, used, seen if inputs else None, expected if inputs else None,
        )  # fmt: skip

    def file(self, run: AnchorRun, components: int, predictor: np.ndarray, rows: np.ndarray) -> Encoded:
        """The sections in their order: basis, networks, grid, anchors, harmonics.

        `predictor` and `components` are what `run` was coded with; `rows` are the splats' in the input scene, as `Draft.file` takes
        them.
        """
        d = self.children
        sections = []
        if components:
            sections.append(Section(BASIS, 0, 0, 0, core().encode_basis(np.ascontiguousarray(d.basis[:components]))))
        sections.append(Section(NETWORKS, 0, 0, 0, run.networks))
        if run.condition:
            sections.append(Section(CONDITION, 0, 0, 0, run.condition))
        for kind, chunks in ((ANCHORS, run.anchors), (HARMONICS, run.harmonics if components else [])):
            for block, (chunk, (count,)) in enumerate(zip(chunks, d.layout.block_layers, strict=False)):
                sections.append(Section(kind, block, 0, count, chunk))
        return Encoded(d.header(predictor, components), sections, rows[d.layout.order])


def native(networks: AnchorNetworks, cell_shift: tuple[int, int]) -> Any:
    """`networks` as the native coder takes them.

    Raises:
        ValueError: shapes do not fit together, or a number is beyond its limit.
    """

    def layers(network: IntegerNetwork) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return [
            (np.ascontiguousarray(la.weights), np.ascontiguousarray(la.bias), np.ascontiguousarray(la.shift)) for la in network.layers
        ]

    grid = networks.grid
    levels = [] if grid is None else [
        (int(r), int(t), np.ascontiguousarray(e[: min(r**3, t)])) for r, t, e in zip(grid.resolutions, grid.table_sizes, grid.entries, strict=True)
    ]  # fmt: skip
    return core().AnchorNetworks.make(
        networks.slots, list(cell_shift), networks.hyper_steps, networks.latent_steps,
        [layers(n) for n in (networks.hyper_prior, networks.latent_prior, networks.children)], grid.features if grid else 0, levels,
    )  # fmt: skip


def in_anchors(
    draft: Draft, grid: Grid, codes: np.ndarray, anchor: np.ndarray, slot: np.ndarray, networks: AnchorNetworks,
    hyper: np.ndarray, latent: np.ndarray, cell_shift: tuple[int, int] = (3, 15),
) -> AnchorDraft:  # fmt: skip
    """The splats of `draft` as children of given anchors; anchors without any are left out.

    Args:
        draft: of any layout; its voxels and layers are given up.
        grid: whose voxels the anchors lie in.
        codes: uint64 [A], Morton codes of the anchors' voxels in any order; several may share one.
        anchor, slot: int64 [N], of each splat, in the rows that `Draft.of` was given (not in the draft's order).
        networks: see `AnchorDraft`.
        hyper, latent: int32 [A, H] and [A, L], in steps.
        cell_shift: see `AnchorDraft`.

    Raises:
        InputError: two splats share a slot, or a slot or anchor does not exist.
    """
    rows = draft.layout.order
    for name, values, limit in (("anchor", anchor, len(codes)), ("slot", slot, networks.slots)):
        if len(values) != len(rows) or (len(values) and not (values.min() >= 0 and values.max() < limit)):
            raise InputError(f"{name}: expected {len(rows)} numbers of 0 to {limit - 1}, found others")
    own = np.zeros(len(codes), np.int64)
    np.add.at(own, anchor, 1)
    order = np.argsort(codes, kind="stable")
    order = order[own[order] > 0]
    rank = np.zeros(len(codes), np.int64)
    rank[order] = np.arange(len(order))
    children = np.lexsort((slot[rows], rank[anchor[rows]]))
    presence = np.zeros((len(order), networks.slots), np.uint8)
    presence[rank[anchor], slot] = 1
    if presence.sum() != len(rows):
        raise InputError(f"slot: expected one splat in each, found {len(rows) - int(presence.sum())} more")
    # Blocks of anchors, about evenly by children.
    count = max(1, -(-len(rows) // BLOCK_CHILDREN))
    count += count % 2 if count > 1 else 0
    first = np.cumsum(own[order]) - own[order]
    block = first * count // max(len(rows), 1)
    blocks = np.bincount(block, minlength=count)
    splats = np.bincount(block, own[order], minlength=count).astype(np.int64)
    s, lowest = draft.splats, int(draft.classes[:, 0].min()) if len(rows) else 0
    bare = CanonicalSplats(s.means[children], s.axes[children], s.values[children], s.sh_rest[children])
    return AnchorDraft(
        replace(
            draft, splats=bare, codes=np.repeat(codes[order], own[order]), grid=grid,
            layout=Layout(rows[children], [[int(n)] for n in splats], [lowest]), classes=np.ascontiguousarray(draft.classes[children]),
            ratios=draft.ratios[children], coefficients=draft.coefficients[children],
        ),
        Anchors(codes[order], tuple(int(b) for b in blocks), presence, hyper[order], latent[order], order),
        networks,
        cell_shift,
    )  # fmt: skip


def coarsened(grid: Grid, levels: int) -> Grid:
    """`grid` with so many levels less, but one at the least."""
    levels = min(levels, grid.depth - 1)
    return Grid(grid.origin, grid.voxel * 2**levels, grid.depth - levels)


def anchored(draft: Draft, slots: int, coarser: int = 1, cell_shift: tuple[int, int] = (3, 15)) -> AnchorDraft:
    """The splats of `draft` in anchors that predict nothing.

    Args:
        draft: of any layout.
        slots: splats that an anchor may hold; a voxel with more has several anchors.
        coarser: levels by which the anchors' octree is less deep than the draft's.
        cell_shift: of the result.
    """
    grid = coarsened(draft.grid, coarser)
    coarser = draft.grid.depth - grid.depth
    finest = Grid(grid.origin, grid.voxel / 2 ** (MAX_DEPTH - grid.depth), MAX_DEPTH).morton(draft.splats.means)
    voxels = draft.codes >> np.uint64(3 * coarser)
    along = np.lexsort((finest, voxels))
    # Runs of the same voxel, cut after every `slots` splats.
    voxels = voxels[along]
    starts = np.flatnonzero(np.diff(voxels, prepend=~voxels[:1]))
    place = np.arange(len(voxels)) - np.repeat(starts, np.diff(starts, append=len(voxels)))
    anchor, slot = np.empty(len(voxels), np.int64), np.empty(len(voxels), np.int64)
    row = draft.layout.order[along]
    anchor[row], slot[row] = np.cumsum(place % slots == 0) - 1, place % slots
    codes = voxels[place % slots == 0]
    nothing = np.zeros((len(codes), 0), np.int32)
    return in_anchors(draft, grid, codes, anchor, slot, AnchorNetworks.absent(slots), nothing, nothing, cell_shift)
