"""Numbers of a camera file's JSON, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import Corrupt

MAX_SIDE = 1 << 20
"""Of an image, px."""
ORTHONORMAL_TOLERANCE = 1e-3
LARGEST = 1e18
"""Of a camera's numbers: renderers compute in float32, where the squares of larger ones overflow."""
LEAST_FOCAL = 1e-6
"""px, which the same leaves something of."""


def numbers(entry: dict[str, Any], key: str, shape: tuple[int, ...], file: str, where: str) -> np.ndarray:
    """float64 of a shape; Corrupt unless the entry has finite numbers, none beyond `LARGEST`, in just that nesting."""
    expected = "x".join(map(str, shape)) + " finite numbers" if shape else "a finite number"
    found = repr(entry.get(key))[:60]
    try:
        value = np.array(entry[key])
        if value.shape == shape and value.dtype.kind in "iuf" and np.isfinite(value).all():
            if (np.abs(value) <= LARGEST).all():
                return value.astype(np.float64)
            expected, found = f"{expected} within {LARGEST:g}", f"{np.abs(value).max():g}"
    except (KeyError, ValueError, OverflowError):
        pass
    raise Corrupt(file, f"{where}.{key}", expected, found)


def focal_length(pixels: float, key: str, file: str, where: str) -> float:
    """`pixels`; Corrupt unless that is a focal length."""
    if not LEAST_FOCAL <= pixels <= LARGEST:
        raise Corrupt(file, f"{where}.{key}", f"a positive number of pixels, {LEAST_FOCAL:g} to {LARGEST:g}", f"{pixels:g}")
    return pixels
