"""Rate-distortion plots, by matplotlib, which is imported only when one is drawn. The same data give the same bytes."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import MissingExtra
from ...io.common import plural
from .frames import Frame, published_points, quality_limits, size_limits, ticks
from .labels import Labels, frontier
from .series import Panel, PlotData, Series
from .writers import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A4E00")
"""Okabe and Ito's, told apart by colour-blind people, without the yellow that white swallows; the last is a brown."""
MARKERS = "osD^vPX*"
INK, GREY, PALE = "#222222", "#6f6f6f", "#8c8c8c"
HOLLOW = {"marker": "o", "mfc": "none", "mec": PALE, "mew": 0.8, "ms": 4.5, "ls": ""}
DASHED = {"color": INK, "ls": (0, (5, 3)), "lw": 1.0}
WIDTH, NARROW = 10.0, 7.0
"""Inches, of two panels side by side and of one."""
PANEL_HEIGHT, TITLE_HEIGHT, ENTRY_HEIGHT, LINE_HEIGHT = 3.7, 0.55, 0.24, 0.17
"""Inches, with what belongs to them."""
LETTERS_PER_INCH = 17
DOTS_PER_INCH = 150
PUBLISHED = "published (their own runs, full-size images)"
STYLE = {
    "svg.hashsalt": "gscompress", "svg.fonttype": "path", "font.size": 9.0, "axes.titlesize": 10.0, "axes.edgecolor": GREY,
    "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "text.color": INK, "axes.grid": True, "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6, "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "text.parse_math": False,
    "axes.formatter.use_mathtext": False, "axes.unicode_minus": False, "figure.dpi": DOTS_PER_INCH, "savefig.dpi": DOTS_PER_INCH,
}  # fmt: skip


@dataclass(frozen=True)
class Plot:
    """One figure as files' bytes."""

    name: str
    title: str
    svg: bytes
    png: bytes


def require_matplotlib() -> None:
    """
    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtra("matplotlib", "eval", "plots of a report") from error


def draw(data: PlotData) -> Plot:
    """Draws one figure.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    require_matplotlib()
    with _style():
        figure = _figure(data)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", metadata={"Software": None})
    return Plot(data.name, data.title, svg.getvalue(), png.getvalue())


@contextmanager
def _style() -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's own are; and no word on letters that the font lacks."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)  # pyright: ignore[reportCallIssue, reportArgumentType]
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
        yield


