"""What a piece of work took: seconds, and memory on top of what the process held before."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...errors import GSCompressError

T = TypeVar("T")
_children = threading.local()
LAST_WORDS = 300
"""Characters of a failed program's output that its error quotes."""


class ToolFailed(GSCompressError):
    """Another program ended with an error; the message names it, its exit code, and what it said last."""


@dataclass(frozen=True)
class Usage:
    """`seconds` of wall clock; `memory_bytes`, None where the system does not say."""

    seconds: float
    memory_bytes: int | None


def measured(work: Callable[[], T]) -> tuple[T, Usage]:
    """Runs `work`, and what it took, the programs that it ran by `run_tool` included."""
    _children.peak = 0
    before = _settled()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    peak = _status("VmHWM")
    own = None if before is None or peak is None else max(0, peak - before)
    return result, Usage(seconds, own if not _children.peak else max(own or 0, _children.peak))


def run_tool(command: Sequence[str | os.PathLike[str]], **settings: object) -> None:
    """Runs another program to its end; its memory counts for `measured`.

    Raises:
        ToolFailed: it cannot be started, or ends with an error.
    """
    name = os.path.basename(os.fspath(command[0]))
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **settings)  # pyright: ignore
    except OSError as error:
        raise ToolFailed(f"{name}: cannot be started ({error.strerror or error})") from error
    try:
        said = process.stdout.read() if process.stdout else b""
        if hasattr(os, "wait4"):
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            scale = 1 if sys.platform == "darwin" else 1024
            _children.peak = max(getattr(_children, "peak", 0), usage.ru_maxrss * scale)
        else:
            process.wait()
    except BaseException:
        process.kill()
        raise
    finally:
        if process.stdout:
            process.stdout.close()
    if process.returncode:
        words = " ".join(said.decode(errors="replace").split())[-LAST_WORDS:]
        raise ToolFailed(f"{name}: ended with {process.returncode}: {words or 'said nothing'}")


def _settled() -> int | None:
    """Bytes held, after what is free was given back and the record of the most was reset."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
