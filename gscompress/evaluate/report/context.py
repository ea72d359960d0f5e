"""What is printed above every table and under every plot: the protocol, how many views, the machine, the version and the date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...io.common import plural
from ..batch.store import Cell
from .summary import NOT_RUN, Summary

MOST_NAMED = 3
"""Machines or image sizes that are listed; of more, these and how many more there are."""


def context(summary: Summary, scenes: Sequence[str] | None = None) -> str:
    """One paragraph on the cells of some scenes (None for all)."""
    rows = [row for row in summary.all_rows if scenes is None or row.id.scene in scenes]
    cells = [row.cell for row in rows if row.ok and row.cell]
    machines = _listed([text for cell in cells if (text := describe(cell.machine))], "; ")
    days = sorted(cell.started[:10] for cell in cells if cell.started)
    parts = [
        f"Protocol: {protocol_line(summary)}".rstrip("."), _views(cells), machines, f"gscompress {summary.plan.version}",
        (days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}") if days else "",
    ]  # fmt: skip
    return ". ".join(part for part in parts if part) + "."


def protocol_line(summary: Summary) -> str:
    """The plan's protocol in words."""
    return str(summary.plan.protocol.get("line") or "not recorded")


def describe(machine: dict[str, Any]) -> str:
    """A machine's record in words."""
    if machine.get("line"):
        return str(machine["line"])
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine.items() if value not in (None, "", [], {}))


def run_notes(summary: Summary) -> tuple[str, ...]:
    """What the reader should know of the run as a whole."""
    plan, rows = summary.plan, summary.all_rows
    by_status: dict[str, int] = {}
    for row in rows:
        by_status[row.status] = by_status.get(row.status, 0) + 1
    notes = [f"{plural(len(rows), 'cell')}: " + ", ".join(f"{count} {status}" for status, count in by_status.items()) + "."]
    if plan.seconds:
        notes.append(f"Run {plan.jobs}: {plan.seconds:,.0f} s of wall clock; the cells' work and training sum to {plan.work_seconds:,.0f} s.")
    if not plan.finished or NOT_RUN in by_status:
        notes.append("The run has not been finished: what follows is what there is so far.")
    others = [row for row in rows if row.ok and row.cell and row.cell.protocol.get("line") != plan.protocol.get("line")]
    if others:
        lines = dict.fromkeys(str(row.cell.protocol.get("line") or "not recorded") for row in others if row.cell)
        notes.append(
            f"{plural(len(others), 'cell')} measured by another protocol ({' / '.join(lines)}): {', '.join(str(row.id) for row in others)}."
        )
    machines = {describe(row.cell.machine) for row in rows if row.ok and row.cell and row.cell.machine}
    renderers = sorted({row.cell.renderer for row in rows if row.ok and row.cell and row.cell.renderer})
    if len(machines) > 1:
        notes.append(
            f"Cells come from {len(machines)} machines or sets of versions, and --resume keeps them: sizes and qualities are comparable, "
            "seconds, memory and FPS are not. cells.csv says which is from where."
        )
    if len(renderers) > 1:
        notes.append(f"Cells were rendered by {' and '.join(renderers)}, whose images differ by less than a level of 8 bits.")
    return tuple(notes)


def _views(cells: Sequence[Cell]) -> str:
    counts = sorted({cell.views for cell in cells if cell.views})
    if not counts:
        return ""
    many = plural(counts[0], "test view") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} test views"
    each = " of each scene" if len({cell.scene for cell in cells}) > 1 else ""
    sizes = _listed([f"{cell.width} x {cell.height}" for cell in cells if cell.width and cell.height], ", ")
    return f"{many}{each}" + (f", {sizes} px" if sizes else "")


def _listed(texts: Sequence[str], between: str) -> str:
    distinct = list(dict.fromkeys(texts))
    more = len(distinct) - MOST_NAMED
    return between.join(distinct[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
