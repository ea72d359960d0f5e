"""PSNR, SSIM and MS-SSIM against hand-computed values and other packages."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.errors import InputError
from gscompress.evaluate import eight_bit, mean_psnr, ms_ssim, psnr, ssim
from gscompress.evaluate.png import encode_png


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


def plain_ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """The definition, channel by channel, with a two-dimensional window."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def weighted(v: np.ndarray) -> np.ndarray:
        return np.einsum("hwij,ij->hw", np.lib.stride_tricks.sliding_window_view(v, (11, 11)), window)

    def half(v: np.ndarray) -> np.ndarray:
        v = np.pad(v, [(side % 2, 0) for side in v.shape])
        return (v[::2, ::2] + v[1::2, ::2] + v[::2, 1::2] + v[1::2, 1::2]) / 4

    products = []
    for channel in range(a.shape[2]):
        x, y = (v[..., channel].clip(0, 1).astype(np.float64) for v in (a, b))
        product = 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            if scale:
                x, y = half(x), half(y)
            mx, my = weighted(x), weighted(y)
            vx, vy, cxy = weighted(x * x) - mx**2, weighted(y * y) - my**2, weighted(x * y) - mx * my
            term = (2 * cxy + 0.03**2) / (vx + vy + 0.03**2)
            if scale == 4:
                term = term * (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
            product *= max(term.mean(), 0) ** weight
        products.append(product)
    return float(np.mean(products))


SIZES = [(161, 176), (163, 190), (200, 161)]


@pytest.mark.parametrize("size", SIZES)
def test_ms_ssim_by_its_definition(size):
    a, b = images(*size)
    assert ms_ssim(a, b) == pytest.approx(plain_ms_ssim(a, b), abs=1e-12)
    assert 0.5 < ms_ssim(a, b) < 1


@pytest.mark.parametrize("size", SIZES)
def test_against_pytorch_msssim(size):
    pytest.importorskip("torch")
    theirs = pytest.importorskip("pytorch_msssim")
    import torch

    a, b = (v.clip(0, 1) for v in images(*size))
    pair = [torch.tensor(v.transpose(2, 0, 1).copy(), dtype=torch.float64)[None] for v in (a, b)]
    assert ms_ssim(a, b) == pytest.approx(float(theirs.ms_ssim(*pair, data_range=1.0)), abs=1e-5)
    assert ssim(a, b) == pytest.approx(float(theirs.ssim(*pair, data_range=1.0)), abs=1e-5)


def test_ms_ssim_of_special_images():
    a, _ = images(176, 176)
    assert ms_ssim(a, a) == 1
    assert ms_ssim(a, 5 * a) == ms_ssim(a, (5 * a).clip(0, 1))
    assert ms_ssim(a, 1 - a) == 0  # a negative structure at some scale
    dark, light = np.full((176, 176, 3), 0.2), np.full((176, 176, 3), 0.6)
    assert ms_ssim(dark, light) == pytest.approx(((2 * 0.2 * 0.6 + 1e-4) / (0.04 + 0.36 + 1e-4)) ** 0.1333)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eight_bit_is_what_a_png_holds(dtype):
    image = np.linspace(-0.2, 1.2, 16 * 16 * 3).reshape(16, 16, 3).astype(dtype)
    image[0, 0] = np.array([0.5, 1.5, 2.5]) / 255
    rounded = eight_bit(image)
    assert rounded.dtype == dtype
    np.testing.assert_allclose(rounded[0, 0] * 255, [0, 2, 2], atol=1e-6)  # halves to even
    assert (rounded.min(), rounded.max()) == (0, 1)
    assert encode_png(rounded) == encode_png(image)
    np.testing.assert_array_equal(eight_bit(rounded), rounded)
    np.testing.assert_array_equal(eight_bit(np.array([np.nan, np.inf, -np.inf])), [0, 1, 0])
    assert not np.shares_memory(rounded, image)


def test_unusable_images():
    a, b = images()
    for metric in (psnr, ssim, ms_ssim):
        with pytest.raises(InputError, match="images"):
            metric(a, b[1:])
    with pytest.raises(InputError, match="11 px"):
        ssim(a[:10], b[:10])
    a, b = images(160, 300)
    with pytest.raises(InputError, match="161 px a side, found 300 x 160"):
        ms_ssim(a, b)
