"""Weights of every Gaussian from renders of the scene itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..model.weights import Weights
from ..render.contributions import COLUMNS, add_view, from_columns
from ..scene import Scene


@dataclass(frozen=True, eq=False)
class Measured:
    """A scene as its views see it.

    Attributes:
        weights: per Gaussian, summed over the views.
        views_seen: int64 [N], in how many views each Gaussian is visible.
        cameras: the views.
        images: their renders over black, float32 [H, W, 3] each.
    """

    weights: Weights
    views_seen: np.ndarray
    cameras: tuple[Camera, ...]
    images: tuple[np.ndarray, ...]


def measure(scene: Scene, cameras: Sequence[Camera], progress: Callable[[float], None] = lambda _: None) -> Measured:
    """Renders `scene` from every camera and adds up what errors in each Gaussian would cost.

    Args:
        scene: finite rows only.
        cameras: at least one.
        progress: called with the share done.
    """
    columns = np.zeros((len(scene), COLUMNS))
    views_seen = np.zeros(len(scene), np.int64)
    before = columns[:, 5].copy()
    images = []
    for done, camera in enumerate(cameras, start=1):
        images.append(add_view(scene, camera, columns))
        views_seen += columns[:, 5] > before
        before[:] = columns[:, 5]
        progress(done / len(cameras))
    pixels = sum(c.width * c.height for c in cameras)
    summed = from_columns(columns, pixels, len(cameras), [])
    centre = np.mean([c.position for c in cameras], axis=0)
    weights = Weights(summed.energy, summed.weight_sq, summed.footprint, centre, 3 * pixels)
    return Measured(weights, views_seen, tuple(cameras), tuple(images))
