"""A pair of images, measured by whichever metrics are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import InputError
from .lpips import LPIPS, SMALLEST_SIDE
from .metrics import MS_SSIM_SIDE, SSIM_EDGES, SSIM_TAPS, eight_bit, ms_ssim, psnr, ssim

DEFAULT_METRICS = ("psnr", "ssim")
_PLAIN: dict[str, tuple[Callable[[np.ndarray, np.ndarray], float], int]] = {
    "psnr": (psnr, 0),
    "ssim": (ssim, SSIM_TAPS),
    "ms-ssim": (ms_ssim, MS_SSIM_SIDE),
}
"""Each metric and the smallest side it takes, px."""
METRICS = (*_PLAIN, *(f"lpips-{net}" for net in SMALLEST_SIDE))


class Scorer:
    """Metrics with their settings, loaded once and used for many pairs.

    Attributes:
        metrics: their names, in the order asked for.
        eight_bit: whether the images are rounded to 8 bits first.
        lpips_range: the `input_range` of LPIPS.
        ssim_edges: the `edges` of `ssim`.
    """

    def __init__(
        self,
        metrics: Sequence[str] = DEFAULT_METRICS,
        *,
        eight_bit: bool = False,
        lpips_weights: str | Path | None = None,
        lpips_range: str = "[-1,1]",
        ssim_edges: str = "valid",
        device: str = "cpu",
    ):
        """
        Args:
            metrics: any of METRICS, at least one.
            eight_bit: measure what an 8-bit file would hold, as INRIA's protocol does; float images otherwise.
            lpips_weights, lpips_range, device: `weights`, `input_range` and `device` of `LPIPS`.
            ssim_edges: `edges` of `ssim`.

        Raises:
            InputError: no metrics, or an unknown one or unknown edges.
            As `LPIPS`, where it is among them.
        """
        self.metrics, self.eight_bit, self.lpips_range, self.ssim_edges = tuple(dict.fromkeys(metrics)), eight_bit, lpips_range, ssim_edges
        unknown = [name for name in self.metrics if name not in METRICS]
        if unknown or not self.metrics:
            raise InputError(f"metrics: expected some of {', '.join(METRICS)}, found {unknown[0] if unknown else 'none'}")
        if ssim_edges not in SSIM_EDGES:
            raise InputError(f"ssim_edges: expected one of {', '.join(SSIM_EDGES)}, found {ssim_edges!r}")
        lpips = partial(LPIPS, weights=lpips_weights, input_range=lpips_range, device=device)
        self._measures = _PLAIN | {"ssim": (partial(ssim, edges=ssim_edges), SSIM_TAPS)}
        for net, side in SMALLEST_SIDE.items():
            if f"lpips-{net}" in self.metrics:
                self._measures[f"lpips-{net}"] = lpips(net), side

    def __call__(self, a: np.ndarray, b: np.ndarray) -> dict[str, float]:
        """Every metric of the pair, by name; NaN where the images are too small for it.

        Args:
            a, b: float [H, W, 3] of equal shape.

        Raises:
            InputError: the shapes differ.
        """
        if self.eight_bit:
            a, b = eight_bit(a), eight_bit(b)
        scores = {}
        for name in self.metrics:
            measure, side = self._measures[name]
            scores[name] = measure(a, b) if min(a.shape[:2]) >= side else float("nan")
        return scores
