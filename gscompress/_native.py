"""The one importer of the compiled extension, lazy so that reading and converting scenes works without it."""

from __future__ import annotations

import os
from functools import lru_cache
from types import ModuleType
from typing import Any

from .errors import BadMagic, Corrupt, GSCompressError, Truncated, Unsupported


@lru_cache(maxsize=1)
def core() -> ModuleType:
    """The extension module `gscompress._core`.

    Raises:
        GSCompressError: it is not there (a source tree that was not installed).
    """
    try:
        from . import _core  # pyright: ignore[reportAttributeAccessIssue]
    except ImportError as error:
        raise GSCompressError(f"the compiled core is missing ({error}): run 'pip install .' in the repository") from error
    return _core


def sound(decoded: Any, name: str) -> Any:
    """What the core gave of a file: arrays, or a frame, unless that says what is wrong with the file.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported.
    """
    if isinstance(decoded, tuple) and len(decoded) == 4:
        kind, field, expected, found = decoded
        raise (BadMagic, Truncated, Corrupt, Unsupported)[kind](name, field, expected, found)
    return decoded


def threads() -> int:
    """Number of worker threads: `GSCOMPRESS_THREADS`, else the processors this process may use."""
    asked = os.environ.get("GSCOMPRESS_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
