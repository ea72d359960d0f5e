"""The command line: `main` runs one command, and turns every error that the user can mend into one line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from ..errors import GSCompressError
from .parser import build_parser

DONE, FAILED, INTERRUPTED, PIPE_CLOSED = 0, 2, 130, 141
"""Exit codes; the last two are what a shell reports for a process that the signal has ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command that `argv` (default: `sys.argv[1:]`) names.

    Returns:
        The exit code.

    Raises:
        SystemExit: from argparse, after --help, --version or a usage error (code 2).
    """
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding cannot show must not end in a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        args = build_parser().parse_args(argv)
        code = args.run(args)
        sys.stdout.flush()  # here, where a closed pipe can still be caught
        return DONE if code is None else code
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):
            _discard(stream)
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except GSCompressError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("not enough memory")
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{where}{error.strerror or error}")


def _fail(message: str, code: int = FAILED) -> int:
    with contextlib.suppress(OSError):
        print(f"gscompress: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code


def _discard(stream: TextIO) -> None:
    """Sends what is still buffered nowhere, so that the interpreter's last flush does not fail as well."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
