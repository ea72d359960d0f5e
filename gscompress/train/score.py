"""How well a scene shows what photographs show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..evaluate.metrics import mean_psnr
from ..evaluate.scores import Scorer
from ..render.images import Backend, render_each
from ..scene import Scene
from .photographs import Color, Photograph


@dataclass(frozen=True)
class PhotoScores:
    """Renders measured against photographs: means over the views, the lowest PSNR, and each view's (dB), in order."""

    psnr: float
    psnr_worst: float
    ssim: float
    views: int
    per_view: tuple[float, ...]


def score(
    scene: Scene,
    photographs: Sequence[Photograph],
    background: Color,
    backend: Backend = "auto",
    progress: Callable[[float], None] = lambda share: None,
) -> PhotoScores:
    """Renders `scene` from the camera of every photograph, clamps to [0, 1], and compares; nothing is rounded to 8 bits.

    Raises:
        InputError: no photographs.
    """
    if not photographs:
        raise InputError("photographs: expected at least one, found none")
    scorer, found = Scorer(), []
    images = render_each(scene, [p.camera for p in photographs], backend=backend, background=background)
    for photograph, made in zip(photographs, images, strict=True):
        found.append(scorer(made.image, photograph.image.astype(np.float32) / 255))
        progress(len(found) / len(photographs))
    values = [float(f["psnr"]) for f in found]
    return PhotoScores(mean_psnr(values), min(values), float(np.mean([f["ssim"] for f in found])), len(found), tuple(values))
