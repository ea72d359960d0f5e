"""Two scenes, seen from the same cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..cameras import Camera
from ..errors import InputError, OutputError
from ..render.images import Backend, render_each
from ..scene import Scene
from .metrics import mean_psnr
from .png import write_png
from .scores import Scorer

DEFAULT_VIEWS = 12
"""Views made up for a comparison that is given no cameras."""
NAN = float("nan")


@dataclass(frozen=True)
class ViewScore:
    """One view: its camera's name, PSNR in dB (`inf` where equal), SSIM, and what else was asked for by its name in METRICS.

    NaN stands for what was not asked for, and where the images are too small for a metric.
    """

    name: str
    psnr: float
    ssim: float
    others: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Renders of one scene measured against renders of another.

    Attributes:
        psnr: mean over the views, dB; a view counts as 100 dB at most, `inf` where all views are equal.
        psnr_worst: lowest view, dB.
        ssim: mean over the views.
        views: number of views.
        per_view: each view's scores, in the cameras' order.
        others: means of the other metrics that were asked for, by their names in METRICS.
    """

    psnr: float
    psnr_worst: float
    ssim: float
    views: int
    per_view: list[ViewScore]
    others: dict[str, float] = field(default_factory=dict)


def compare_scenes(
    a: Scene,
    b: Scene,
    cameras: Sequence[Camera],
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    images_dir: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    scorer: Scorer | None = None,
    backend: Backend = "cpu",
) -> Comparison:
    """Renders `a` (the reference) and `b` from every camera and measures how alike the images are.

    Args:
        a, b: the scenes, each rendered with its own `antialiased`.
        cameras: at least one.
        background: colour behind both.
        images_dir: folder, made where missing, for one PNG a view: `a`, `b` and ten times their difference side by side.
        progress: called with (views done, views) after every view.
        threads: worker threads of the rasteriser, None for the default.
        scorer: what to measure; None for PSNR and SSIM of the float images.
        backend: see `render`. Figures of "cpu" are the same on every machine.

    Raises:
        InputError: no cameras, an unusable one, or an unusable backend.
        MissingExtra: the backend's packages are not installed.
        OutputError: the folder does not take the images.
    """
    if not cameras:
        raise InputError("cameras: expected at least one, found none")
    scorer = scorer or Scorer()
    scores: list[ViewScore] = []
    pair = [render_each(s, cameras, backend=backend, background=background, threads=threads) for s in (a, b)]
    for done, (camera, first, second) in enumerate(zip(cameras, *((view.image for view in views) for views in pair), strict=True)):
        found = scorer(first, second)
        scores.append(ViewScore(camera.name, found.pop("psnr", NAN), found.pop("ssim", NAN), found))
        if images_dir is not None:
            _write(Path(images_dir), f"{done:03d}", first, second)
        if progress is not None:
            progress(done + 1, len(cameras))
    values = [s.psnr for s in scores]
    mean_ssim = float(np.mean([s.ssim for s in scores]))
    others = {name: float(np.mean([s.others[name] for s in scores])) for name in scores[0].others}
    return Comparison(mean_psnr(values), min(values), mean_ssim, len(scores), scores, others)


def side_by_side(a: np.ndarray, b: np.ndarray, gain: float = 10.0) -> np.ndarray:
    """[H, 3 W, 3]: `a`, `b` and `gain` times their absolute difference."""
    return np.concatenate([a, b, gain * np.abs(a - b)], axis=1)


def _write(folder: Path, stem: str, a: np.ndarray, b: np.ndarray) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_png(folder / f"{stem}.png", side_by_side(a, b))
    except OSError as error:
        raise OutputError(f"{folder}: cannot write images: {error}") from error
