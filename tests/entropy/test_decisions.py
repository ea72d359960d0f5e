"""Tables, learning, binarisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gscompress._native import core
from gscompress.entropy import decisions, symbols
from gscompress.entropy.decisions import Decisions
from gscompress.entropy.range_coder import RangeDecoder, RangeEncoder
from gscompress.entropy.symbols import MAX_MAGNITUDE, SIGNED_NODES, code_raw, code_signed
from gscompress.model import steps

TABLES = {
    "squash": decisions.SQUASH,
    **{f"rate{i}": decisions.RATES[i] for i in range(1, decisions.MAX_CONTEXTS + 1)},
    "hypot": steps.HYPOT,
    "sinh": steps.SINH,
    "log2": steps.LOG2,
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_the_native_ones(name):
    assert TABLES[name] == core().codec_tables()[name].tolist()


def test_squash_is_the_logistic_function():
    squashed = np.array(decisions.SQUASH)
    exact = 65536 / (1 + np.exp(-(np.arange(4096) - 2048) / 256))
    assert np.abs(squashed - np.clip(exact, 32, 65504)).max() <= 0.5
    assert (np.diff(squashed) >= 0).all()


@pytest.mark.parametrize("contexts", range(1, decisions.MAX_CONTEXTS + 1))
def test_what_is_certain_costs_next_to_nothing(contexts):
    model = Decisions(1, (1,) * contexts)
    encoder = RangeEncoder()
    for _ in range(2000):
        model.code(encoder, model.at((0,) * contexts), 0, 1)
    assert len(encoder.finish()) < 20


def test_contexts_are_told_apart():
    """One context says it all, the other is noise: 4000 bits cost next to nothing, or 500 bytes if all were one."""
    random = np.random.default_rng(0)
    model, encoder = Decisions(1, (2, 8)), RangeEncoder()
    for bit, noise in zip(random.integers(0, 2, 4000).tolist(), random.integers(0, 8, 4000).tolist(), strict=True):
        model.code(encoder, model.at((bit, noise)), 0, bit)
    assert len(encoder.finish()) < 60


VALUES = st.lists(st.one_of(st.integers(-3, 3), st.integers(-MAX_MAGNITUDE, MAX_MAGNITUDE)), max_size=60)


@settings(deadline=None, max_examples=60)
@given(VALUES, st.integers(0, 2))
def test_signed_round_trip(values, context):
    def through(io, given):
        model = Decisions(SIGNED_NODES, (3, 1))
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


def test_terms_wrap():
    """Terms that pull against each other for ever stay words of 32 bits, and their sum within the table."""
    model = Decisions(1, (2, 1))
    model._terms[:] = [0x7FFFFFFF, 0x80000000, 0x7FFFFFFF]
    for i in range(1000):
        model.code(_Fixed(i % 2), model.at((i % 2, 0)), 0)
    assert all(0 <= term < 2**32 for term in model._terms)


class _Fixed:
    """Says what it was made with."""

    def __init__(self, bit: int) -> None:
        self.bit = bit

    def code(self, bit: int, p: int) -> int:
        assert 32 <= p <= 65504
        return self.bit

    def check(self) -> None:
        """Never faulty."""
