"""Codebooks for the SOG writer: one-dimensional k-means, and a two-level k-means for tens of thousands of vectors."""

from __future__ import annotations

import numpy as np

_MAX_CELLS = 4096
_CELL_MEMBERS = 32
_SCALAR_ITERATIONS = 12
_COARSE_SAMPLE = 65_536
_COARSE_ITERATIONS = 6
_FINE_ITERATIONS = 6
_ASSIGN_BLOCK = 16_384


def scalar_codebook(values: np.ndarray, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Levels for numbers that minimise the squared error (nearly), and each number's level.

    Args:
        values: float [...], finite.
        size: number of levels, at most 256.

    Returns:
        Ascending levels, float32 [size]; index of the nearest level of every value, uint8 of the shape of `values`.
        Up to `size` distinct values are all levels themselves.
    """
    flat = np.sort(values, axis=None).astype(np.float64)
    if not len(flat):
        return np.zeros(size, np.float32), np.zeros(values.shape, np.uint8)
    distinct = flat[np.concatenate([[True], flat[1:] > flat[:-1]])]
    if len(distinct) > size:
        book = _scalar_lloyd(flat, size).astype(np.float32)
    else:
        book = np.concatenate([distinct, np.full(size - len(distinct), distinct[-1])]).astype(np.float32)
    middles = (book[1:].astype(np.float64) + book[:-1]) / 2
    return book, np.searchsorted(middles, values).astype(np.uint8)


def _scalar_lloyd(flat: np.ndarray, size: int) -> np.ndarray:
    """Ascending float64 [size] for ascending values, by Lloyd's algorithm.

    Starts from levels spaced by the cube root of the density, where an optimal quantiser of many levels has them
    (Panter and Dite 1951), so that tails get levels too and few iterations do.
    """
    # Cells of equal membership adapt to tails; the density in one is 1 / width, so its share of levels width^(2/3).
    cells = max(1, min(_MAX_CELLS, len(flat) // _CELL_MEMBERS))
    edges = flat[np.linspace(0, len(flat) - 1, cells + 1).astype(np.int64)]
    mass = np.concatenate([[0.0], np.cumsum(np.diff(edges) ** (2 / 3))])
    levels = np.interp((np.arange(size) + 0.5) / size * mass[-1], mass, edges)
    sums = np.concatenate([[0.0], np.cumsum(flat)])
    for _ in range(_SCALAR_ITERATIONS):
        ends = np.concatenate([[0], np.searchsorted(flat, (levels[1:] + levels[:-1]) / 2), [len(flat)]])
        members = np.diff(ends)
        means = np.diff(sums[ends]) / np.maximum(members, 1)
        levels = np.sort(np.where(members > 0, means, levels))
    return levels


def palette(vectors: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A palette of vectors by k-means in two levels, so that the cost grows with sqrt(size) and not with size.

    About sqrt(size) coarse clusters come first, from a sample; each is then split on its own into a share of the
    palette that grows with its members and their spread.

    Args:
        vectors: float32 [N, D], finite, N > 0.
        size: upper bound of the palette's size; at least one.
        seed: of the random starts; the same seed gives the same palette on the same machine.

    Returns:
        Palette, float32 [P, D] with P <= min(size, N); index of each vector's entry, int64 [N].
    """
    n = len(vectors)
    if n <= size:
        return vectors.astype(np.float32), np.arange(n)
    random = np.random.default_rng(seed)
    sample = vectors[random.choice(n, min(n, _COARSE_SAMPLE), replace=False)]
    coarse, _ = _lloyd(sample, max(1, round(size**0.5)), _COARSE_ITERATIONS, random)
    owner, distance = _nearest(vectors, coarse)
    order = np.argsort(owner, kind="stable")
    members = np.bincount(owner, minlength=len(coarse))
    shares = _shares(members, np.bincount(owner, weights=distance, minlength=len(coarse)), size)
    labels, parts, start, offset = np.empty(n, np.int64), [], 0, 0
    for count, share in zip(members.tolist(), shares.tolist(), strict=True):
        rows = order[start : start + count]
        start += count
        if not count:
            continue
        centres, local = _lloyd(vectors[rows], share, _FINE_ITERATIONS, random)
        labels[rows] = local + offset
        parts.append(centres)
        offset += len(centres)
    return np.concatenate(parts), labels


def _shares(members: np.ndarray, squared_error: np.ndarray, size: int) -> np.ndarray:
    """int64: entries for each cluster, at least one for each that has members, never more than it has."""
    weight = np.sqrt(members * np.maximum(squared_error, 1e-12))
    spare = size - np.count_nonzero(members)
    extra = np.floor(weight / max(float(weight.sum()), 1e-300) * spare).astype(np.int64)
    return np.minimum(members, extra + (members > 0))


def _lloyd(
    vectors: np.ndarray, size: int, iterations: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (at most `size`; those that no vector chose are left out) and the label of each vector."""
    if len(vectors) <= size:
        return vectors, np.arange(len(vectors))
    centres = vectors[np.sort(random.choice(len(vectors), size, replace=False))]
    labels = np.zeros(len(vectors), np.int64)
    for _ in range(iterations):
        labels, _ = _nearest(vectors, centres)
        used, labels = np.unique(labels, return_inverse=True)
        order = np.argsort(labels, kind="stable")
        members = np.bincount(labels, minlength=len(used))
        starts = np.concatenate([[0], np.cumsum(members)[:-1]])
        centres = np.add.reduceat(vectors[order], starts, axis=0) / members[:, None].astype(np.float32)
    return centres, labels


def _nearest(vectors: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest centre and the squared distance to it, in blocks of bounded memory."""
    labels, distance = np.empty(len(vectors), np.int64), np.empty(len(vectors))
    half_norms = 0.5 * np.einsum("kd,kd->k", centres, centres)
    for start in range(0, len(vectors), _ASSIGN_BLOCK):
        block = vectors[start : start + _ASSIGN_BLOCK]
        score = half_norms - block @ centres.T  # half the squared distance, less half the vector's own norm
        best = score.argmin(axis=1)
        labels[start : start + len(block)] = best
        own = 0.5 * np.einsum("nd,nd->n", block, block)
        distance[start : start + len(block)] = 2.0 * (score[np.arange(len(block)), best] + own)
    return labels, distance