def _figure(data: PlotData) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(2, len(data.panels))
    rows = math.ceil(len(data.panels) / columns)
    width = WIDTH if columns == 2 else NARROW
    sizes = size_limits(data)
    frames = [(*sizes, *quality_limits(panel, data, sizes)) for panel in data.panels]
    said = (data.context, *data.omitted, *_beyond(data, frames))
    lines = [line for text in said for line in textwrap.wrap(one_line(text), int(LETTERS_PER_INCH * width))]
    handles = _handles(data)
    per_row = 1 if len(data.panels) == 3 else 3 if columns == 2 else 2  # with three panels the key takes the place of a fourth
    key = 0.0 if len(data.panels) == 3 else ENTRY_HEIGHT * math.ceil(len(handles) / per_row) + 0.2
    bottom = LINE_HEIGHT * len(lines) + key + 0.6
    height = TITLE_HEIGHT + PANEL_HEIGHT * rows + bottom
    figure = Figure(figsize=(width, height))
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        rows, columns, left=0.72 / width, right=1 - 0.15 / width, top=1 - TITLE_HEIGHT / height, bottom=bottom / height, hspace=0.28,
        wspace=0.19,
    )  # fmt: skip
    all_axes = [figure.add_subplot(grid[i // columns, i % columns]) for i in range(len(data.panels))]
    for axes, panel, frame in zip(all_axes, data.panels, frames, strict=True):
        _panel(axes, panel, data, frame)
    figure.suptitle(one_line(data.title), fontsize=12, y=1 - 0.12 / height, va="top")
    style: dict[str, Any] = {"handles": handles, "ncols": per_row, "frameon": False, "fontsize": 8.5}
    if len(data.panels) == 3:
        figure.legend(loc="center", bbox_to_anchor=grid[1, 1].get_position(figure), bbox_transform=figure.transFigure, **style)
    else:
        figure.legend(loc="lower center", bbox_to_anchor=(0.5, (LINE_HEIGHT * len(lines) + 0.12) / height), **style)
    figure.text(0.5, 0.08 / height, "\n".join(lines), fontsize=7, color=GREY, ha="center", va="bottom", linespacing=1.4)
    figure.align_ylabels()
    figure.draw_without_rendering()
    for axes, panel, frame in zip(all_axes, data.panels, frames, strict=True):
        _name_points(axes, panel, data, frame, canvas.get_renderer())
    return figure


def _panel(axes: Axes, panel: Panel, data: PlotData, frame: Frame) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    left, right, low, high = frame
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks(left, right)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_title(one_line(panel.title), loc="left")
    axes.set_xlabel("file size, MB (10^6 bytes, log scale)")
    axes.set_ylabel(one_line(panel.axis))
    for _, x, y in published_points(panel, data):
        axes.plot(x, y, zorder=2, **HOLLOW)
    if data.baseline:
        for _, value in data.baseline.over_size(panel.key):
            if math.isfinite(value):
                axes.axhline(value, zorder=2.5, **DASHED)
    for series in data.series:
        points = series.over_size(panel.key)
        inside = [(x, y) for x, y in points if math.isfinite(y)]
        if inside:
            axes.plot(*zip(*inside, strict=True), zorder=4, **_look(series, len(inside) > 1))
        for x, y in points:
            if not low <= y <= high:
                _arrow(axes, x, _ends(y, frame), _look(series, False))


def _arrow(axes: Axes, x: float, ends: tuple[float, float], look: dict[str, Any]) -> None:
    arrow = {"arrowstyle": "-|>", "color": look["color"], "lw": 1.5}
    axes.annotate("", (x, ends[1]), xytext=(x, ends[0]), arrowprops=arrow)
    axes.plot(x, ends[0], zorder=4, **look)


def _ends(y: float, frame: Frame) -> tuple[float, float]:
    """From where to where the arrow goes that stands for a point beyond the scale: outwards, at the frame."""
    low, high = frame[2:]
    return (low + 0.93 * (high - low), high) if y > high else (low + 0.07 * (high - low), low)


def _handles(data: PlotData) -> list[Line2D]:
    """Of the key."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=_clean(series.label), **_look(series, len(series.points) > 1)) for series in data.series]
    if data.baseline and any(math.isfinite(y) for panel in data.panels for _, y in data.baseline.over_size(panel.key)):
        size = data.baseline.points[0].size_mb
        handles.append(Line2D([], [], label=f"{_clean(data.baseline.label)}, {size:,.{0 if size >= 100 else 1}f} MB", **DASHED))
    if data.published:
        handles.append(Line2D([], [], label=PUBLISHED, **HOLLOW))
    return handles


def _name_points(axes: Axes, panel: Panel, data: PlotData, frame: Frame, renderer: RendererBase) -> None:
    """The ends of curves, then published results, those of the frontier first, as far as there is room; tables have all of them."""
    left, right, low, high = frame
    shown = [(r, x, y) for r, x, y in published_points(panel, data) if left <= x <= right and low <= y <= high]
    curves = [[(x, y) for x, y in series.over_size(panel.key) if low <= y <= high] for series in data.series]
    across = [[(left, y), (right, y)] for _, y in (data.baseline.over_size(panel.key) if data.baseline else ()) if low <= y <= high]
    arrows = [[(x, end) for end in _ends(y, frame)] for s in data.series for x, y in s.over_size(panel.key) if not low <= y <= high]
    points = [(x, y) for _, x, y in shown] + [point for curve in [*curves, *arrows] for point in curve]
    labels = Labels(axes, renderer, points, [curve for curve in [*curves, *across, *arrows] if len(curve) > 1])
    for series in data.series:
        for point in (series.points[0], series.points[-1]) if len(series.points) > 1 else ():
            value = point.figures.get(panel.key)
            if value is not None and low <= value <= high:
                labels.place(one_line(point.name), (point.size_mb, value), _look(series, False)["color"], 7.5)
    best = frontier([(x, y) for _, x, y in shown], panel.larger_is_better)
    for i in [*best, *(i for i in range(len(shown)) if i not in best)]:
        labels.place(one_line(shown[i][0].method), shown[i][1:], GREY, 6.5, i in best)


def _beyond(data: PlotData, frames: Sequence[Frame]) -> tuple[str, ...]:
    """What is not, or not properly, within any frame."""
    seen = {
        id(result)
        for panel, (left, right, low, high) in zip(data.panels, frames, strict=True)
        for result, x, y in published_points(panel, data) if left <= x <= right and low <= y <= high
    }  # fmt: skip
    notes = []
    if len(seen) < len(data.published):
        notes.append(f"{plural(len(data.published) - len(seen), 'published result')} beyond these scales: see the table.")
    if any(not low <= y <= high for p, (_, _, low, high) in zip(data.panels, frames, strict=True) for s in data.series for _, y in s.over_size(p.key)):
        notes.append("Arrows point to what is beyond a scale: see the table. Upwards from renders' PSNR: equal images.")
    return tuple(notes)


def _look(series: Series, line: bool) -> dict[str, Any]:
    color, marker = COLORS[series.index % len(COLORS)], MARKERS[series.index % len(MARKERS)]
    return {"color": color, "marker": marker, "ms": 5, "ls": "-" if line else "", "lw": 1.5}


def _clean(label: str) -> str:
    """Matplotlib keeps labels that begin with an underscore out of legends."""
    return one_line(label).lstrip("_") or "unnamed"
