"""Which Gaussian of one frame has become which of another: frames are trained one by one, so that nothing says so."""

from __future__ import annotations

import numpy as np

from .steps import SCALAR_STEP, STEP_OPACITY, STEP_SCALE
from .voxels import spread

SCALAR_WEIGHT = np.array([{STEP_SCALE: 0.75 * np.log(2) ** 2, STEP_OPACITY: np.log(2) ** 2}.get(s, 0.0796) for s in SCALAR_STEP])
"""Distortion of a squared error of each scalar, per unit of the splat's weight; SCALAR_WEIGHT of cuda/core/codec/splat_coder.hpp."""
POSITION_WEIGHT = 0.5
WINDOW = 6
"""Candidates to either side along each curve."""
SHIFTS = (0.0, 0.21, 0.47, 0.73)
"""Of the curves, as shares of the finest common cube: what one of them tears apart, another has together."""
CHUNK = 32_768
STRANGER = 28.0
"""bits: a splat that would differ from its parent by more is coded by itself."""
DEPTH = 21
ROUNDS = 2
"""Searches after the first, each with the motion that the one before found; 2 to 4 % fewer bytes on a person who walks."""
NEARBY = 8
"""Splats to either side along a curve, whose motion is taken for this one's."""


def parents(
    means: np.ndarray, axes: np.ndarray, values: np.ndarray, weights: np.ndarray, blur: np.ndarray, before_means: np.ndarray, before_values: np.ndarray
) -> np.ndarray:
    """The splat of the frame before that each splat is told by at the least cost, -1 where that would not pay.

    Args:
        means: float64 [N, 3], world units.
        axes: float64 [N, 3, 3], `axes[:, i]` the i-th axis.
        values: float64 [N, 7]: log2 scales, log2 opacity, rotated colour.
        weights: float64 [N, 2], of geometry and colour, over lambda.
        blur: float64 [N], world units.
        before_means: float64 [M, 3].
        before_values: float64 [M, 7].

    Returns:
        int64 [N], rows of the frame before.
    """
    if not len(before_means) or not len(means):
        return np.full(len(means), -1, np.int64)
    found = _nearest(means, axes, values, weights, blur, before_means, before_values)
    for _ in range(ROUNDS):  # where those nearby have come from is where this one is to be looked for
        moved = _motion(means, np.where((found >= 0)[:, None], means - before_means[found], np.nan))
        found = _nearest(means - moved, axes, values, weights, blur, before_means, before_values)
    return found


def _nearest(
    means: np.ndarray, axes: np.ndarray, values: np.ndarray, weights: np.ndarray, blur: np.ndarray, before_means: np.ndarray, before_values: np.ndarray
) -> np.ndarray:
    """As `parents`, for splats that have not moved much."""
    out = np.empty(len(means), np.int64)
    curves = _curves(means, before_means)
    for start in range(0, len(means), CHUNK):
        rows = slice(start, min(start + CHUNK, len(means)))
        near = np.concatenate([sorted_rows[_window(at[rows], len(before_means))] for at, sorted_rows in curves], axis=1)
        bits = _bits(means[rows], axes[rows], values[rows], weights[rows], blur[rows], before_means[near], before_values[near])
        best = bits.argmin(1)
        each = np.arange(len(best))
        out[rows] = np.where(bits[each, best] < STRANGER, near[each, best], -1)
    return out


def _motion(means: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """float64 [N, 3]: mean of what the splats nearby have moved by, along a curve; rows of NaN count for nothing."""
    known = ~np.isnan(moves[:, 0])
    low = means.min(0)
    order = np.argsort(_morton((means - low) / max(float((means.max(0) - low).max()), 1e-30)), kind="stable")
    sums = np.concatenate([np.zeros((1, 4)), np.cumsum(np.column_stack([np.where(known[:, None], moves, 0.0), known])[order], axis=0)])
    at = np.arange(len(means))
    inside = sums[np.minimum(at + NEARBY + 1, len(means))] - sums[np.maximum(at - NEARBY, 0)]
    out = np.empty_like(means)
    out[order] = inside[:, :3] / np.maximum(inside[:, 3:], 1)
    return out


def _curves(means: np.ndarray, before: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each shift, where the splats would stand among those before in Morton order, and the rows of that order."""
    low = np.minimum(means.min(0), before.min(0))
    edge = max(float((np.maximum(means.max(0), before.max(0)) - low).max()), 1e-30)
    out = []
    for shift in SHIFTS:
        codes = [_morton((m - low) / edge * 0.5 + 0.5 * shift) for m in (means, before)]
        order = np.argsort(codes[1], kind="stable")
        out.append((np.searchsorted(codes[1][order], codes[0]), order))
    return out


def _morton(unit: np.ndarray) -> np.ndarray:
    """uint64 [N] of places in the unit cube."""
    cell = np.clip(np.floor(unit * 2**DEPTH), 0, 2**DEPTH - 1).astype(np.uint64)
    return spread(cell[:, 0]) | spread(cell[:, 1]) << np.uint64(1) | spread(cell[:, 2]) << np.uint64(2)


def _window(at: np.ndarray, count: int) -> np.ndarray:
    """int64 [n, 2 WINDOW]: places about `at` in a list of `count`."""
    return np.clip(at[:, None] + np.arange(-WINDOW, WINDOW), 0, count - 1)


def _bits(
    means: np.ndarray, axes: np.ndarray, values: np.ndarray, weights: np.ndarray, blur: np.ndarray, near_means: np.ndarray, near_values: np.ndarray
) -> np.ndarray:
    """float64 [n, candidates]: about so many bits tell how a splat differs from a candidate, half a bit an octave of distortion."""
    weight = np.where(np.arange(len(SCALAR_WEIGHT)) < 4, weights[:, :1], weights[:, 1:]) * SCALAR_WEIGHT
    bits = np.log2(1 + weight[:, None] * (near_values - values[:, None]) ** 2).sum(2)
    sizes = np.sqrt(np.exp2(2 * values[:, :3]) + blur[:, None] ** 2)
    away = np.einsum("nik,nmk->nmi", axes, near_means - means[:, None]) / sizes[:, None]
    return 0.5 * (bits + np.log2(1 + POSITION_WEIGHT * weights[:, :1, None] * away**2).sum(2))
