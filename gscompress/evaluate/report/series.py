"""What a rate-distortion plot shows, before any of it is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..codecs.base import BASELINE
from .published import Published, PublishedResult
from .summary import PHOTOGRAPHS, RENDERS, Figures, SceneSet, Summary, codecs


@dataclass(frozen=True)
class SeriesPoint:
    """An operating point by its name."""

    name: str
    size_mb: float
    figures: Figures


@dataclass(frozen=True)
class Series:
    """A codec's points by size; `index` is its place among the run's codecs, which chooses colour and marker."""

    label: str
    index: int
    points: tuple[SeriesPoint, ...]

    def over_size(self, key: str) -> list[tuple[float, float]]:
        """(MB, figure), where that was measured; it may be infinite."""
        return [(point.size_mb, value) for point in self.points if (value := point.figures.get(key)) is not None]


@dataclass(frozen=True)
class Panel:
    """One quality over size.

    Attributes:
        key: among a cell's figures.
        title, axis: in words.
        published: the attribute of published results that is like it, None where none is.
        larger_is_better: of the quality.
        least_span, most_span: of the axis, but for published results and for the margin; what is worse than `most_span` below the
            best is off the scale.
    """

    key: str
    title: str
    axis: str
    published: str | None
    larger_is_better: bool = True
    least_span: float = 1.0
    most_span: float = 3.0


@dataclass(frozen=True)
class PlotData:
    """One figure: `baseline` is the uncompressed scene, (MB, figures); `omitted` says what could not be drawn."""

    name: str
    title: str
    context: str
    panels: tuple[Panel, ...]
    series: tuple[Series, ...]
    baseline: Series | None
    published: tuple[PublishedResult, ...]
    omitted: tuple[str, ...] = ()


def scene_plot(summary: Summary, scene: str, published: Published, context: str) -> PlotData | None:
    """Of one scene; None where nothing was measured."""
    points: dict[str, list[SeriesPoint]] = {}
    for row in summary.rows[scene]:
        if row.ok and (size := row.figures["size_mb"]):
            points.setdefault(row.id.codec, []).append(SeriesPoint(row.id.point, size, row.figures))
    return _plot(summary, scene, f"Scene {scene}", context, points, published.of_scene(summary.plan.kind, scene), ())


def mean_plot(summary: Summary, over: SceneSet, published: Published, context: str) -> PlotData | None:
    """Of the means that are over every scene of the set; None where there is none."""
    points: dict[str, list[SeriesPoint]] = {}
    for row in summary.means[over.name]:
        figures: Figures = {key: mean.value for key, mean in row.means.items() if mean.count == len(over.scenes)}
        if row.complete and (size := figures.get("size_mb")):
            points.setdefault(row.codec, []).append(SeriesPoint(row.point, size, figures))
    short = [f"{row.label} {row.point} ({len(row.done)} of {len(over.scenes)})" for row in summary.means[over.name] if row.done and row.absent]
    omitted = (f"Not drawn, as over fewer scenes: {', '.join(short)}.",) if short else ()
    results = published.of_mean(summary.plan.kind, len(over.scenes)) if over.published else ()
    return _plot(summary, f"mean_{over.name}", f"Mean over {over.title}", context, points, results, omitted)


def panels(summary: Summary) -> tuple[Panel, ...]:
    """All that a run can have."""
    net = next(iter(summary.nets), "")
    comparable = "vgg" in net and summary.plan.protocol.get("lpips_range", "[0,1]") == "[0,1]"  # as papers feed it
    lpips = [
        Panel(
            f"{PHOTOGRAPHS}_lpips_{net}", f"LPIPS {net}, test photographs", f"LPIPS {net} (lower is better)", "lpips" if comparable else None,
            False, 0.02, 0.07,
        )
    ]  # fmt: skip
    return (
        Panel(f"{PHOTOGRAPHS}_psnr", "PSNR, test photographs", "PSNR, dB", "psnr"),
        Panel(f"{PHOTOGRAPHS}_ssim", "SSIM, test photographs", "SSIM", "ssim", True, 0.02, 0.05),
        *(lpips if net else ()),
        Panel(f"{RENDERS}_psnr", "PSNR, renders of the uncompressed scene", "PSNR, dB", None, True, 2.0, 25.0),
    )


def _plot(
    summary: Summary, name: str, title: str, context: str, points: dict[str, list[SeriesPoint]],
    results: Sequence[PublishedResult], omitted: tuple[str, ...],
) -> PlotData | None:  # fmt: skip
    baseline, series, index = None, [], 0
    for codec in codecs(summary.plan):
        own = tuple(sorted(points.get(codec.name, ()), key=lambda point: point.size_mb))
        if codec.name == BASELINE:
            baseline = Series(codec.label, -1, own[:1]) if own else None
            continue
        if own:
            series.append(Series(codec.label, index, own))
        index += 1
    shown = tuple(p for p in panels(summary) if any(math.isfinite(value) for s in series for _, value in s.over_size(p.key)))
    if not shown:
        return None
    drawn = tuple(r for r in results if r.size_mb and any(p.published and getattr(r, p.published) is not None for p in shown))
    return PlotData(name, title, context, shown, tuple(series), baseline, drawn, omitted)

