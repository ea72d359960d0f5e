"""How good a scene looks: metrics of images, and comparisons of scenes."""

from .compare import Comparison, ViewScore, compare_scenes
from .lpips import LPIPS
from .metrics import eight_bit, mean_psnr, ms_ssim, psnr, ssim
from .scores import METRICS, Scorer

__all__ = [
    "LPIPS", "METRICS", "Comparison", "Scorer", "ViewScore", "compare_scenes", "eight_bit", "mean_psnr", "ms_ssim",
    "psnr", "ssim",
]  # fmt: skip
