"""What a student should look like: its teacher's renders, or photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..cameras import Camera
from ..draft import Encoded
from ..encoder import EXTRA_IMPORTANCE, JUDGES, Encoder, spread
from ..evaluate.metrics import mean_psnr, psnr
from ..render import render_view
from ..scene import Scene
from .photographs import BLACK, Color, Photographs


@dataclass(frozen=True, eq=False)
class Targets:
    """Images that a student should give.

    Attributes:
        cameras: the views, of any sizes.
        images: [H, W, 3] each, float32, or uint8 in 1/255.
        importance: how much each view's squared error counts.
        background: colour behind the student's renders.
        samples: what squared errors are scaled to: as if the views had so many pixels times channels in all.
        psnr_of: a scene's PSNR against the images that count, dB.
        photographs: whether these are photographs, which no file shows without error.
    """

    cameras: tuple[Camera, ...]
    images: tuple[np.ndarray, ...]
    importance: tuple[float, ...]
    background: Color
    samples: float
    psnr_of: Callable[[Scene], float]
    photographs: bool

    def judge(self, file: Encoded) -> Encoded:
        """`file` with its PSNR."""
        return replace(file, psnr=self.psnr_of(file.decode()))


def renders(encoder: Encoder) -> Targets:
    """The teacher's own renders."""
    m = encoder.measured
    return Targets(m.cameras, m.images, m.importance, BLACK, encoder.weights.samples, encoder.psnr_of, False)


def photographed(encoder: Encoder, photographs: Photographs) -> Targets:
    """The photographs to learn from, all of them, and the teacher's renders where none was taken.

    Args:
        encoder: the teacher's, opened with the cameras of the photographs.
        photographs: those to test with are not looked at.
    """
    m, background = encoder.measured, photographs.background
    extra = [camera for camera, weight in zip(m.cameras, m.importance, strict=True) if weight == EXTRA_IMPORTANCE]
    made = [render_view(encoder.teacher, camera, background=background).image for camera in extra]
    few = spread(list(photographs.train), JUDGES)

    def psnr_of(scene: Scene) -> float:
        shown = (render_view(scene, p.camera, background=background).image.clip(0, 1) for p in few)
        return mean_psnr([psnr(image, p.image.astype(np.float32) / 255) for image, p in zip(shown, few, strict=True)])

    return Targets(
        (*(p.camera for p in photographs.train), *extra), (*(p.image for p in photographs.train), *made),
        (1.0,) * len(photographs.train) + (EXTRA_IMPORTANCE,) * len(extra), background, encoder.weights.samples, psnr_of, True,
    )  # fmt: skip
