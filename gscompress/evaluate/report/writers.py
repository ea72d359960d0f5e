"""Tables as Markdown, LaTeX and plain text; and all cells as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence

from .context import describe, protocol_line
from .summary import PHOTOGRAPHS, RENDERS, Row, Summary
from .tables import Column, Table, figure_columns

_MARKDOWN = re.compile(r"([\\`*_\[\]|~$#])")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': "{''}", "Δ": r"$\Delta$", "[": "{[}", "]": "{]}",
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+")


def one_line(text: str) -> str:
    """Without what would break a table's row, or cannot be shown."""
    return "".join(c if c.isprintable() else " " for c in text)


def markdown_text(text: str) -> str:
    """Escaped: shown as it is, whatever it holds."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", text)


def latex_text(text: str) -> str:
    """Escaped, for text mode."""
    return "".join(_LATEX.get(c, c) for c in one_line(text))


def markdown(table: Table, level: int = 2) -> str:
    """Heading, context, table and notes."""
    remarks = any(row.remark for row in table.rows)
    head = [c.head for c in table.columns] + (["remark"] if remarks else [])
    rows = [[*row.cells, *([row.remark] if remarks else [])] for row in table.rows]
    lines = [f"{'#' * level} {markdown_text(table.title)}", "", f"*{markdown_text(table.context)}*", ""]
    lines.append(f"| {' | '.join(map(markdown_text, head))} |")
    lines.append("|" + "|".join("---" if c.text else "---:" for c in table.columns) + ("|---" if remarks else "") + "|")
    lines += [f"| {' | '.join(map(markdown_text, row))} |" for row in rows]
    lines += ["", *(f"- {markdown_text(note)}" for note in table.notes)]
    return "\n".join(lines).rstrip() + "\n"


def latex(table: Table) -> str:
    """One `table*`, or two, where the columns are too many for a page."""
    parts = sorted({c.part for c in table.columns if not c.text or c.part})
    named = [c for c in table.columns if c.text and not c.part]
    written = []
    for part in parts or [0]:
        columns = named + [c for c in table.columns if c.part == part and c not in named]
        written.append(_latex_part(table, columns, " (continued)" if parts and part != parts[0] else ""))
    return "\n".join(written)


def text(table: Table) -> str:
    """For a terminal: aligned columns under the title, then the notes."""
    rows = [[c.head for c in table.columns], *([*map(one_line, row.cells)] for row in table.rows)]
    remarks = ["", *(one_line(row.remark) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [one_line(table.title)]
    for row, remark in zip(rows, remarks, strict=True):
        cells = [f"{cell:<{w}}" if c.text else f"{cell:>{w}}" for cell, c, w in zip(row, table.columns, widths, strict=True)]
        full = "  ".join(cells).rstrip()
        lines.append("  " + (f"{full}  {remark}" if remark else full))
    return "\n".join([*lines, *(f"  {one_line(note)}" for note in table.notes)])


def csv_of_cells(summary: Summary) -> bytes:
    """One row a cell, every figure at full precision; empty where not measured, "inf" for the PSNR of equal images."""
    keys = [column.key for column in figure_columns(summary.nets)]
    worst = [f"{prefix}_psnr_worst" for prefix in (PHOTOGRAPHS, RENDERS)]
    about = [
        "source_bytes", "splats_in", "lossless", "views", "width", "height", "renderer", "seconds", "tool", "options", "notes", "machine",
        "inputs", "key", "started", "protocol", "version",
    ]  # fmt: skip
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["scene", "codec", "label", "point", "status", "error", *keys, *worst, *about])
    for row in summary.all_rows:
        error = row.remark.partition(": ")[2]
        figures = [row.figures.get(key) for key in keys]
        writer.writerow(
            [row.id.scene, row.id.codec, row.label, row.id.point, row.status, error, *map(_raw, [*figures, *_worst(row)]), *_about(row, summary)]
        )
    return out.getvalue().encode(errors="backslashreplace")  # names of files may be no UTF-8


def _worst(row: Row) -> list[float | None]:
    cell = row.cell if row.ok else None
    return [quality.psnr_worst if quality else None for quality in ((cell.photographs, cell.renders) if cell else (None, None))]


def _about(row: Row, summary: Summary) -> list[str | int]:
    cell = row.cell
    if cell is None:
        return [*[""] * 15, protocol_line(summary), summary.plan.version]
    return [
        _raw(cell.source_bytes), _raw(cell.splats_in), int(cell.lossless), _raw(cell.views), _raw(cell.width), _raw(cell.height), cell.renderer,
        _raw(cell.seconds), cell.tool, json.dumps(cell.options), " / ".join(cell.notes), describe(cell.machine), json.dumps(cell.inputs),
        cell.key, cell.started, str(cell.protocol.get("line") or protocol_line(summary)), summary.plan.version,
    ]  # fmt: skip


def _raw(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(value)


def _latex_part(table: Table, columns: Sequence[Column], more: str) -> str:
    at = [table.columns.index(c) for c in columns]
    lead = sum(c.text and not c.part for c in columns)
    kinds = "".join("p{7cm}" if c.text and c.part else "l" if c.text else "r" for c in columns)
    lines = [
        r"\begin{table*}[p]", r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{latex_text(table.title + more)}. {latex_text(table.context)}}}",
        rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", " & ".join(latex_text(c.head) for c in columns) + r" \\", r"\midrule",
    ]  # fmt: skip
    bare = len(columns) == lead  # nothing was measured: remarks have a column of their own
    if bare:
        lines[3:6] = [rf"\begin{{tabular}}{{{kinds}l}}", r"\toprule", " & ".join([*(latex_text(c.head) for c in columns), ""]) + r" \\"]
    for row in table.rows:
        cells = [_latex_cell(row.cells[i], table.columns[i]) for i in at]
        if bare:
            cells.append(latex_text(row.remark))
        elif row.remark:
            cells = [*cells[:lead], rf"\multicolumn{{{len(columns) - lead}}}{{l}}{{{latex_text(row.remark)}}}"]
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", *(rf"\par {latex_text(note)}" for note in table.notes), r"\end{table*}", ""]
    return "\n".join(lines)


def _latex_cell(cell: str, column: Column) -> str:
    """Numbers with a real minus."""
    if not column.text and _NUMBER.match(cell) and cell[0] in "+-":
        number = cell.split(" ")[0]
        return f"${number.replace(',', '{,}')}$" + latex_text(cell[len(number):])
    return "--" if cell == "-" else latex_text(cell)
