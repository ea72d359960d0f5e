"""From the encoder's frozen dataclass to flags and back, so that a flag's help and default are written once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from ..config import ANCHORS, EFFORTS, CompressOptions, RefineOptions
from .sizes import parse_size


class _Adder:
    """Adds flags for the fields of a dataclass, each with its own help and default."""

    def __init__(self, options: type) -> None:
        self.left = {f.name: f for f in fields(options)}

    def __call__(self, to: Any, *flags: str, field: str, **settings: Any) -> None:
        known = self.left.pop(field)
        default = "" if known.default is None else f" (default: {_shown(known.default)})"
        help_text = known.metadata.get("help", field.replace("_", " ")).replace("%", "%%")
        to.add_argument(*flags, dest=field, default=None, help=help_text + default, **settings)


def add_refine_options(parser: argparse.ArgumentParser) -> None:
    """Adds a flag for every field of `RefineOptions`; the three aims exclude each other."""
    add, aims = _Adder(RefineOptions), parser.add_mutually_exclusive_group()
    add(aims, "--lambda", field="lambda_", type=_number, metavar="L")
    add(aims, "--target-size", field="target_size", type=_size, metavar="SIZE")
    add(aims, "--target-psnr", field="target_psnr", type=_number, metavar="DB")
    length = parser.add_mutually_exclusive_group()
    add(length, "--iterations", field="iterations", type=positive, metavar="N")
    add(length, "--minutes", field="minutes", type=_number, metavar="M")
    add(parser, "--anchors", field="anchors", choices=ANCHORS)


def refine_options(args: argparse.Namespace) -> RefineOptions:
    """The options that the flags ask for; what was not given keeps its default.

    Raises:
        InputError: a value out of range.
    """
    return RefineOptions(**_given(args, RefineOptions))


def add_compress_options(parser: argparse.ArgumentParser) -> Any:
    """Adds a flag for every field of `CompressOptions`; returns the group of the three aims, which exclude each other."""
    add, aims = _Adder(CompressOptions), parser.add_mutually_exclusive_group()
    add(aims, "-q", "--quality", field="quality", type=_number, metavar="Q")
    add(aims, "--target-size", field="target_size", type=_size, metavar="SIZE")
    add(aims, "--target-psnr", field="target_psnr", type=_number, metavar="DB")
    add(parser, "--effort", field="effort", choices=EFFORTS)
    for name, known in list(add.left.items()):  # what a later version adds needs no line here
        kind: Callable[[str], Any] = type(known.default) if isinstance(known.default, (int, float, str)) else str
        add(parser, f"--{name.replace('_', '-')}", field=known.name, type=kind)
    return aims


def add_lambda(to: Any, default: float) -> None:
    """Adds --lambda, of `RefineOptions`, which is `default` if it is not given."""
    meaning = "price of a bit: minimises mean squared error + lambda * bits per splat of plain 3DGS"
    to.add_argument("--lambda", dest="lambda_", type=_number, metavar="L", help=f"{meaning} (default: {default:g})")


def add_anchors(parser: argparse.ArgumentParser) -> None:
    """Adds --anchors, of `RefineOptions`."""
    _Adder(RefineOptions)(parser, "--anchors", field="anchors", choices=ANCHORS)


def compress_options(args: argparse.Namespace) -> CompressOptions:
    """The options that the flags ask for; what was not given keeps its default.

    Raises:
        InputError: a value out of range.
    """
    return CompressOptions(**_given(args, CompressOptions))


def _given(args: argparse.Namespace, options: type) -> dict[str, Any]:
    given = {f.name: getattr(args, f.name) for f in fields(options)}
    return {name: value for name, value in given.items() if value is not None}


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}") from None


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text: str) -> int:
    """An argparse type: an integer of at least 1."""
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, found {text!r}")
    return int(text)
