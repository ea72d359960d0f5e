"""Byte counts as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gscompress.cli.sizes import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("123456", 123456), ("2.5MB", 2_500_000), ("800kB", 800_000), ("800 KB", 800_000), ("1GB", 10**9), ("2MiB", 2 << 20),
        ("1k", 1000), ("1kib", 1024), (".5M", 500_000), ("2.3MB", 2_300_000), ("0", 0), ("7B", 7), (" 1. mb ", 10**6),
        ("1.9", 1), ("1TB", 10**12),
    ],
)  # fmt: skip
def test_accepted(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e6", "1,5MB", "2.5XB", "1.2.3", "inf", "nan", "0x10", "iB", "1iB", "١MB", "1 M B"])
def test_refused(text):
    with pytest.raises(ValueError, match="expected a size"):
        parse_size(text)


@given(st.integers(0, 10**15), st.sampled_from(["", "B", "kB", "MB", "GB", "KiB", "MiB", "GiB"]))
def test_whole_numbers_are_exact(number, unit):
    factor = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit]
    assert parse_size(f"{number}{unit}") == number * factor


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_refused(text):
    try:
        size = parse_size(text)
    except ValueError:
        return
    assert size >= 0


@given(st.integers(0, 10**14))
def test_shown_sizes_read_back(size):
    shown = format_size(size)
    assert parse_size(shown) == pytest.approx(size, rel=0.006)
    assert len(shown) <= 10 or size >= 10**14


def test_shown():
    assert [format_size(n) for n in (0, 999, 1000, 9994, 9996, 999_949, 999_960, 2_500_000)] == [
        "0 B", "999 B", "1.00 kB", "9.99 kB", "10.0 kB", "999.9 kB", "1.00 MB", "2.50 MB",
    ]  # fmt: skip
