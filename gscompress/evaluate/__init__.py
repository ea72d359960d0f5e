"""How good a scene looks: metrics of images, and comparisons of scenes."""

from .compare import Comparison, ViewScore, compare_scenes
from .metrics import mean_psnr, psnr, ssim

__all__ = ["Comparison", "ViewScore", "compare_scenes", "mean_psnr", "psnr", "ssim"]
