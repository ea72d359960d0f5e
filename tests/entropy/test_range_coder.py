"""Bytes to decisions and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gscompress.entropy.range_coder import RangeDecoder, RangeEncoder, StreamFault

DECISIONS = st.lists(st.tuples(st.integers(0, 1), st.integers(32, 65504)), max_size=200)


def encoded(decisions: list[tuple[int, int]]) -> bytes:
    encoder = RangeEncoder()
    for bit, p in decisions:
        encoder.code(bit, p)
    return encoder.finish()


@settings(deadline=None, max_examples=100)
@given(DECISIONS)
def test_round_trip(decisions):
    data = encoded(decisions)
    for padded in (data, data + bytes(9)):
        decoder = RangeDecoder(padded)
        assert [decoder.code(0, p) for _, p in decisions] == [bit for bit, _ in decisions]
        decoder.check_end()


def test_length_is_the_information():
    random = np.random.default_rng(0)
    p = random.integers(32, 65505, 20_000)
    bits = (random.random(len(p)) < p / 65536).astype(int)
    information = -np.log2(np.where(bits, p, 65536 - p) / 65536).sum()
    assert information / 8 <= len(encoded(list(zip(bits.tolist(), p.tolist(), strict=True)))) <= information / 8 + 8


def test_asking_for_more_is_a_fault():
    decoder = RangeDecoder(encoded([(1, 100)] * 3))
    for _ in range(60):
        decoder.code(0, 32768)
    with pytest.raises(StreamFault, match="ends before"):
        decoder.check()


def test_bytes_left_are_a_fault():
    decoder = RangeDecoder(encoded([(1, 100)]) + bytes(8) + b"\1")
    decoder.code(0, 100)
    decoder.check()
    with pytest.raises(StreamFault, match="left after"):
        decoder.check_end()


def test_empty_stream_reads_as_zeros():
    decoder = RangeDecoder(b"")
    decoder.check_end()
    assert decoder.code(0, 32768) == 1
