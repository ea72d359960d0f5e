"""How much every Gaussian matters to a set of views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .._native import core
from ..cameras import Camera
from ..errors import InputError
from ..scene import Scene
from .raster import native_arguments, worker_count

COLUMNS = 6
"""Width of the core's accumulator; see cuda/core/render/raster.hpp for the columns."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """Sums over all pixels of all views; w = alpha * transmittance is a Gaussian's weight in a pixel.

    Attributes:
        weight_sum: float64 [N], sum of w.
        weight_sq: float64 [N], sum of w².
        weight_max: float64 [N], largest w.
        energy: float64 [N], sum over pixels and channels of (alpha dI/dalpha)², which is the squared error that a
            relative change of the Gaussian's alpha makes, per squared change.
        footprint: float64 [N], size of a pixel at the Gaussian in world units, root mean square weighted by energy;
            0 where it is never seen.
        pixels: float64 [N], number of pixels with w > 0.
        pixels_total: pixels of all views together.
        views: number of views.
        images: the views over black, float32 [H, W, 3] each; empty unless they were asked for.
    """

    weight_sum: np.ndarray
    weight_sq: np.ndarray
    weight_max: np.ndarray
    energy: np.ndarray
    footprint: np.ndarray
    pixels: np.ndarray
    pixels_total: int
    views: int
    images: list[np.ndarray] = field(default_factory=list)


def contributions(
    scene: Scene,
    cameras: Sequence[Camera],
    progress: Callable[[int, int], None] | None = None,
    *,
    keep_images: bool = False,
    threads: int | None = None,
) -> Contributions:
    """Renders `scene` from every camera over black and adds up what each Gaussian contributes.

    The sums are the same bits for any number of threads.

    Args:
        scene: any scene.
        cameras: the views; at least one.
        progress: called with (views done, views) after every view.
        keep_images: also return the rendered images.
        threads: worker threads, None for the default.

    Raises:
        InputError: no camera, or an unusable one.
    """
    if not cameras:
        raise InputError("cameras: expected at least one, found none")
    columns = np.zeros((len(scene), COLUMNS))
    images: list[np.ndarray] = []
    for done, camera in enumerate(cameras, start=1):
        image = add_view(scene, camera, columns, threads)
        if keep_images:
            images.append(image)
        if progress is not None:
            progress(done, len(cameras))
    return from_columns(columns, sum(c.width * c.height for c in cameras), len(cameras), images)


def add_view(scene: Scene, camera: Camera, columns: np.ndarray, threads: int | None = None) -> np.ndarray:
    """Adds one view to the accumulator `columns`, float64 [N, 6], and returns its image over black.

    Raises:
        InputError: an unusable camera, or far too many intersections.
    """
    arguments = native_arguments(scene, camera, None)
    image = np.empty((camera.height, camera.width, 3), np.float32)
    try:
        core().contributions(**arguments, image=image, columns=columns, threads=worker_count(threads))
    except ValueError as error:
        raise InputError(f"contributions: {error}") from error
    return image


def from_columns(columns: np.ndarray, pixels_total: int, views: int, images: list[np.ndarray]) -> Contributions:
    """Names the columns of the accumulator, float64 [N, 6]."""
    weight_sum, weight_sq, weight_max, energy, scaled, pixels = np.ascontiguousarray(columns.T)
    seen = (energy > 0) & np.isfinite(scaled)
    footprint = np.sqrt(np.divide(scaled, energy, out=np.zeros_like(scaled), where=seen))
    return Contributions(
        weight_sum, weight_sq, weight_max, energy, footprint, pixels, pixels_total, views, images
    )
