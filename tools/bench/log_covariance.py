"""Scales and rotations together as logarithms of covariances: six numbers, the same however a Gaussian is told."""

from __future__ import annotations

import numpy as np

from gscompress.model.canonical import rotation_matrices
from gscompress.model.reconstruct import quaternions
from gscompress.train.shape_space import LN2, SCALE_WEIGHT, STEEPEST

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
ROOT = 2**0.5


def vectors(scales: np.ndarray, quats: np.ndarray, log2_blur: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float64 [N, 6], entries of log2 of the covariances (those off the diagonal times sqrt 2), and their metric [N, 6, 6].

    Args:
        scales, quats, log2_blur, weight: as for `shape_space.rotation_metric`.
    """
    r = rotation_matrices(quats)
    logarithm = np.einsum("nik,nk,njk->nij", r, 2 * scales, r)
    found = np.stack([logarithm[:, i, j] * (1 if i == j else ROOT) for i, j in PAIRS], 1)
    seen = LN2 * 0.5 * np.logaddexp2(2 * scales, 2 * log2_blur[:, None])
    rows = []
    for i, j in PAIRS:  # the error's entry (i, j) along the Gaussian's own axes, linear in the vector's error
        row = [(r[:, p, i] * r[:, q, j] + (r[:, q, i] * r[:, p, j] if p != q else 0)) / (1 if p == q else ROOT) for p, q in PAIRS]
        if i == j:
            cost = np.full(len(r), SCALE_WEIGHT / 4)
        else:
            apart = 2 * (scales[:, i] - scales[:, j])
            near = apart < 1e-3
            cost = np.where(near, LN2**2 / 4, np.sinh(np.minimum(seen[:, i] - seen[:, j], STEEPEST)) ** 2 / np.where(near, 1, apart) ** 2)
        rows.append(np.sqrt(weight * cost)[:, None] * np.stack(row, 1))
    factor = np.stack(rows, 1)
    return found, factor.transpose(0, 2, 1) @ factor


def shapes(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log2 scales [N, 3], longest first, and quaternions [N, 4] of vectors."""
    logarithm = np.empty((len(found), 3, 3))
    for k, (i, j) in enumerate(PAIRS):
        logarithm[:, i, j] = logarithm[:, j, i] = found[:, k] / (1 if i == j else ROOT)
    values, axes = np.linalg.eigh(logarithm)
    axes = axes[:, :, ::-1].copy()
    axes[:, :, 1] *= np.sign(np.linalg.det(axes))[:, None]
    return values[:, ::-1] / 2, quaternions([list(axes[:, :, i].T) for i in range(3)])
