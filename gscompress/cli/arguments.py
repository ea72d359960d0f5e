"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import shtab

from ..errors import InputError
from ..io import FORMATS

FILE_HELP = f"a {', '.join('.' + name for name in FORMATS)} or .gsz file, or a SOG folder"


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves examples as they are written, and has room for the longest command's name."""

    def __init__(self, prog: str, **settings: Any):
        super().__init__(prog, **{"max_help_position": 26, "width": 112} | settings)


CAMERAS_HELP = "cameras.json, transforms.json or COLMAP folder (lens distortion is left out)"


def add_file(parser: argparse.ArgumentParser, *flags: str, help: str, metavar: str | None = None, nargs: str | None = None) -> None:
    """Adds an argument that names a file, which a shell then completes."""
    argument = parser.add_argument(*flags, type=_path, help=help, metavar=metavar, nargs=nargs)
    argument.complete = shtab.FILE  # pyright: ignore[reportAttributeAccessIssue]


def _path(text: str) -> Path:
    if not text:  # Path("") is the current folder, which nobody means
        raise argparse.ArgumentTypeError("expected a name, found nothing")
    return Path(text)


def add_json(parser: argparse.ArgumentParser, keys: str) -> None:
    """Adds --json; `keys` lists what the object holds."""
    parser.add_argument("--json", action="store_true", help=f"print one JSON object instead of text: {keys}")


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --overwrite and --quiet."""
    parser.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors (and the JSON object, if asked for)")


def check_gsz(output: Path) -> None:
    """Catches the mix-up of compress and decompress; any other name is the user's own choice.

    Raises:
        InputError: the name of another format.
    """
    if any(output.name.lower().endswith("." + name) for name in FORMATS):
        raise InputError(f"{output}: expected a name ending in .gsz, found the ending of another format, which decompress writes")


def renamed(path: Path, ending: str) -> Path:
    """The path with `ending` in place of the ending of a scene file, in the same folder."""
    name = path.name or path.resolve().name or "scene"
    lower = name.lower()
    for known in sorted((*FORMATS, "gsz", "json"), key=len, reverse=True):  # .compressed.ply before .ply
        if lower.endswith("." + known) and len(name) > len(known) + 1:
            name = name[: -len(known) - 1]
            break
    parent = path.parent if path.name else path.resolve().parent
    return parent / (name + ending)
