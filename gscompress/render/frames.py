"""Whether cameras belong to a scene: tools that train on photographs move, turn and scale what they are given, and a scene and
its cameras then come in different frames.

Nothing in either file says so, but it shows: cameras that took a scene's photographs see its detail, at least about as well as
made-up ones do, whereas cameras that are elsewhere see little, or a few large Gaussians from within.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..scene import Scene
from .contributions import COLUMNS, add_view
from .views import PREVIEW, RESOLVED, measure_extent, synthesise

GIVEN, MADE_UP = 12, 6
"""At most so many of the given cameras are looked through, and so many others."""

SAMPLE = 50_000
"""So many Gaussians, up to twice as many, are in the previews."""

DETAIL, VARIETY = 0.25, 0.1
"""Cameras that fall below either are taken to be elsewhere. Right ones were never below 0.76 and 0.28 on ten scenes."""

FEW = 4
"""Fewer cameras than this may all be close-ups: they have to see `CLOSE_UP` of `DETAIL` and `VARIETY`."""
CLOSE_UP = 0.2


@dataclass(frozen=True)
class Fit:
    """What given cameras see of a scene, relative to made-up ones; medians over the cameras.

    Attributes:
        detail: Gaussians that fill a quarter of a pixel.
        variety: Gaussians that share an image, counted by how evenly they do.
        distance: of the cameras from the middle of the scene's detail, world units.
        radius: of that detail.
        cameras: how many were given.
    """

    detail: float
    variety: float
    distance: float
    radius: float
    cameras: int

    @property
    def plausible(self) -> bool:
        """Whether the cameras may well belong to the scene."""
        share = CLOSE_UP if self.cameras < FEW else 1.0
        return self.detail >= share * DETAIL and self.variety >= share * VARIETY


def frame_fit(scene: Scene, cameras: Sequence[Camera], threads: int | None = None) -> Fit | None:
    """Compares what cameras see in small previews with what made-up cameras see.

    Args:
        scene: any scene.
        cameras: any; an even choice of `GIVEN` is looked through.
        threads: worker threads of the rasteriser, None for the default; the result does not depend on it.

    Returns:
        None without cameras, or for a scene of which nothing can be seen.

    Raises:
        InputError: an unusable camera.
    """
    if not cameras or not len(scene):
        return None
    step = max(1, len(scene) // SAMPLE)
    sample = scene.select(np.arange(0, len(scene), step)) if step > 1 else scene
    some = [cameras[i] for i in np.linspace(0, len(cameras) - 1, min(GIVEN, len(cameras))).round().astype(int)]
    wanted = np.median([_seen(sample, c, threads) for c in synthesise(sample, MADE_UP, threads=threads)], axis=0)
    if not wanted.min() > 0:
        return None
    detail, variety = np.median([_seen(sample, c, threads) for c in some], axis=0) / wanted
    extent = measure_extent(sample)
    distance = np.median([np.linalg.norm(c.position - extent.centre) for c in cameras])
    return Fit(float(detail), float(variety), float(distance), extent.radius, len(cameras))


def frame_notes(scene: Scene, cameras: Sequence[Camera], threads: int | None = None) -> list[str]:
    """What to tell the user about cameras that seem to be in another frame than the scene; nothing where they do not."""
    fit = frame_fit(scene, cameras, threads)
    if fit is None or fit.plausible:
        return []
    return [
        f"the cameras seem to be in another frame than the scene: they see {min(fit.detail, fit.variety):.1%} of the detail that "
        f"made-up cameras see, from {fit.distance:.3g} away from its middle, while its detail lies within {fit.radius:.3g}. Was one "
        "of them moved, turned or scaled, as nerfstudio does? Then take the cameras that the trainer wrote beside the scene"
    ]


def _seen(scene: Scene, camera: Camera, threads: int | None) -> tuple[int, float]:
    """Gaussians that a preview resolves, and the effective number of those that it is made of."""
    width = min(PREVIEW, camera.width)
    columns = np.zeros((len(scene), COLUMNS))
    add_view(scene, camera.resized(width, max(1, round(camera.height * width / camera.width))), columns, threads)
    area = columns[:, 0]
    return int(np.count_nonzero(area > RESOLVED)), float(area.sum() ** 2 / max(float(area @ area), 1e-30))
