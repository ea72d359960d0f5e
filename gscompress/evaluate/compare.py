"""Two scenes, seen from the same cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cameras import Camera
from ..errors import InputError, OutputError
from ..render import render
from ..scene import Scene
from .metrics import SSIM_TAPS, mean_psnr, psnr, ssim
from .png import write_png

DEFAULT_VIEWS = 12
"""Views made up for a comparison that is given no cameras."""


@dataclass(frozen=True)
class ViewScore:
    """One view: its camera's name, PSNR in dB (`inf` where equal) and SSIM (NaN for images below 11 px a side)."""

    name: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Comparison:
    """Renders of one scene measured against renders of another.

    Attributes:
        psnr: mean over the views, dB; a view counts as 100 dB at most, `inf` where all views are equal.
        psnr_worst: lowest view, dB.
        ssim: mean over the views.
        views: number of views.
        per_view: each view's scores, in the cameras' order.
    """

    psnr: float
    psnr_worst: float
    ssim: float
    views: int
    per_view: list[ViewScore]


def compare_scenes(
    a: Scene,
    b: Scene,
    cameras: Sequence[Camera],
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    images_dir: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> Comparison:
    """Renders `a` (the reference) and `b` from every camera and measures how alike the images are.

    Args:
        a, b: the scenes, each rendered with its own `antialiased`.
        cameras: at least one.
        background: colour behind both.
        images_dir: folder, made where missing, for one PNG a view: `a`, `b` and ten times their difference side by side.
        progress: called with (views done, views) after every view.
        threads: worker threads of the rasteriser, None for the default.

    Raises:
        InputError: no cameras, or an unusable one.
        OutputError: the folder does not take the images.
    """
    if not cameras:
        raise InputError("cameras: expected at least one, found none")
    scores: list[ViewScore] = []
    for done, camera in enumerate(cameras):
        first, second = (render(s, camera, background=background, threads=threads).image for s in (a, b))
        small = min(camera.width, camera.height) < SSIM_TAPS
        scores.append(ViewScore(camera.name, psnr(first, second), float("nan") if small else ssim(first, second)))
        if images_dir is not None:
            _write(Path(images_dir), f"{done:03d}", first, second)
        if progress is not None:
            progress(done + 1, len(cameras))
    values = [s.psnr for s in scores]
    mean_ssim = float(np.mean([s.ssim for s in scores]))
    return Comparison(mean_psnr(values), min(values), mean_ssim, len(scores), scores)


def side_by_side(a: np.ndarray, b: np.ndarray, gain: float = 10.0) -> np.ndarray:
    """[H, 3 W, 3]: `a`, `b` and `gain` times their absolute difference."""
    return np.concatenate([a, b, gain * np.abs(a - b)], axis=1)


def _write(folder: Path, stem: str, a: np.ndarray, b: np.ndarray) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_png(folder / f"{stem}.png", side_by_side(a, b))
    except OSError as error:
        raise OutputError(f"{folder}: cannot write images: {error}") from error
