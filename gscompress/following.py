"""A frame of a sequence as the coder takes it when another frame tells most of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._native import core, threads
from .draft import BLUR_SIGMA, ONE, Draft, Encoded
from .model.correspondence import parents
from .model.harmonics import BASIS_ONE
from .model.voxels import Grid
from .model.weights import CLASS_OFFSET, PRIOR_FLOOR
from .scene import Scene

STEADY_CLASSES = 0.8
"""A splat keeps its parent's precision class while its own would be so near, in classes."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A coded frame that others may follow: the native core's `Frame`, and the grid of its key frame."""

    frame: Any
    grid: Grid

    @staticmethod
    def of_key(file: Encoded) -> Reference:
        """Of a key frame."""
        h = file.header
        return Reference(core().key_frame(file.pack({}), 1 << 31, threads()), Grid(h.origin, h.voxel, h.depth))

    @property
    def scene(self) -> Scene:
        """As a decoder gives it."""
        *arrays, antialiased = self.frame.arrays(threads())
        return Scene(*arrays, antialiased=antialiased)


@dataclass(frozen=True, eq=False)
class Followed:
    """A following frame: its payload, what can follow it in turn, and bits by group."""

    payload: bytes
    reference: Reference
    bits: np.ndarray


@dataclass(frozen=True, eq=False)
class FollowingDraft:
    """The kept splats of a frame: block by block, those with a parent in its order, then the others in Morton order.

    Attributes:
        draft: them, in an order of its own.
        order: int64 [N], rows of `draft` in the file's order.
        parents: int32 [N], in the file's order, rows of the block that is followed; -1 without.
        splats, fresh: by block, how many there are, and how many of these have no parent.
        codes: uint64, voxels of those.
        classes: int32 [N, 2] and
        coefficients: float32 [N, C], as `draft` has them, but with the reference's classes where near, and in its basis.
    """

    draft: Draft
    before: Reference
    order: np.ndarray
    parents: np.ndarray
    splats: list[int]
    fresh: list[int]
    codes: np.ndarray
    classes: np.ndarray
    coefficients: np.ndarray

    @staticmethod
    def of(draft: Draft, before: Reference) -> FollowingDraft:
        """Finds parents; every splat goes into its parent's block, one without into that of the parent before it along the grid's curve."""
        s, frame = draft.splats, before.frame
        symbols = frame.symbols()
        blur = BLUR_SIGMA * draft.blur.at(s.means)
        found = parents(s.means, s.axes, s.values, draft.ratios, blur, frame.arrays(threads())[0].astype(np.float64), symbols[:, :7] / ONE)
        ideal = 0.5 * np.log2(np.maximum(draft.ratios, PRIOR_FLOOR)) - CLASS_OFFSET
        inherited = symbols[found, 7:9]
        steady = (found >= 0)[:, None] & (np.abs(ideal - inherited) < STEADY_CLASSES)
        classes = np.where(steady, inherited, draft.classes).astype(np.int32)
        starts = np.concatenate([[0], np.cumsum(frame.block_splats)])
        codes = before.grid.morton(s.means)
        block = _blocks(found, codes, starts)
        order = np.lexsort((codes, np.where(found < 0, len(symbols), found), block))
        stranger = found[order] < 0
        count = len(frame.block_splats)
        return FollowingDraft(
            draft, before, order, np.where(stranger, -1, found[order] - starts[block[order]]).astype(np.int32), np.bincount(block, minlength=count).tolist(),
            np.bincount(block[found < 0], minlength=count).tolist(), codes[order][stranger], classes, _rebased(draft.coefficients, draft.basis, frame.basis),
        )  # fmt: skip

    def recolored(self, decoded: Scene) -> FollowingDraft:
        """With the constant colours and opacities of `decoded`, whose rows are in the file's order."""
        back = np.argsort(self.order)
        return replace(self, draft=self.draft.recolored(decoded.select(back)))

    def run(self) -> Followed:
        """Codes the frame."""
        s, o = self.draft.splats, self.order
        payload, bits, frame = core().follow(
            self.before.frame, self.splats, self.fresh, self.parents, self.codes, s.values[o], s.axes[o], s.means[o], self.draft.ratios[o],
            self.classes[o], self.coefficients[o], threads(),
        )  # fmt: skip
        return Followed(payload, Reference(frame, self.before.grid), bits)


def _blocks(found: np.ndarray, codes: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """int64 [N]: the block of each splat."""
    block = np.searchsorted(starts, np.maximum(found, 0), side="right") - 1
    along = np.argsort(codes, kind="stable")
    known = np.where(found[along] >= 0, np.arange(len(along)), -1)
    nearest = np.maximum(np.maximum.accumulate(known), 0)
    out = np.empty(len(found), np.int64)
    out[along] = block[along][nearest]
    return out


def _rebased(coefficients: np.ndarray, basis: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float32 [N, C] in the basis `other`, int8 [C, 3 rest]."""
    if other.size == 0 or basis.size == 0:
        return np.zeros((len(coefficients), len(other)), np.float32)
    change = (basis / BASIS_ONE) @ np.linalg.pinv(other / BASIS_ONE)
    return np.ascontiguousarray(coefficients @ change.astype(np.float32))
