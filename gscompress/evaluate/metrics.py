"""Image metrics on numpy arrays, the same on every machine and without another package.

`ssim` and `ms_ssim` agree with pytorch-msssim 1.0 to 1e-5. Others differ, on photographs against their JPEGs by:

- torchmetrics 1.9: PSNR equal once the images are clamped (its `data_range=(0, 1)`). SSIM reflects the images at their edges
  and counts those positions too: 0.0006; `ssim(..., edges="reflect")` does the same. MS-SSIM does so at the last scale and averages the channels before it multiplies the
  scales: 0.0001; and it drops a last odd row instead of padding: 0.005.
- INRIA's metrics.py: SSIM pads both images with zeros, which are alike, so it gives 0.002 more; `edges="zero"` does the same. PSNR
  equal, on 8-bit images.
- nerfbaselines: SSIM where the window fits, as here.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError

SSIM_TAPS, SSIM_SIGMA = 11, 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_SSIM_SIDE = (SSIM_TAPS - 1) * 2 ** (len(MS_SSIM_WEIGHTS) - 1) + 1
"""px; from here the coarsest scale still has room for the window."""
SSIM_EDGES = ("valid", "zero", "reflect")
"""What `ssim` makes of positions where the window reaches beyond the image."""


def eight_bit(image: np.ndarray) -> np.ndarray:
    """The float image after a trip through an 8-bit file: clamped to [0, 1] and rounded to a multiple of 1/255.

    Halves go to the even neighbour, as in `encode_png` and in Pillow from NumPy's `rint`; torchvision's `save_image` rounds
    them up, which is another value only where `image * 255` is a half exactly. NaN becomes 0.

    Args:
        image: float, any shape.

    Returns:
        An array of the image's type and shape.
    """
    return np.rint(np.nan_to_num(image).clip(0, 1) * 255) / 255


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


def ssim(a: np.ndarray, b: np.ndarray, edges: str = "valid") -> float:
    """Structural similarity of two images, both clamped to [0, 1] first.

    The variant of Wang et al. 2004 (https://doi.org/10.1109/TIP.2003.819861): Gaussian window of 11 taps with sigma 1.5,
    population covariance, data range 1, K1 = 0.01, K2 = 0.03; each channel on its own, then the mean over channels and
    over the positions where the window lies inside the image. It equals scikit-image's `structural_similarity` with
    gaussian_weights=True, sigma=1.5, use_sample_covariance=False.

    Args:
        a, b: float [H, W, C] of equal shape, at least 11 px a side.
        edges: "valid" as above; "zero" or "reflect": every pixel is a position, of images that go on with black or mirrored.

    Raises:
        InputError: the shapes differ, the images are smaller than the window, or `edges` is none of these.
    """
    _check(a, b)
    if edges not in SSIM_EDGES:
        raise InputError(f"edges: expected one of {', '.join(SSIM_EDGES)}, found {edges!r}")
    if min(a.shape[:2]) < SSIM_TAPS:
        raise InputError(f"ssim: expected images of at least {SSIM_TAPS} px a side, found {a.shape[1]} x {a.shape[0]}")
    x, y = _planes(a), _planes(b)
    if edges != "valid":
        margin = ((0, 0), (SSIM_TAPS // 2,) * 2, (SSIM_TAPS // 2,) * 2)
        x, y = (np.pad(v, margin, mode="constant" if edges == "zero" else "reflect") for v in (x, y))
    luminance, rest = _similarity(x, y)
    return float(np.mean(luminance * rest))


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Multi-scale structural similarity of two images, both clamped to [0, 1] first.

    Wang et al. 2003 (https://doi.org/10.1109/ACSSC.2003.1292216) with their five weights: contrast and structure of every
    scale, luminance of the coarsest, each with the window and constants of `ssim` and averaged over its positions; negative
    averages count as 0; the weighted product of each channel, then the mean over channels. A scale is the 2 x 2 mean of the
    one before; an odd side first gets a row of zeros in front. All this is what pytorch-msssim 1.0 does.

    Args:
        a, b: float [H, W, C] of equal shape, at least 161 px a side.

    Raises:
        InputError: the shapes differ, or the images are too small for five scales.
    """
    _check(a, b)
    if min(a.shape[:2]) < MS_SSIM_SIDE:
        raise InputError(f"ms_ssim: expected images of at least {MS_SSIM_SIDE} px a side, found {a.shape[1]} x {a.shape[0]}")
    x, y = _planes(a), _planes(b)
    product = np.ones(len(x))
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        if scale:
            x, y = _halved(x), _halved(y)
        luminance, rest = _similarity(x, y)
        term = luminance * rest if scale == len(MS_SSIM_WEIGHTS) - 1 else rest
        product *= term.mean((1, 2)).clip(0) ** weight
    return float(product.mean())


def _planes(image: np.ndarray) -> np.ndarray:
    """Float64 [C, H, W] of [H, W, C], clamped to [0, 1]."""
    return np.moveaxis(image.clip(0, 1).astype(np.float64), 2, 0)


def _similarity(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both factors of SSIM where the window fits, luminance and contrast times structure: [C, H - 10, W - 10] each."""
    mean_x, mean_y, mean_squares, mean_xy = (_windowed(v) for v in (x, y, x * x + y * y, x * y))
    both = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    return (2 * both + c1) / (squares + c1), (2 * (mean_xy - both) + c2) / (mean_squares - squares + c2)


def _halved(planes: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 of [C, H, W]: [C, ceil(H / 2), ceil(W / 2)]."""
    channels, height, width = planes.shape
    even = np.pad(planes, ((0, 0), (height % 2, 0), (width % 2, 0)))
    return even.reshape(channels, (height + 1) // 2, 2, (width + 1) // 2, 2).mean((2, 4))


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
