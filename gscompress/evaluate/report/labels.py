"""Labels of points in a plot: placed where nothing else is, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase

OFFSETS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
DISTANCES = (4.5, 7.0, 11.0)
FAR = (16.0, 22.0, 30.0, 40.0)
"""Points, tried in order; the far ones are for labels that matter."""
HALF_MARKER = 3.5
"""Pixels at 72 a inch that a marker takes to each side of its point."""
Box = tuple[float, float, float, float]
"""Left, bottom, right and top, pixels."""
ALIGN = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


def frontier(points: Sequence[tuple[float, float]], larger_is_better: bool) -> list[int]:
    """Indices of the (size, quality) that no smaller or equal file betters, by size."""
    sign = 1 if larger_is_better else -1
    best, found = -np.inf, []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -sign * points[i][1])):
        if sign * points[i][1] > best:
            best = sign * points[i][1]
            found.append(i)
    return found


class Labels:
    """Of one plot, all of whose points and curves are given first, in the axes' units."""

    def __init__(self, axes: Axes, renderer: RendererBase, points: Sequence[tuple[float, float]], curves: Sequence[Sequence[tuple[float, float]]]):
        self._axes, self._renderer = axes, renderer
        self._scale = axes.figure.dpi / 72
        self._points = self._pixels(points)
        self._taken = [_around(x, y, HALF_MARKER * self._scale) for x, y in self._points]
        for curve in curves:
            self._taken += [_around(x, y, self._scale) for x, y in _along(self._pixels(curve), 4 * self._scale)]
        self._frame = axes.get_window_extent(renderer)

    def place(self, text: str, at: tuple[float, float], color: str, size: float, far: bool = False) -> bool:
        """Writes a text beside its point where it overlaps nothing, and no other point is nearer; if `far`, then also further away, with
        a line to the point; else nowhere.

        Returns:
            Whether there was such a place.
        """
        from matplotlib.text import Text

        own = self._pixels([at])[0]
        for distance, (dx, dy) in ((d, o) for d in (*DISTANCES, *(FAR if far else ())) for o in OFFSETS):
            shift = distance / np.hypot(dx, dy)
            line = {"arrowstyle": "-", "color": color, "lw": 0.4, "shrinkA": 0, "shrinkB": 2.5} if distance in FAR else None
            label = self._axes.annotate(
                text, at, xytext=(dx * shift, dy * shift), textcoords="offset points", fontsize=size, color=color,
                ha=ALIGN[dx][0], va=ALIGN[dy][1], arrowprops=line,
            )  # fmt: skip
            label.update_positions(self._renderer)
            extent = Text.get_window_extent(label, self._renderer)  # an annotation's own includes its line
            box = (extent.x0, extent.y0, extent.x1, extent.y1)
            way = self._way(own, box) if line else []
            if self._fits(box) and not any(_overlap(step, b) for step in way for b in self._taken) and (line or self._nearest(box, own)):
                self._taken += [(box[0] - self._scale, box[1] - self._scale, box[2] + self._scale, box[3] + self._scale), *way]
                return True
            label.remove()
        return False

    def _pixels(self, points: Sequence[tuple[float, float]]) -> np.ndarray:
        return self._axes.transData.transform(np.asarray(points, float).reshape(-1, 2))

    def _fits(self, box: Box) -> bool:
        frame, gap = self._frame, 2 * self._scale
        inside = box[0] > frame.x0 + gap and box[2] < frame.x1 - gap and box[1] > frame.y0 + gap and box[3] < frame.y1 - gap
        return inside and not any(_overlap(box, b) for b in self._taken)

    def _way(self, own: np.ndarray, box: Box) -> list[Box]:
        """What a line covers from outside its marker to the middle of a label's box, as far as the box."""
        to = np.array([box[0] + box[2], box[1] + box[3]]) / 2
        steps = [_around(x, y, 0.5 * self._scale) for x, y in _along(np.stack([own, to]), 2 * self._scale)]
        clear = _around(own[0], own[1], (HALF_MARKER + 1) * self._scale)
        return [step for step in steps if not _overlap(step, clear) and not _overlap(step, box)]

    def _nearest(self, box: Box, own: np.ndarray) -> bool:
        """Whether no other point is as near to the box, so that nobody takes it for another's label."""

        def distances(points: np.ndarray) -> np.ndarray:
            outside = np.maximum(np.maximum(np.array(box[:2]) - points, points - np.array(box[2:])), 0)
            return np.hypot(*outside.T)

        others = self._points[np.abs(self._points - own).max(1) > 0.5]
        return bool((distances(others) > 1.3 * distances(own[None])).all())


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _around(x: float, y: float, half: float) -> Box:
    return x - half, y - half, x + half, y + half


def _along(corners: np.ndarray, step: float) -> list[tuple[float, float]]:
    """Points of a polyline, no further apart than `step`."""
    found = []
    for a, b in pairwise(corners):
        count = int(np.ceil(np.linalg.norm(b - a) / step)) + 1
        found += [tuple(a + (b - a) * t) for t in np.linspace(0, 1, count)]
    return found
