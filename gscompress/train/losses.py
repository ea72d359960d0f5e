"""What training makes small: differences of images, differentiable."""

from __future__ import annotations

from ..errors import InputError, MissingExtra
from ..evaluate.metrics import SSIM_K1, SSIM_K2, SSIM_SIGMA, SSIM_TAPS

try:
    import torch
except ImportError as error:
    raise MissingExtra("torch", "train", "training") from error
from torch import Tensor
from torch.autograd.function import once_differentiable

C1, C2 = SSIM_K1**2, SSIM_K2**2


def photometric(image: Tensor, target: Tensor, ssim_share: float) -> Tensor:
    """The loss of 3DGS: mean absolute difference and 1 - SSIM, the latter with `ssim_share`.

    Args:
        image, target: float32 [H, W, 3], 0 to 1; gradients go to `image` only.
    """
    loss = (1 - ssim_share) * (image - target).abs().mean()
    return loss + ssim_share * (1 - ssim(image, target)) if ssim_share else loss


def ssim(image: Tensor, target: Tensor) -> Tensor:
    """Structural similarity as `evaluate.ssim` has it, of images that are not clamped.

    Args:
        image, target: float32 [H, W, C], at least 11 px a side; gradients go to `image` only.

    Raises:
        InputError: smaller images.
    """
    if min(image.shape[:2]) < SSIM_TAPS:
        raise InputError(f"ssim: expected images of at least {SSIM_TAPS} px a side, found {image.shape[1]} x {image.shape[0]}")
    return _Ssim.apply(image.permute(2, 0, 1), target.permute(2, 0, 1))  # pyright: ignore[reportReturnType]


class _Ssim(torch.autograd.Function):
    """The mean over the positions where the window fits, with its derivative worked out by hand: twice as fast as autograd's."""

    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor) -> Tensor:
        x, y = x.contiguous(), y.contiguous()
        mean_x, mean_y, square_x, square_y, product = _windowed(torch.stack([x, y, x * x, y * y, x * y])).unbind()
        a, b = 2 * mean_x * mean_y + C1, 2 * (product - mean_x * mean_y) + C2
        c, d = mean_x**2 + mean_y**2 + C1, square_x - mean_x**2 + square_y - mean_y**2 + C2
        ctx.save_for_backward(x, y, mean_x, mean_y, a, b, c, d)
        return (a * b / (c * d)).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):
        x, y, mean_x, mean_y, a, b, c, d = ctx.saved_tensors
        ratio = 1 / (c * d)
        whole = a * b * ratio
        by_mean = 2 * mean_y * (b - a) * ratio + 2 * mean_x * whole * (1 / d - 1 / c)
        back = _spread(torch.stack([by_mean, -whole / d, 2 * a * ratio]))
        return (back[0] + 2 * x * back[1] + y * back[2]) * (grads[0] / whole.numel()), None


def _taps() -> list[float]:
    at = torch.arange(SSIM_TAPS, dtype=torch.float64) - SSIM_TAPS // 2
    taps = torch.exp(-0.5 * (at / SSIM_SIGMA) ** 2)
    return (taps / taps.sum()).tolist()


TAPS = _taps()


def _windowed(planes: Tensor) -> Tensor:
    """Gaussian-weighted means of [..., H, W] where the window fits. Sums of slices: faster on a CPU than its convolutions."""
    for axis in (-2, -1):
        size = planes.shape[axis] - SSIM_TAPS + 1
        total = planes.narrow(axis, 0, size) * TAPS[0]
        for i in range(1, SSIM_TAPS):
            total.add_(planes.narrow(axis, i, size), alpha=TAPS[i])
        planes = total
    return planes


def _spread(planes: Tensor) -> Tensor:
    """The transpose of `_windowed`."""
    for axis in (-1, -2):
        shape = list(planes.shape)
        size, shape[axis] = shape[axis], shape[axis] + SSIM_TAPS - 1
        total = planes.new_zeros(shape)
        for i in range(SSIM_TAPS):
            total.narrow(axis, i, size).add_(planes, alpha=TAPS[i])
        planes = total
    return planes
