"""Ctrl-C at a moment that suits the work."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def interrupts() -> Iterator[list[int]]:
    """A list that Ctrl-C makes true; the second Ctrl-C interrupts at once."""
    asked: list[int] = []

    def handle(number: int, _: object) -> None:
        asked.append(number)
        signal.signal(number, before)

    try:
        before = signal.signal(signal.SIGINT, handle)
    except ValueError:  # not in the main thread, where no signals arrive
        yield asked
        return
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
