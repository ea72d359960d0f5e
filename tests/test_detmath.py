"""The deterministic functions against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress import detmath

EPS = 2.0**-52


def far(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Relative error, of values that are not zero."""
    return np.abs(found / expected - 1)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_exp(random):
    x = random.uniform(-1, 1, 20_000)
    assert far(detmath.exp(x), np.exp(x)).max() <= 1e-15
    x = random.uniform(-700, 700, 20_000)  # k ln 2 is rounded, which costs half an ulp of x
    assert (far(detmath.exp(x), np.exp(x)) <= 1e-15 + np.abs(x) * EPS).all()


def test_exp2_is_exact_at_integers_near_zero():
    np.testing.assert_array_equal(detmath.exp2(np.arange(-8, 9)), 2.0 ** np.arange(-8, 9))


def test_log(random):
    x = np.exp(random.uniform(-700, 700, 20_000))
    assert far(detmath.log(x), np.log(x)).max() <= 1e-15
    x = 1 + random.uniform(-1e-3, 1e-3, 20_000)
    assert far(detmath.log(x), np.log(x)).max() <= 1e-15
    assert float(detmath.log(1.0)) == 0.0


def test_sin_and_cos(random):
    y = random.uniform(-np.pi / 2, np.pi / 2, 20_000)
    assert far(detmath.sin(y), np.sin(y)).max() <= 1e-15
    assert np.abs(detmath.cos(y) - np.cos(y)).max() <= 1e-15  # near its zero only the absolute error is small


def test_one_value_is_as_good_as_many(random):
    x = random.uniform(0.1, 1.5, 100)
    for f in (detmath.exp, detmath.exp2, detmath.log, detmath.sin, detmath.cos):
        assert f(x).tobytes() == np.array([f(v) for v in x]).tobytes()
