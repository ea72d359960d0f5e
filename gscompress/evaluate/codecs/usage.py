"""What a piece of work took: seconds, and memory on top of what the process held before."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import signal
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


def measured(work: Callable[[], T], tool_seconds: float = math.inf) -> tuple[T, Usage]:
    """Runs `work`, and what it took, the programs that it ran by `run_tool` included, each of which may take `tool_seconds`."""
    _children.peak, _children.seconds = 0, tool_seconds
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
        ToolFailed: it cannot be started, ends with an error, or takes longer than `measured` allows.
    """
    name = os.path.basename(os.fspath(command[0]))
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True, **settings)  # pyright: ignore
    except OSError as error:
        raise ToolFailed(f"{name}: cannot be started ({error.strerror or error})") from error
    allowed, late = getattr(_children, "seconds", math.inf), threading.Event()
    watch = threading.Timer(min(allowed, threading.TIMEOUT_MAX), lambda: (late.set(), _kill(process)))
    watch.daemon = True
    watch.start()
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
        _kill(process)
        raise
    finally:
        watch.cancel()
        if process.stdout:
            process.stdout.close()
    if late.is_set():
        raise ToolFailed(f"{name}: expected to end within {allowed:g} s, found it still at work; --tool-timeout allows more")
    if process.returncode:
        words = " ".join(said.decode(errors="replace").split())[-LAST_WORDS:]
        raise ToolFailed(f"{name}: ended with {process.returncode}: {words or 'said nothing'}")


def _kill(process: subprocess.Popen) -> None:
    """With what it started, which would keep its output open."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


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
