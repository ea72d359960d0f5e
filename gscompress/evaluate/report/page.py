"""The report as one HTML page that needs nothing beside it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from .plots import Plot
from .tables import Column, Table
from .writers import one_line

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --quiet: #767676; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem 2rem 4rem; max-width: 1500px; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { margin: 1.5rem 0 .3rem; }
.context, .notes, nav { font-size: .85rem; color: var(--quiet); max-width: 75rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
th, td { padding: .2rem .55rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th.text, td.text { text-align: left; } td.long { white-space: normal; min-width: 20rem; }
th.group { text-align: center; font-weight: normal; color: var(--quiet); } thead tr:last-child th { cursor: pointer; }
th.text:first-child, td.text:first-child { position: sticky; left: 0; background: Canvas; }
tbody tr:hover { background: var(--soft); } td.remark { text-align: left; white-space: normal; color: #c33; }
figure { margin: 1rem 0; max-width: 1000px; } figure svg { width: 100%; height: auto; background: #fff; border-radius: 6px; }
"""
SCRIPT = """
for (const head of document.querySelectorAll('thead tr:last-child th')) head.addEventListener('click', () => {
  const body = head.closest('table').tBodies[0], at = head.cellIndex, down = head.dataset.sorted === 'up' ? -1 : 1;
  head.dataset.sorted = down > 0 ? 'up' : 'down';
  const key = row => { const cell = row.cells[at]; if (!cell || cell.colSpan > 1 || cell.textContent === '-') return null;
    const text = cell.textContent, number = parseFloat(text.replace(/,/g, ''));
    return cell.className ? text : text === 'equal' ? Infinity : isNaN(number) ? null : number; };
  const order = (a, b) => { const [x, y] = [key(a), key(b)];
    return x === null || y === null ? (x === null) - (y === null) : down * (x < y ? -1 : x > y ? 1 : 0); };
  body.append(...[...body.rows].sort(order));
});
"""


def page(title: str, intro: Sequence[str], sections: Mapping[str, tuple[Sequence[Table], Plot | None]], legend: Sequence[str]) -> str:
    """The whole page.

    Args:
        title: of the report.
        intro: sentences on the run, the protocol's first.
        sections: by heading, tables and a plot.
        legend: what the columns mean.
    """
    names = {heading: f"part-{i}" for i, heading in enumerate(sections)}
    nav = " | ".join(f'<a href="#{name}">{_text(heading)}</a>' for heading, name in names.items())
    body = [f"<h1>{_text(title)}</h1>", *(f"<p>{_text(line)}</p>" for line in intro), f"<nav>{nav}</nav>"]
    body += ["<h2>How to read it</h2>", _notes(legend)]
    for heading, (tables, plot) in sections.items():
        body.append(f'<h2 id="{names[heading]}">{_text(heading)}</h2>')
        body += [table_html(table, heading) for table in tables]
        if plot:
            body.append(f"<figure>{inline_svg(plot, names[heading])}</figure>")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + f"\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def table_html(table: Table, heading: str = "") -> str:
    """Its title, where that is not the heading already, context, rows and notes."""
    parts = [f"<h3>{_text(table.title)}</h3>"] if table.title != heading else []
    parts.append(f'<p class="context">{_text(table.context)}</p>')
    parts.append('<div class="scroll"><table>\n<thead>')
    if any(column.group for column in table.columns):
        groups = [(group, len(list(columns))) for group, columns in groupby(table.columns, key=lambda c: c.group)]
        parts.append("<tr>" + "".join(f'<th class="group" colspan="{count}">{_text(group)}</th>' for group, count in groups) + "</tr>")
    parts.append("<tr>" + "".join(f"<th{_kind(c)}>{_text(c.head)}</th>" for c in table.columns) + "</tr>\n</thead>\n<tbody>")
    for row in table.rows:
        first = next((i for i, c in enumerate(table.columns) if not c.text), len(table.columns)) if row.remark else len(table.columns)
        cells = [f"<td{_kind(c)}>{_text(cell)}</td>" for c, cell in zip(table.columns[:first], row.cells, strict=False)]
        if row.remark:
            cells.append(f'<td class="remark" colspan="{len(table.columns) - first}">{_text(row.remark)}</td>')
        parts.append(f"<tr>{''.join(cells)}</tr>")
    parts.append("</tbody>\n</table></div>")
    return "\n".join(parts) + ("\n" + _notes(table.notes) if table.notes else "")


def inline_svg(plot: Plot, prefix: str) -> str:
    """The plot's SVG, its ids made unique to it, as several in one page would share them."""
    svg = plot.svg.decode()
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{_text("Rate-distortion plot: " + plot.title)}"', 1).strip()


def _kind(column: Column) -> str:
    return (' class="text long"' if column.part else ' class="text"') if column.text else ""


def _notes(notes: Sequence[str]) -> str:
    return '<ul class="notes">' + "".join(f"<li>{_text(note)}</li>" for note in notes) + "</ul>"


def _text(text: str) -> str:
    return html.escape(one_line(text))
