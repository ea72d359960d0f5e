"""BD-rate against SciPy's PCHIP, where it is there, and against cases that can be told by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.errors import InputError
from gscompress.evaluate.bd_rate import _pchip, bd_rate

CURVE = [(100.0, 30.0), (200.0, 33.0), (420.0, 35.5), (900.0, 37.0)]


def test_a_curve_of_half_the_bytes_is_half() -> None:
    assert bd_rate([(size / 2, psnr) for size, psnr in CURVE], CURVE) == pytest.approx(-0.5, abs=1e-12)
    assert bd_rate(CURVE, CURVE) == pytest.approx(0.0, abs=1e-12)


def test_swapping_inverts() -> None:
    other = [(90.0, 30.5), (230.0, 33.4), (700.0, 36.5)]
    there, back = bd_rate(other, CURVE), bd_rate(CURVE, other)
    assert there is not None
    assert back is not None
    assert (1 + there) * (1 + back) == pytest.approx(1.0, abs=1e-9)


def test_without_overlap_there_is_no_figure() -> None:
    assert bd_rate([(1.0, 10.0), (2.0, 12.0)], CURVE) is None


@pytest.mark.parametrize("points", [[], [(1.0, 30.0)], [(1.0, 30.0), (2.0, 30.0)], [(0.0, 30.0), (2.0, 31.0)], [(1.0, np.nan), (2.0, 31.0)]])
def test_bad_points_are_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(InputError, match="points: expected"):
        bd_rate(points, CURVE)


def test_interpolation_is_that_of_scipy() -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(0)
    for count in (2, 3, 4, 7):
        x, y = np.sort(rng.uniform(20, 40, count)), rng.normal(0, 1, count)
        at = np.linspace(x[0], x[-1], 101)
        np.testing.assert_allclose(_pchip(x, y, at), interpolate.PchipInterpolator(x, y)(at), atol=1e-12)
