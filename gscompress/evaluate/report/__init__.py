"""The report of a folder of results: tables, rate-distortion plots, and one page with both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import MissingExtra
from ...files import atomic_write
from ..batch.store import read_cells, read_plan
from .context import context, run_notes
from .page import page
from .plots import Plot, draw, require_matplotlib
from .published import Published, PublishedResult, load_published
from .rates import Rates, rates
from .series import PlotData, mean_plot, scene_plot
from .summary import Summary, summarise
from .tables import Table, legend, main_table, mean_table, published_table, rates_table, scene_table
from .writers import csv_of_cells, latex, markdown, markdown_text, one_line

__all__ = ["Published", "PublishedResult", "Report", "load_published", "write_report"]

NO_RATES = "No BD-rates: they need two codecs, one of them with two points of different PSNR on one scene."


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        paths: of the files, `report.html` first.
        notes: sentences for the reader: on the run, and on what the report lacks.
        main: the table for a terminal.
    """

    paths: tuple[Path, ...]
    notes: tuple[str, ...]
    main: Table


@dataclass(frozen=True)
class _Part:
    """A section of the report: under `heading`, tables and the plot."""

    heading: str
    tables: tuple[Table, ...]
    plot: Plot | None = None


def write_report(out: Path, published: Published | None = None) -> Report:
    """Writes, in a folder of results, `report.html`, `tables.md`, `tables.tex`, `cells.csv`, and `rd_*.png` and `rd_*.svg`.

    Older ones are replaced. The same results, matplotlib and version give the same bytes. Without matplotlib there are no plots,
    and a note says so.

    Args:
        out: the folder.
        published: results that others published; None for those that come with the package.

    Raises:
        InputError: the folder has no results.
        Corrupt: a file of them is not what it should be.
        OutputError: the folder does not take the files.
    """
    plan = read_plan(out)
    summary = summarise(plan, read_cells(out, plan))
    published = load_published() if published is None else published
    notes = list(run_notes(summary))
    data = _plot_data(summary, published)
    try:
        require_matplotlib()
        plots = {name: draw(each) for name, each in data.items()}
    except MissingExtra as error:
        notes.append(f"Without plots: {error}")
        plots = {}
    found = rates(summary)
    if not found:
        notes.append(NO_RATES)
    parts = _parts(summary, found, plots, _drawn(data.values()), published.about)
    title = f"Evaluation of {plan.data}"
    files = {
        "report.html": page(title, [context(summary), *notes], {p.heading: (p.tables, p.plot) for p in parts}, legend(summary)).encode(),
        "tables.md": _markdown(title, [context(summary), *notes], parts, legend(summary)).encode(),
        "tables.tex": _latex(parts, legend(summary)).encode(),
        "cells.csv": csv_of_cells(summary),
    }
    for plot in plots.values():
        files[f"{plot.name}.png"], files[f"{plot.name}.svg"] = plot.png, plot.svg
    for name, content in files.items():
        atomic_write(out / name, content, overwrite=True)
    return Report(tuple(out / name for name in files), tuple(notes), main_table(summary, context(summary)))


def _plot_data(summary: Summary, published: Published) -> dict[str, PlotData]:
    """By what they are of: sets' names with "mean " before, scenes with "scene "."""
    found = {f"mean {s.name}": mean_plot(summary, s, published, context(summary, s.scenes)) for s in summary.sets}
    found |= {f"scene {scene}": scene_plot(summary, scene, published, context(summary, [scene])) for scene in summary.plan.scenes}
    return _named({key: data for key, data in found.items() if data is not None})


def _named(plots: dict[str, PlotData]) -> dict[str, PlotData]:
    """With names that any file system takes, and no two alike."""
    taken: set[str] = set()
    named = {}
    for key, data in plots.items():
        stem = base = "rd_" + re.sub(r"[^A-Za-z0-9.-]", "_", data.name)[:80]
        count = 1
        while stem.lower() in taken:
            count += 1
            stem = f"{base}_{count}"
        taken.add(stem.lower())
        named[key] = replace(data, name=stem)
    return named


def _drawn(plots: Iterable[PlotData]) -> tuple[PublishedResult, ...]:
    return tuple(dict.fromkeys(result for data in plots for result in data.published))


def _parts(
    summary: Summary, found: Sequence[Rates], plots: dict[str, Plot], results: Sequence[PublishedResult], about: str
) -> tuple[_Part, ...]:
    parts = []
    for over in summary.sets:
        table = mean_table(summary, over, context(summary, over.scenes))
        parts.append(_Part(table.title, (table,), plots.get(f"mean {over.name}")))
    if found:
        parts.append(_Part("Bytes at equal PSNR", tuple(rates_table(summary, each, context(summary)) for each in found)))
    for scene in summary.plan.scenes:
        table = scene_table(summary, scene, context(summary, [scene]))
        parts.append(_Part(table.title, (table,), plots.get(f"scene {scene}")))
    if results:
        table = published_table(results, about, context(summary))
        parts.append(_Part(table.title, (table,)))
    return tuple(parts)


def _markdown(title: str, intro: Sequence[str], parts: Sequence[_Part], explained: Sequence[str]) -> str:
    lines = [f"# {markdown_text(title)}", "", *(f"{markdown_text(line)}\n" for line in intro)]
    for part in parts:
        if part.tables[0].title != part.heading:
            lines += [f"## {markdown_text(part.heading)}", ""]
        lines += [markdown(table, 2 if table.title == part.heading else 3) for table in part.tables]
        if part.plot:
            lines += [f"![{markdown_text(part.plot.title)}]({part.plot.name}.png)", ""]
    return "\n".join([*lines, "## How to read it", "", *(f"- {markdown_text(line)}" for line in explained)]) + "\n"


def _latex(parts: Sequence[_Part], explained: Sequence[str]) -> str:
    head = ["% Needs \\usepackage{booktabs} and, before LaTeX of 2018, \\usepackage[utf8]{inputenc}.", *(f"% {one_line(line)}" for line in explained), ""]
    return "\n".join([*head, *(latex(table) for part in parts for table in part.tables)])
