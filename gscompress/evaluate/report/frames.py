"""The scales of a plot: wide enough for the run's own figures, and for published ones that are not far from them."""

from __future__ import annotations

import math

from .published import PublishedResult
from .series import Panel, PlotData

Frame = tuple[float, float, float, float]
"""Left and right in MB, bottom and top in the panel's unit."""
REACH = 2.0
"""How many times beyond the run's own sizes, to either side, published ones are still shown."""
MARGIN = 0.06
MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))


def published_points(panel: Panel, data: PlotData) -> list[tuple[PublishedResult, float, float]]:
    """Published results that have a panel's quality, with MB and that."""
    if panel.published is None:
        return []
    return [(r, r.size_mb, value) for r in data.published if r.size_mb and (value := getattr(r, panel.published)) is not None]


def size_limits(data: PlotData) -> tuple[float, float]:
    """MB, of the run's own files and of published ones not far from them."""
    own = [point.size_mb for series in data.series for point in series.points]
    low, high = min(own), max(own)
    near = [r.size_mb for r in data.published if r.size_mb and low / REACH <= r.size_mb <= high * REACH]
    low, high = min([low, *near]), max([high, *near])
    pad = max((high / low) ** MARGIN, 1.15)
    return low / pad, high * pad


def quality_limits(panel: Panel, data: PlotData, sizes: tuple[float, float]) -> tuple[float, float]:
    """Of the run's own figures but for those far worse than the best; published ones may widen them to either side."""
    all_series = [*data.series, *([data.baseline] if data.baseline else [])]
    own = [value for series in all_series for _, value in series.over_size(panel.key) if math.isfinite(value)]
    low, high = min(own), max(own)
    if panel.larger_is_better:
        low = min(v for v in own if v >= high - panel.most_span)
    else:
        high = max(v for v in own if v <= low + panel.most_span)
    reach = 2 * panel.most_span
    near = [y for _, x, y in published_points(panel, data) if sizes[0] <= x <= sizes[1] and low - reach <= y <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    missing = max(0.0, panel.least_span - (high - low)) / 2
    pad = MARGIN * max(high - low, panel.least_span)
    return low - missing - pad, high + missing + pad


def ticks(low: float, high: float) -> list[float]:
    """Round numbers within, for a logarithmic scale; three or more."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in MANTISSAS:
        found = [m * 10.0**d for d in decades for m in mantissas if low <= m * 10.0**d <= high]
        if len(found) >= 4:
            return found
    power = 10.0 ** math.floor(math.log10(high - low))  # a short stretch: even steps
    for step in (power, power / 2, power / 5):
        found = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
        if len(found) >= 3:
            break
    return found
