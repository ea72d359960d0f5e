"""What a run leaves on disk while it goes on: a checkpoint, and a log of comma-separated values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import Corrupt, InputError, MissingExtra
from ..files import atomic_write
from ..version import VERSION

try:
    import torch
except ImportError as error:
    raise MissingExtra("torch", "train", "training") from error


def write_checkpoint(path: Path, kind: str, state: dict[str, Any]) -> None:
    """Writes plain values and tensors of a command ("refine", "train"), whole or not at all, over whatever is there."""
    atomic_write(path, lambda file: torch.save({"kind": kind, "version": VERSION, **state}, file), overwrite=True)


def read_checkpoint(path: Path, kind: str) -> dict[str, Any]:
    """What `write_checkpoint` wrote; nothing else in the file is run or believed.

    Raises:
        InputError: there is no such file, or it is of another command or version.
        Corrupt: it is no checkpoint.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected the checkpoint of an unfinished run, found no such file")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch have their own each
        raise Corrupt(str(path), "content", "a checkpoint", "something else") from error
    if not isinstance(state, dict) or "iteration" not in state:
        raise Corrupt(str(path), "content", "a checkpoint", type(state).__name__)
    if state.get("kind") != kind:
        raise InputError(f"{path}: expected an unfinished run of {kind}, found one of {state.get('kind')}; name another output with -o")
    if state.get("version") != VERSION:
        made = f"one of {state['version']}" if "version" in state else "an older one"
        raise InputError(f"{path}: expected an unfinished run of gscompress {VERSION}, found {made}; --overwrite without --resume begins anew")
    return state


class CsvLog:
    """Rows of numbers, in a file that can be read while it grows.

    Args:
        path: the file; what is there is replaced.
        columns: names; the first is the iteration.
        after: keep the rows up to this iteration, of a run that goes on.
    """

    def __init__(self, path: Path, columns: Sequence[str], after: int | None = None):
        kept = []
        if after is not None and path.is_file():
            rows = path.read_text(encoding="utf-8").splitlines()[1:]
            kept = [row for row in rows if (number := row.split(",")[0]).isdigit() and int(number) <= after]
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._file.writelines(f"{row}\n" for row in [",".join(columns), *kept])

    def write(self, *values: float) -> None:
        """Adds a row."""
        self._file.write(",".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in values) + "\n")
        self._file.flush()

    def __enter__(self) -> CsvLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
