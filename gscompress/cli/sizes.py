"""Byte counts as people write them. MB means 10^6, MiB 2^20."""

from __future__ import annotations

import re
from fractions import Fraction

_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(?:([kmgt])(i?))?b?", re.IGNORECASE | re.ASCII)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str) -> int:
    """Bytes of "123456", "800kB", "2.5MB", "1 GB" or "2MiB"; a part of a byte is cut off.

    Raises:
        ValueError: another text.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"expected a size such as 2.5MB, 800kB, 2MiB or 123456, found {text!r}")
    number, prefix, binary = match.groups()
    unit = (1024 if binary else 1000) ** _POWERS[prefix.lower()] if prefix else 1
    return int(Fraction(number) * unit)  # a Fraction, because 2.3 MB is not a float


def format_size(size: int) -> str:
    """Three or four digits and a decimal unit: "787 B", "787.2 kB", "2.50 MB"."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95 or unit == "TB":
            break
    return f"{value:.{2 if value < 9.995 else 1}f} {unit}"
