"""PSNR and SSIM against hand-computed values and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.errors import InputError
from gscompress.evaluate import mean_psnr, psnr, ssim


def images(height: int = 40, width: int = 57) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    a = 0.5 + 0.4 * np.stack([np.sin(x / 5), np.cos(y / 7), np.sin((x + y) / 9)], 2)
    return a.astype(np.float32), (a + rng.normal(0, 0.1, a.shape)).astype(np.float32)


def test_psnr_by_hand():
    zero = np.zeros((4, 5, 3), np.float32)
    assert psnr(zero, zero + np.float32(0.1)) == pytest.approx(20, abs=1e-5)
    one_channel = zero.copy()
    one_channel[..., 0] = 0.1
    assert psnr(zero, one_channel) == pytest.approx(20 + 10 * np.log10(3), abs=1e-5)


def test_psnr_clamps():
    one = np.ones((2, 2, 3), np.float32)
    assert psnr(one, 5 * one) == float("inf")
    assert psnr(0 * one, -one) == float("inf")


def test_mean_psnr():
    inf = float("inf")
    assert mean_psnr([30, 40]) == 35
    assert mean_psnr([30, inf]) == 65
    assert mean_psnr([inf, inf]) == inf
    with pytest.raises(InputError, match="values"):
        mean_psnr([])


def test_ssim_of_equal_and_constant_images():
    a, _ = images()
    assert ssim(a, a) == 1
    dark, light = np.full((12, 13, 3), 0.2), np.full((12, 13, 3), 0.6)
    assert ssim(dark, light) == pytest.approx((2 * 0.2 * 0.6 + 1e-4) / (0.04 + 0.36 + 1e-4))


def test_against_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    a, b = (v.clip(0, 1).astype(np.float64) for v in images())
    expected = metrics.structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, channel_axis=2
    )
    assert ssim(a, b) == pytest.approx(expected, abs=1e-12)
    assert psnr(a, b) == pytest.approx(metrics.peak_signal_noise_ratio(a, b, data_range=1.0), abs=1e-9)


def test_unusable_images():
    a, b = images()
    for metric in (psnr, ssim):
        with pytest.raises(InputError, match="images"):
            metric(a, b[1:])
    with pytest.raises(InputError, match="11 px"):
        ssim(a[:10], b[:10])
