"""Bjøntegaard's delta rate: how many more bytes one coder takes than another at equal quality, on average over the qualities that
both reach (ITU-T VCEG-M33), with the monotone piecewise cubic interpolation of JVET's common test conditions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError

SAMPLES = 1000
"""Of the integral, by the trapezium rule."""


def bd_rate(points: Sequence[tuple[float, float]], anchor: Sequence[tuple[float, float]]) -> float | None:
    """Mean of the bytes over `anchor`'s at equal quality, less 1; -0.3 is 30 % fewer. None where the qualities do not overlap.

    Args:
        points, anchor: (bytes, quality) of two files or more each, quality in dB or any other unit that grows with it.

    Raises:
        InputError: fewer than two points of different quality, or bytes that are not positive.
    """
    (x, y), (ax, ay) = _curve("points", points), _curve("anchor", anchor)
    low, high = max(x[0], ax[0]), min(x[-1], ax[-1])
    if low >= high:
        return None
    at = np.linspace(low, high, SAMPLES + 1)
    difference = _pchip(x, y, at) - _pchip(ax, ay, at)
    return float(np.expm1((difference[:-1] + difference[1:]).mean() / 2))


def size_at(quality: float, anchor: Sequence[tuple[float, float]]) -> float | None:
    """Bytes that `anchor`'s curve takes at a quality, by the same interpolation; None where it does not reach it.

    Args:
        quality: in the anchor's unit.
        anchor: (bytes, quality) of two files or more.

    Raises:
        InputError: as `bd_rate`.
    """
    x, y = _curve("anchor", anchor)
    return float(np.exp(_pchip(x, y, np.array([quality]))[0])) if x[0] <= quality <= x[-1] else None


def _curve(name: str, points: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Qualities, ascending, and the logarithms of the bytes; of points of one quality the smallest counts."""
    best: dict[float, float] = {}
    for size, quality in points:
        if not (size > 0 and np.isfinite(size) and np.isfinite(quality)):
            raise InputError(f"{name}: expected positive bytes and a finite quality, found {size} and {quality}")
        best[quality] = min(size, best.get(quality, np.inf))
    if len(best) < 2:
        raise InputError(f"{name}: expected two qualities or more, found {len(best)}")
    x = np.array(sorted(best))
    return x, np.log([best[quality] for quality in x])


def _pchip(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic Hermite interpolation with the slopes of Fritsch and Butland (1984), monotone between points."""
    h, d = np.diff(x), np.diff(y) / np.diff(x)
    slopes = np.zeros(len(x))
    if len(x) == 2:
        slopes[:] = d[0]
    else:
        before, after = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
        same = d[:-1] * d[1:] > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            harmonic = (before + after) / (before / d[:-1] + after / d[1:])
        slopes[1:-1] = np.where(same, harmonic, 0.0)
        slopes[0], slopes[-1] = _end(h[0], h[1], d[0], d[1]), _end(h[-1], h[-2], d[-1], d[-2])
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    t = (at - x[i]) / h[i]
    cubic = (1 + 2 * t) * (1 - t) ** 2 * y[i] + t**2 * (3 - 2 * t) * y[i + 1]
    return cubic + h[i] * t * (1 - t) * ((1 - t) * slopes[i] - t * slopes[i + 1])


def _end(h: float, next_h: float, d: float, next_d: float) -> float:
    """Slope at an end: of the parabola through three points, kept from overshooting."""
    slope = ((2 * h + next_h) * d - h * next_d) / (h + next_h)
    if np.sign(slope) != np.sign(d):
        return 0.0
    if np.sign(d) != np.sign(next_d) and abs(slope) > 3 * abs(d):
        return 3 * d
    return slope
