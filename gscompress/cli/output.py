"""What the commands say and where: results on stdout, everything else on stderr, progress on a terminal only."""

from __future__ import annotations

import json
import math
import os
import secrets
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..errors import OutputError


class Progress:
    """A bar on stderr if that is a terminal; its `update` fits the codec's `progress`."""

    def __init__(self, quiet: bool = False):
        self._bar = tqdm(
            total=1.0, leave=False, file=sys.stderr, disable=quiet or not sys.stderr.isatty(),
            bar_format="{desc:<12} {percentage:3.0f}% |{bar}| {elapsed}",
        )  # fmt: skip

    def update(self, stage: str, fraction: float) -> None:
        """Shows the stage's name and how much of the whole is done, 0 to 1."""
        if self._bar.disable:
            return
        self._bar.set_description_str(stage, refresh=False)
        self._bar.n = min(max(fraction, 0.0), 1.0)
        self._bar.refresh()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start


def time_left(seconds: float, share: float) -> str:
    """What is left of a work of which `share` took `seconds`, as minutes and seconds."""
    left = round(seconds * (1 - share) / max(share, 1e-6))
    return f"{left // 60}:{left % 60:02d} left"


def say_notes(notes: Iterable[str], quiet: bool = False) -> None:
    """Prints sentences for the user on stderr."""
    if not quiet:
        for note in notes:
            print(f"gscompress: note: {note}", file=sys.stderr)


def print_json(**values: Any) -> None:
    """Prints one JSON object on one line. Infinity and NaN, which JSON lacks, become null."""
    print(json.dumps(_plain(values), allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def peak_memory_bytes() -> int | None:
    """The most memory this process has held so far; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def check_output(output: Path, source: Path, overwrite: bool) -> None:
    """Refuses an output that could not be written, before any work is done for it.

    Raises:
        OutputError: it exists (without `overwrite`), is the input or no regular file, or its folder takes no file.
    """
    try:
        try:
            os.lstat(output)
        except FileNotFoundError:
            probe = output.parent / f".{output.name[:100]}.{secrets.token_hex(6)}.probe"
            probe.touch(exist_ok=False)
            probe.unlink()
            return
        if output.exists() and source.exists() and output.samefile(source):
            raise OutputError(f"{output}: is the input itself; name another output with -o")
        if not output.is_file():
            raise OutputError(f"{output}: expected a regular file or a new name, found something else there")
        if not overwrite:
            raise OutputError(f"{output}: exists already; --overwrite replaces it")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if isinstance(error, OutputError):
            raise
        missing = isinstance(error, FileNotFoundError) and not output.parent.is_dir()
        reason = f"no folder {output.parent}" if missing else getattr(error, "strerror", None) or error
        raise OutputError(f"{output}: cannot be written ({reason})") from error
