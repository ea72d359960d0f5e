"""Morton order of points, so that neighbours in space become neighbours in chunks and images."""

from __future__ import annotations

import numpy as np

_BITS = 21
"""Bits per axis: three of them fill a 63-bit code."""


def morton_order(means: np.ndarray) -> np.ndarray:
    """Indices that sort points along the Morton curve through their bounding box; stable, so ties keep their order.

    Args:
        means: float32 [N, 3], finite.

    Returns:
        int64 [N].
    """
    if not len(means):
        return np.empty(0, np.int64)
    points = means.astype(np.float64)
    low = points.min(axis=0)
    extent = np.maximum(points.max(axis=0) - low, np.finfo(np.float64).tiny)
    cells = ((points - low) / extent * (2**_BITS - 1)).astype(np.uint64)
    code = _spread(cells[:, 0]) | _spread(cells[:, 1]) << np.uint64(1) | _spread(cells[:, 2]) << np.uint64(2)
    return np.argsort(code, kind="stable")


def _spread(bits: np.ndarray) -> np.ndarray:
    """Moves bit i of each uint64 to bit 3 i, by doubling the gaps five times."""
    steps = (
        (32, 0x1F00000000FFFF), (16, 0x1F0000FF0000FF), (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3), (2, 0x1249249249249249),
    )  # fmt: skip
    for shift, mask in steps:
        bits = (bits | bits << np.uint64(shift)) & np.uint64(mask)
    return bits
