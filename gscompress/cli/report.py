"""gscompress report: tables and plots of a folder of results."""

from __future__ import annotations

import argparse

from ..evaluate.report import write_report
from ..evaluate.report.writers import text
from .arguments import add_file, add_json
from .output import print_json, say_notes

NAME = "report"
SUMMARY = "rebuild tables and rate-distortion plots of a folder of results"
EPILOG = """\
examples:
  gscompress report results
  gscompress report results --json

The folder is what 'gscompress eval' wrote with -o. In it are written report.html (one page with everything), tables.md,
tables.tex (needs booktabs), cells.csv (every figure of every cell), and a plot a scene and mean as rd_*.png and rd_*.svg; older
ones are replaced. Works on a run that is not finished yet. Plots need matplotlib: pip install 'gscompress[eval]'.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "out", help="the folder of results", metavar="OUT")
    add_json(parser, "out, files, notes, columns, rows (of the main table, as text)")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors (and the JSON object, if asked for)")


def run(args: argparse.Namespace) -> None:
    """Writes the files, and says which, and the main table."""
    report = write_report(args.out)
    say_notes(report.notes, args.quiet)
    table = report.main
    if args.json:
        rows = [row.cells if not row.remark else (*row.cells, row.remark) for row in table.rows]
        print_json(out=args.out, files=report.paths, notes=report.notes, columns=[c.head for c in table.columns], rows=rows)
    elif not args.quiet:
        print(table.context)
        print(text(table))
        print(f"{args.out}: wrote {', '.join(path.name for path in report.paths)}")
