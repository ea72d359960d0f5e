"""Writing output files so that a failure never leaves a half-written one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .errors import OutputError


def atomic_write(
    path: str | Path, content: bytes | memoryview | Callable[[BinaryIO], object], overwrite: bool = False
) -> int:
    """Writes a file under another name in the same folder, then renames it, so that readers see all of it or nothing.

    Args:
        path: the file to make.
        content: its bytes, or a function that writes them to the binary file it is handed.
        overwrite: replace an existing file. Without it an existing file is an error.

    Returns:
        Size of the file in bytes.

    Raises:
        OutputError: the file exists, is not a regular file, or its folder does not take it. Whatever `content`
            raises passes through; the target is untouched either way.
    """
    path = Path(path)
    try:
        if path.exists() or path.is_symlink():
            if not path.is_file():
                raise OutputError(f"{path}: expected a regular file or a new name, found something else there")
            if not overwrite:
                raise OutputError(f"{path}: exists already; ask for overwriting to replace it")
        temporary = path.parent / f".{path.name[:100]}.{secrets.token_hex(6)}.part"
        # os.open, not tempfile: the new file gets the permissions of the user's umask, not 0600.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _output_error(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            size = os.fstat(file.fileno()).st_size
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _output_error(path, error) from error
        raise
    return size


def _output_error(path: Path, error: Exception) -> OutputError:
    if isinstance(error, OutputError):
        return error
    return OutputError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})")
