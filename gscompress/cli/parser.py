"""The argument parser, put together from the commands."""

from __future__ import annotations

import argparse

from .. import __version__
from ..bitstream.container import VERSION
from ..bitstream.sequence_container import SEQUENCE_VERSION
from . import (
    compare,
    completion,
    compress,
    decompress,
    eval,
    export_html,
    info,
    refine,
    render,
    report,
    train,
    view,
)
from .arguments import Formatter

READS_VERSIONS = (VERSION, SEQUENCE_VERSION)

EPILOG = """\
examples:
  gscompress compress scene.ply                      writes scene.gsz
  gscompress compress scene.ply --target-size 2.5MB
  gscompress decompress scene.gsz -o scene.spz
  gscompress info scene.gsz
  gscompress compare scene.ply scene.gsz --images side_by_side
  gscompress view scene.gsz scene.ply
  gscompress export-html scene.gsz                   writes scene.html
  gscompress render scene.gsz -o images --video orbit.mp4
  gscompress train photographs --minutes 10
  gscompress eval mipnerf360 --data 360_v2 -o results
  gscompress report results

exit codes:
  0    done
  1    eval: some cells failed, the others are done
  2    the arguments, an input or an output cannot be used; one line on stderr says what was expected and found
  130  interrupted
  141  whatever read the output stopped reading

Sizes are bytes; kB, MB and GB are powers of 1000. GSCOMPRESS_THREADS sets the number of threads.
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; every command sets `run`, a function of the parsed arguments that returns an exit code or
    None for 0, and `parser`, itself."""
    parser = argparse.ArgumentParser(
        prog="gscompress",
        description="Compress trained 3D Gaussian splatting scenes to small .gsz files, and get them back.",
        epilog=EPILOG,
        formatter_class=Formatter,
    )
    versions = ", ".join(map(str, READS_VERSIONS))
    parser.add_argument("--version", action="version", version=f"gscompress {__version__} (reads .gsz versions {versions})")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (compress, refine, decompress, info, compare, view, export_html, render, train, eval, report, completion):
        command = commands.add_parser(
            module.NAME, help=module.SUMMARY, description=module.SUMMARY[:1].upper() + module.SUMMARY[1:] + ".",
            epilog=module.EPILOG, formatter_class=Formatter,
        )  # fmt: skip
        module.add_arguments(command)
        command.set_defaults(run=module.run, parser=parser)
    return parser
