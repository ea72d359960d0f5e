"""Numbers of a camera file's JSON, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import Corrupt

MAX_SIDE = 1 << 20
"""Of an image, px."""
ORTHONORMAL_TOLERANCE = 1e-3


def numbers(entry: dict[str, Any], key: str, shape: tuple[int, ...], file: str, where: str) -> np.ndarray:
    """float64 of a shape; Corrupt unless the entry has finite numbers in just that nesting."""
    expected = "x".join(map(str, shape)) + " finite numbers" if shape else "a finite number"
    try:
        value = np.array(entry[key])
        if value.shape == shape and value.dtype.kind in "iuf" and np.isfinite(value).all():
            return value.astype(np.float64)
    except (KeyError, ValueError, OverflowError):
        pass
    raise Corrupt(file, f"{where}.{key}", expected, repr(entry.get(key))[:60])
