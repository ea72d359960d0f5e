"""A basis of the scene's own for harmonics beyond the constant: the KLT, weighted by what their errors cost."""

from __future__ import annotations

import numpy as np

BASIS_ONE = 127
"""The basis travels as int8; this is 1."""
WEIGHT_CAP = 100.0


def fit_basis(sh_rest: np.ndarray, color_weight: np.ndarray) -> np.ndarray:
    """int8 [C, C], orthonormal rows times 127, by descending variance.

    Args:
        sh_rest: float32 [N, C], C = 3 (K - 1), coefficient-major.
        color_weight: float64 [N], over lambda.
    """
    size = sh_rest.shape[1]
    if size == 0 or len(sh_rest) == 0:
        return np.zeros((0, 0), np.int8)
    weight = color_weight / (1 + color_weight / WEIGHT_CAP)
    covariance = np.zeros((size, size))
    for start in range(0, len(sh_rest), 65_536):  # bounded memory
        rows = sh_rest[start : start + 65_536].astype(np.float64)
        covariance += (rows * weight[start : start + 65_536, None]).T @ rows
    _, vectors = np.linalg.eigh(covariance / max(weight.sum(), 1e-30))
    rows = vectors[:, ::-1].T
    signs = np.where(rows[np.arange(size), np.abs(rows).argmax(1)] < 0, -1.0, 1.0)  # eigenvectors have no sign of their own
    return np.clip(np.round(rows * signs[:, None] * BASIS_ONE), -BASIS_ONE, BASIS_ONE).astype(np.int8)


def to_basis(sh_rest: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """float32 [N, C]: coefficients that give `sh_rest` back as coefficients @ basis / 127."""
    if basis.size == 0:
        return np.zeros((len(sh_rest), 0), np.float32)
    return np.ascontiguousarray(sh_rest @ np.linalg.pinv(basis / BASIS_ONE).astype(np.float32))
