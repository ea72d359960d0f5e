"""Linear prediction of a splat's values from its decoded neighbourhood, fitted to the scene."""

from __future__ import annotations

import numpy as np

SCALARS, FEATURES = 7, 10
ONE = 1024
"""Coefficients are integers in 1/1024."""
LIMIT = 32_000

DEFAULT = np.zeros((SCALARS, FEATURES), np.int16)
DEFAULT[:, :3] = (450, 300, 274)  # two cell sizes, the splat before


def fit_predictor(normal: np.ndarray) -> np.ndarray:
    """int16 [7, 10] from the coder's normal equations, float64 [7, 11, 11] (features, then the value itself)."""
    out = DEFAULT.copy()
    for row, matrix in enumerate(normal):
        scale = np.sqrt(np.diag(matrix)[:FEATURES])
        used = scale > 0
        if matrix[FEATURES, FEATURES] <= 0 or not used.any():
            continue
        a = matrix[:FEATURES, :FEATURES][np.ix_(used, used)] / np.outer(scale[used], scale[used])
        b = matrix[:FEATURES, FEATURES][used] / scale[used]
        solution = np.linalg.solve(a + 1e-6 * np.eye(len(b)), b) / scale[used]
        out[row] = 0
        out[row, used] = np.clip(np.round(solution * ONE), -LIMIT, LIMIT)
    return out
