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
        views: number of views, each counted with its importance.
        views_seen: float64 [N], the same of those in which each Gaussian is visible.
        cameras: the views.
        importance: how much each view counts.
        images: their renders over black, float32 [H, W, 3] each.
    """

    weights: Weights
    views: float
    views_seen: np.ndarray
    cameras: tuple[Camera, ...]
    importance: tuple[float, ...]
    images: tuple[np.ndarray, ...]


def measure(
    scene: Scene,
    cameras: Sequence[Camera],
    importance: Sequence[float],
    progress: Callable[[float], None] = lambda _: None,
) -> Measured:
    """Renders `scene` from every camera and adds up what errors in each Gaussian would cost.

    Args:
        scene: finite rows only.
        cameras: at least one.
        importance: of each camera.
        progress: called with the share done.
    """
    columns = np.zeros((len(scene), COLUMNS))
    views_seen = np.zeros(len(scene))
    images = []
    for done, (camera, weight) in enumerate(zip(cameras, importance, strict=True), start=1):
        view = np.zeros_like(columns)
        images.append(add_view(scene, camera, view))
        columns += weight * view
        views_seen += weight * (view[:, 5] > 0)
        progress(done / len(cameras))
    energy = sum(weight * float(np.square(i, dtype=np.float64).sum()) for i, weight in zip(images, importance, strict=True))
    samples = sum(3 * weight * c.width * c.height for c, weight in zip(cameras, importance, strict=True))
    summed = from_columns(columns, 0, len(cameras), [])
    centre = np.average([c.position for c in cameras], axis=0, weights=importance)
    weights = Weights(summed.energy, summed.weight_sq, summed.footprint, centre, samples, energy)
    return Measured(weights, float(sum(importance)), views_seen, tuple(cameras), tuple(importance), tuple(images))
