"""Tables, learning, binarisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gscompress._native import core
from gscompress.entropy import mixing, symbols
from gscompress.entropy.mixing import Mixed
from gscompress.entropy.range_coder import RangeDecoder, RangeEncoder
from gscompress.entropy.symbols import MAX_MAGNITUDE, SIGNED_NODES, code_raw, code_signed
from gscompress.model import steps

TABLES = {
    "stretch": mixing.STRETCH,
    "squash": mixing.SQUASH,
    "rate": mixing.RATE,
    "hypot": steps.HYPOT,
    "sinh": steps.SINH,
    "log2": steps.LOG2,
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_the_native_ones(name):
    native = core().codec_tables()[name]
    assert TABLES[name] == native[: len(TABLES[name])].tolist()  # the native `rate` goes on, unused


def test_stretch_undoes_squash():
    squashed = np.array(mixing.SQUASH)
    again = np.array(mixing.STRETCH)[squashed >> 4]
    inside = (squashed > 2000) & (squashed < 63536)
    assert np.abs(again - (np.arange(4096) - 2048))[inside].max() <= 5
    assert (np.diff(squashed) >= 0).all()
    assert (np.diff(mixing.STRETCH) >= 0).all()


def test_a_counter_learns():
    model = Mixed(1, (1, 1))
    encoder = RangeEncoder()
    for _ in range(2000):
        model.code(encoder, model.at((0, 0)), 0, 1)
    assert len(encoder.finish()) < 20


VALUES = st.lists(st.one_of(st.integers(-3, 3), st.integers(-MAX_MAGNITUDE, MAX_MAGNITUDE)), max_size=60)


@settings(deadline=None, max_examples=60)
@given(VALUES, st.integers(0, 2))
def test_signed_round_trip(values, context):
    def through(io, given):
        model = Mixed(SIGNED_NODES, (3, 1))
        return [code_signed(io, model, model.at((context, 0)), v) for v in given]

    encoder = RangeEncoder()
    assert through(encoder, values) == values
    decoder = RangeDecoder(encoder.finish())
    assert through(decoder, [0] * len(values)) == values
    decoder.check_end()


def test_largest_values():
    assert MAX_MAGNITUDE == 2**23 - 1
    assert symbols.NODE_SECOND + 4 * symbols.MAX_BUCKET + 1 == SIGNED_NODES - 1
    encoder = RangeEncoder()
    assert code_raw(encoder, 20, 0xABCDE) == 0xABCDE
    assert code_raw(RangeDecoder(encoder.finish()), 20) == 0xABCDE


def test_weights_stay_within_their_limit():
    """Decisions that contradict one counter for ever drive its weight to the limit, not beyond."""
    model = Mixed(1, (2, 1))
    for i in range(60_000):
        model.code(_Fixed(i % 2), model.at((i % 2, 0)), 0)
    weights = model._weights[0]
    assert max(map(abs, weights)) <= mixing.WEIGHT_LIMIT


class _Fixed:
    """Says what it was made with."""

    def __init__(self, bit: int) -> None:
        self.bit = bit

    def code(self, bit: int, p: int) -> int:
        return self.bit

    def check(self) -> None:
        """Never faulty."""
