"""One image of a scene, by the compiled core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._native import core
from .._native import threads as default_threads
from ..cameras import Camera
from ..errors import InputError
from ..scene import Scene

MAX_SIDE = 32768
"""Largest width or height of an image, px."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """One image.

    Attributes:
        image: float32 [H, W, 3], background included, not clamped to 1.
        alpha: float32 [H, W], 1 - final transmittance, 0 to 1.
    """

    image: np.ndarray
    alpha: np.ndarray


def render_view(
    scene: Scene,
    camera: Camera,
    *,
    sh_degree: int | None = None,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    threads: int | None = None,
) -> Rendered:
    """Renders `scene` on the CPU, as gsplat does.

    Gaussians with a zero quaternion, or with values of which no finite image can be made, are left out.

    Args:
        scene: any scene, also an empty one.
        camera: the view.
        sh_degree: highest band of harmonics used; None for all that the scene has.
        background: colour behind everything.
        threads: worker threads, None for the default; the image is the same bits for any number.

    Raises:
        InputError: an unusable camera, degree or background, or far too many intersections.
    """
    arguments = native_arguments(scene, camera, sh_degree)
    image = np.empty((camera.height, camera.width, 3), np.float32)
    alpha = np.empty((camera.height, camera.width), np.float32)
    behind = checked_background(background)
    try:
        core().render(
            **arguments, background=behind, image=image, alpha=alpha, threads=worker_count(threads)
        )
    except ValueError as error:
        raise InputError(f"render_view: {error}") from error
    return Rendered(image, alpha)


def checked_background(background: tuple[float, float, float]) -> np.ndarray:
    """float32 [3].

    Raises:
        InputError: other than 3 finite numbers.
    """
    try:
        behind = np.ascontiguousarray(background, np.float32)
    except (TypeError, ValueError):
        behind = np.empty(0)
    if behind.shape != (3,) or not np.isfinite(behind).all():
        raise InputError(f"background: expected 3 finite numbers, found {background!r}")
    return behind


def worker_count(threads: int | None) -> int:
    """`threads` checked, or the default."""
    if threads is None:
        return default_threads()
    if threads < 1:
        raise InputError(f"threads: expected 1 or more, found {threads}")
    return threads


def native_arguments(scene: Scene, camera: Camera, sh_degree: int | None) -> dict[str, Any]:
    """What both entry points of the core take, checked.

    Raises:
        InputError: an unusable camera or degree.
    """
    degree = scene.sh_degree if sh_degree is None else sh_degree
    if not 0 <= degree <= scene.sh_degree:
        raise InputError(f"sh_degree: expected 0 to {scene.sh_degree}, found {degree}")
    if not (1 <= camera.width <= MAX_SIDE and 1 <= camera.height <= MAX_SIDE):
        raise InputError(f"Camera: expected a size of 1 to {MAX_SIDE} px a side, found {camera.width} x {camera.height}")
    intrinsics = np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float64)
    if not np.isfinite(intrinsics).all() or camera.fx <= 0 or camera.fy <= 0:
        raise InputError(f"Camera: expected finite intrinsics and positive focal lengths, found {intrinsics.tolist()}")
    matrix = np.ascontiguousarray(camera.world_to_camera, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError("Camera.world_to_camera: expected a finite [4, 4] matrix")
    return {
        "means": scene.means,
        "quats": scene.quats,
        "log_scales": scene.log_scales,
        "opacity_logits": scene.opacity_logits,
        "sh": scene.sh,
        "world_to_camera": matrix,
        "intrinsics": intrinsics,
        "width": camera.width,
        "height": camera.height,
        "sh_degree": degree,
        "antialiased": scene.antialiased,
    }
