"""Image metrics on numpy arrays."""

from __future__ import annotations

import numpy as np

from ..errors import InputError

SSIM_TAPS, SSIM_SIGMA = 11, 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two images, both clamped to [0, 1] first.

    One mean squared error over all pixels and channels, computed in float64, not quantised to 8 bits.

    Args:
        a, b: float [H, W, C] of equal shape.

    Returns:
        dB; `inf` where the clamped images are equal (see `mean_psnr` for averages).

    Raises:
        InputError: the shapes differ, or the images are empty.
    """
    _check(a, b)
    difference = a.clip(0, 1).astype(np.float64) - b.clip(0, 1).astype(np.float64)
    error = float(np.mean(np.square(difference)))
    return float("inf") if error == 0 else -10 * np.log10(error)


def mean_psnr(values: list[float], cap: float = 100.0) -> float:
    """Mean of PSNRs, as papers give it, with every value counted as `cap` dB at most.

    Without the cap one identical pair (`inf`) would hide all others. `inf` is returned where every value is `inf`.

    Raises:
        InputError: no values.
    """
    if not values:
        raise InputError("values: expected at least one, found none")
    if all(v == float("inf") for v in values):
        return float("inf")
    return float(np.mean(np.minimum(values, cap)))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of two images, both clamped to [0, 1] first.

    The variant of Wang et al. 2004 (https://doi.org/10.1109/TIP.2003.819861): Gaussian window of 11 taps with sigma 1.5,
    population covariance, data range 1, K1 = 0.01, K2 = 0.03; each channel on its own, then the mean over channels and
    over the positions where the window lies inside the image. It equals scikit-image's `structural_similarity` with
    gaussian_weights=True, sigma=1.5, use_sample_covariance=False.

    Args:
        a, b: float [H, W, C] of equal shape, at least 11 px a side.

    Raises:
        InputError: the shapes differ, or the images are smaller than the window.
    """
    _check(a, b)
    if min(a.shape[:2]) < SSIM_TAPS:
        raise InputError(f"ssim: expected images of at least {SSIM_TAPS} px a side, found {a.shape[1]} x {a.shape[0]}")
    x = np.moveaxis(a.clip(0, 1).astype(np.float64), 2, 0)
    y = np.moveaxis(b.clip(0, 1).astype(np.float64), 2, 0)
    mean_x, mean_y, mean_squares, mean_xy = (_windowed(v) for v in (x, y, x * x + y * y, x * y))
    both = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    top = (2 * both + c1) * (2 * (mean_xy - both) + c2)
    bottom = (squares + c1) * (mean_squares - squares + c2)
    return float(np.mean(top / bottom))


def _windowed(planes: np.ndarray) -> np.ndarray:
    """Gaussian-weighted means of [C, H, W] where the window fits: [C, H - 10, W - 10]."""
    taps = np.exp(-0.5 * np.square((np.arange(SSIM_TAPS) - SSIM_TAPS // 2) / SSIM_SIGMA))
    taps /= taps.sum()
    height, width = planes.shape[1] - SSIM_TAPS + 1, planes.shape[2] - SSIM_TAPS + 1
    rows = np.zeros((len(planes), height, planes.shape[2]))
    for i, tap in enumerate(taps):
        rows += tap * planes[:, i : i + height]
    out = np.zeros((len(planes), height, width))
    for i, tap in enumerate(taps):
        out += tap * rows[:, :, i : i + width]
    return out


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.ndim != 3 or a.shape != b.shape or a.size == 0:
        raise InputError(f"images: expected two of one shape [H, W, C], found {a.shape} and {b.shape}")
