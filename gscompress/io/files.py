"""Reading and writing scene files by path: dispatch, checks that all formats share, and nothing half-written."""

from __future__ import annotations

import inspect
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import Corrupt, InputError, Unsupported
from ..files import atomic_write
from ..scene import Scene
from . import compressed_ply, ply, sog, sog_write, splat, spz
from .common import Buffer, Parsed, plural
from .detect import HEAD_BYTES, detect
from .sog_files import Source

FORMATS = ("ply", "compressed.ply", "spz", "splat", "sog")
"""The formats that `read` and `write` know, by their file endings without the dot."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A scene and what there is to know of the file it came from.

    Attributes:
        scene: all values finite, no quaternion zero.
        format: one of `FORMATS`.
        size_bytes: of the file; for a SOG folder, of meta.json and the images it names.
        notes: sentences for the user on what was ignored, assumed or dropped.
        dropped_rows: Gaussians left out for non-finite values or a zero quaternion.
    """

    scene: Scene
    format: str
    size_bytes: int
    notes: tuple[str, ...]
    dropped_rows: int


def read(path: str | Path, strict: bool = False) -> Loaded:
    """Reads a scene file of any known format, told apart by content.

    Args:
        path: a file, or a SOG folder.
        strict: raise on Gaussians with non-finite values or a zero quaternion instead of dropping them.

    Raises:
        InputError: there is no such file, or it cannot be opened.
        BadMagic, Truncated, Corrupt, Unsupported: see the message; memory stays in proportion to the file's size.
        MissingExtra: the format needs a package that is not installed.
    """
    path = Path(path)
    if "\0" in str(path):
        raise InputError(f"{str(path)!r}: expected a file name, found a null character in it")
    try:
        # Files may hold NaN, infinities and absurd ranges; the rows they spoil are counted below, so no warnings.
        with np.errstate(all="ignore"):
            parsed, name, size = _parse(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    scene, notes = parsed
    good = scene.finite()
    dropped = len(scene) - int(np.count_nonzero(good))
    if dropped:
        if strict:
            raise Corrupt(str(path), "rows", "finite values and non-zero quaternions", f"{plural(dropped, 'row')} without")
        scene = scene.select(good)
        notes = (*notes, f"{plural(dropped, 'Gaussian')} with non-finite values or a zero quaternion dropped")
    return Loaded(scene, name, size, notes, dropped)


def _parse(path: Path) -> tuple[Parsed, str, int]:
    data = memoryview(b"") if path.is_dir() else _map(path)
    name = detect(bytes(data[:HEAD_BYTES]), path)
    if name == "sog":
        with Source(path) as source:
            return sog.decode(source), name, source.size_bytes
    if name == "gsz":
        raise Unsupported(str(path), "format", f"one of {', '.join(FORMATS)}", "gsz, which gscompress.decode reads")
    return _DECODERS[name](data, str(path)), name, len(data)


def _map(path: Path) -> memoryview:
    """The file's bytes, mapped; a copy where mapping is not possible (empty files, pipes)."""
    with path.open("rb") as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (ValueError, OSError):
            return memoryview(file.read())


def format_of_name(path: str | Path) -> str:
    """The format that a name's ending asks for.

    Raises:
        InputError: none; the message lists the endings.
    """
    name = Path(path).name.lower()
    for ending in sorted(FORMATS, key=len, reverse=True):  # .compressed.ply before .ply
        if name.endswith("." + ending):
            return ending
    raise InputError(f"{path}: expected a name ending in {', '.join('.' + f for f in FORMATS)}, found none of them")


def write(scene: Scene, path: str | Path, format: str | None = None, overwrite: bool = False, **options: Any) -> int:
    """Writes a scene file.

    .ply holds everything; the others round, and `write_limits` says what they cut off. .compressed.ply and .sog
    reorder the Gaussians.

    Args:
        path: where to.
        format: one of `FORMATS`; None for what the path's ending says.
        overwrite: replace an existing file.
        options: keyword arguments of the format's `encode`: version, sh_bits and fractional_bits for spz,
            palette_size and seed for sog.

    Returns:
        Bytes written.

    Raises:
        InputError: an unknown ending, format or option, or a scene that the format cannot hold.
        OutputError: the file exists, or its folder does not take it. Nothing is left half-written.
        MissingExtra: the format needs a package that is not installed.
    """
    encode = _codec(format or format_of_name(path)).encode
    known = list(inspect.signature(encode).parameters)[2:]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise InputError(f"options: expected {', '.join(known) or 'none'} for this format, found {', '.join(unknown)}")
    return atomic_write(path, lambda file: encode(scene, file, **options), overwrite)


def write_limits(scene: Scene, format: str) -> tuple[str, ...]:
    """What a format cannot hold of this scene, in sentences for the user; empty if it only rounds, or is .ply."""
    return tuple(_codec(format).limits(scene))


class _Codec(NamedTuple):
    encode: Callable[..., object]
    limits: Callable[[Scene], list[str]]


_DECODERS: dict[str, Callable[[Buffer, str], Parsed]] = {
    "ply": ply.decode,
    "compressed.ply": compressed_ply.decode,
    "spz": spz.decode,
    "splat": splat.decode,
}
_CODECS = {
    "ply": _Codec(ply.encode, lambda scene: []),
    "compressed.ply": _Codec(compressed_ply.encode, compressed_ply.limits),
    "spz": _Codec(spz.encode, spz.limits),
    "splat": _Codec(splat.encode, splat.limits),
    "sog": _Codec(sog_write.encode, sog_write.limits),
}


def _codec(name: str) -> _Codec:
    if name not in _CODECS:
        raise InputError(f"format: expected one of {', '.join(FORMATS)}, found {name!r}")
    return _CODECS[name]
