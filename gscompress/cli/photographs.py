"""Arguments that say which photographs, and how they are read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..train.photographs import TEST_EVERY, Photographs, load_photographs
from .options import positive
from .output import Progress, say_notes
from .render import color

FIELDS = ("images", "downscale", "test_every", "background")
LARGEST_SIDE = {"cuda": 1600, "cpu": 640}
"""px, of the photographs, unless --downscale says otherwise: on a GPU what the field's trainers do."""


def add_photograph_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds a flag for each of `FIELDS`, which `load_photographs` takes; None where it is not given."""
    parser.add_argument("--images", metavar="FOLDER", help="folder of the photographs, below their cameras' or anywhere (default: images)")
    parser.add_argument(
        "--downscale", type=positive, metavar="N",
        help=f"make photographs so many times smaller (default: to {LARGEST_SIDE['cpu']} px at most, {LARGEST_SIDE['cuda']} on a GPU)",
    )  # fmt: skip
    parser.add_argument("--test-every", type=int, metavar="N", help=f"test with every so manieth; 0 for none (default: {TEST_EVERY})")
    parser.add_argument("--background", type=color, metavar="COLOR", help="behind transparent photographs (default: white)")


def read_photographs(data: Path, which: dict[str, Any], device: str, quiet: bool) -> Photographs:
    """The photographs of `data`, with a progress bar and notes; `which` has values for some of `FIELDS`."""
    with Progress(quiet) as progress:
        found = load_photographs(
            data, **which, largest_side=LARGEST_SIDE[device], progress=lambda share: progress.update("reading", share)
        )
    say_notes(found.notes, quiet)
    return found
