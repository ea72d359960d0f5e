"""Derivatives of an image of a scene, by the compiled core."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .._native import core
from ..cameras import Camera
from ..errors import InputError
from ..scene import Scene
from .raster import native_arguments, worker_count


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of a scalar by the arrays of a scene; zeros for Gaussians that the view does not see.

    Attributes:
        means: float32 [N, 3], per world unit.
        quats: float32 [N, 4], by the quaternion as it is stored: at right angles to it.
        log_scales: float32 [N, 3].
        opacity_logits: float32 [N].
        sh: float32 [N, K, 3].
        means2d: float32 [N, 2], by the centre in the image, per px: what densification goes by.
    """

    means: np.ndarray
    quats: np.ndarray
    log_scales: np.ndarray
    opacity_logits: np.ndarray
    sh: np.ndarray
    means2d: np.ndarray


def gradients(
    scene: Scene,
    camera: Camera,
    by_image: np.ndarray,
    by_alpha: np.ndarray | None = None,
    *,
    sh_degree: int | None = None,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    threads: int | None = None,
) -> Gradients:
    """The vector-Jacobian product of `render_view`.

    What the rasteriser decides by thresholds (alpha below 1/255, the end of a pixel, colours cut at black, alpha cut at
    0.999) is taken as given, as gsplat does.

    Args:
        scene, camera, sh_degree, background, threads: as for `render_view`; the result is the same bits for any `threads`.
        by_image: float32 [H, W, 3], derivatives of the scalar by the image.
        by_alpha: float32 [H, W], by its alpha; None for zeros.

    Raises:
        InputError: as for `render_view`, or a derivative of another shape.
    """
    arguments, out = native_arguments(scene, camera, sh_degree), _empty(scene)
    alpha = np.zeros((camera.height, camera.width), np.float32) if by_alpha is None else np.ascontiguousarray(by_alpha, np.float32)
    try:
        core().backward(
            **arguments, background=np.ascontiguousarray(background, np.float32),
            by_image=np.ascontiguousarray(by_image, np.float32), by_alpha=alpha, **_outputs(out), threads=worker_count(threads),
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"gradients: {error}") from error
    return out


def squared_error(
    scene: Scene, camera: Camera, wanted: np.ndarray, *, background: tuple[float, float, float] = (0.0, 0.0, 0.0), threads: int | None = None
) -> tuple[float, Gradients]:
    """The sum of squared differences between the scene's image and `wanted`, and its derivatives.

    What `render_view` and `gradients` give, in less time: the image is blended once.

    Args:
        scene, camera, background, threads: as for `gradients`.
        wanted: float32 [H, W, 3].

    Raises:
        InputError: as for `render_view`, or an image of another shape.
    """
    arguments, out = native_arguments(scene, camera, None), _empty(scene)
    try:
        error = core().squared_error(
            **arguments, background=np.ascontiguousarray(background, np.float32), wanted=np.ascontiguousarray(wanted, np.float32),
            **_outputs(out), threads=worker_count(threads),
        )  # fmt: skip
    except ValueError as fault:
        raise InputError(f"squared_error: {fault}") from fault
    return error, out


def _empty(scene: Scene) -> Gradients:
    """For the core to fill."""
    count = len(scene)
    return Gradients(
        np.empty((count, 3), np.float32), np.empty((count, 4), np.float32), np.empty((count, 3), np.float32),
        np.empty(count, np.float32), np.empty(scene.sh.shape, np.float32), np.empty((count, 2), np.float32),
    )  # fmt: skip


def _outputs(out: Gradients) -> dict[str, np.ndarray]:
    """The core's names of them."""
    return {f"by_{field.name}": getattr(out, field.name) for field in fields(out)}
