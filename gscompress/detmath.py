"""Elementary functions from IEEE-754 double +, -, *, / and sqrt alone: every machine rounds them alike.

The formulas and their order of operations are those of cuda/core/codec/detmath.hpp (FORMAT.md, "Arithmetic"). NumPy
evaluates each operation by itself, so arrays give the same bits as the C++ does for one value after another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

LN2 = 0.693147180559945309417
LOG2_E = 1.44269504088896340736
PI = 3.14159265358979323846
SQRT2 = 1.41421356237309504880

_MANTISSA = np.int64((1 << 52) - 1)
_ONE = np.int64(1023 << 52)


def exp(x: ArrayLike) -> np.ndarray:
    """e^x for |x| <= 700: x = k ln 2 + r, Taylor series of degree 14 in r, Horner."""
    x = np.asarray(x, np.float64)
    k = np.floor(x * LOG2_E + 0.5)
    r = x - k * LN2
    y = np.ones_like(r)
    for i in range(14, 0, -1):
        y = 1.0 + y * r * (1.0 / i)
    return y * ((k.astype(np.int64) + 1023) << 52).view(np.float64)


def exp2(x: ArrayLike) -> np.ndarray:
    """2^x for |x| <= 1000."""
    return exp(np.asarray(x, np.float64) * LN2)


def log(x: ArrayLike) -> np.ndarray:
    """ln x of normal positive x = 2^e m, m in [sqrt 1/2, sqrt 2): 2 artanh((m - 1) / (m + 1))."""
    bits = np.asarray(x, np.float64).view(np.int64)
    e = ((bits >> 52) & 2047) - 1023
    m = ((bits & _MANTISSA) | _ONE).view(np.float64)
    above = m > SQRT2
    m = np.where(above, m * 0.5, m)
    e = e + above
    f = (m - 1.0) / (m + 1.0)
    f2 = f * f
    y = np.zeros_like(f)
    for i in range(25, 2, -2):
        y = (y + 1.0 / i) * f2
    return 2.0 * (f + f * y) + e * LN2


def sin(y: ArrayLike) -> np.ndarray:
    """sin of y in [-pi/2, pi/2]: Taylor series of degree 21."""
    y = np.asarray(y, np.float64)
    y2 = y * y
    s = np.ones_like(y)
    for i in range(20, 1, -2):
        s = 1.0 - s * y2 * (1.0 / (i * (i + 1)))
    return y * s


def cos(y: ArrayLike) -> np.ndarray:
    """cos of y in [-pi/2, pi/2]: Taylor series of degree 22."""
    y = np.asarray(y, np.float64)
    y2 = y * y
    s = np.ones_like(y)
    for i in range(21, 0, -2):
        s = 1.0 - s * y2 * (1.0 / (i * (i + 1)))
    return s
