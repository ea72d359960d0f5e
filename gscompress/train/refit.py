"""Colours and opacities that make up for what pruning and quantisation of the geometry did to the images.

With the geometry fixed an image is linear in the constant colours, so fitting them to the original's renders is a least
squares problem. It is solved by simultaneous iterative reconstruction (every splat moves by the weighted mean of the
error it sees, which can not overshoot) with Nesterov's momentum. Opacities take small Gauss-Newton steps along the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .._native import core, threads
from ..cameras import Camera
from ..render.raster import native_arguments
from ..scene import SH_C0, Scene

PULL_COLUMNS = 6
OPACITY_DAMPING = 40.0
"""Overlapping splats answer to the same error: each takes this fraction of its own Gauss-Newton step."""
OPACITY_STEP = 0.1
"""Largest change of ln opacity in one iteration."""
OPACITY_RANGE = (1e-3, 0.9995)
HOLD = 1.0
"""Weight, in pixels at full opacity, with which a colour is held where it was."""


def pull(
    scene: Scene, cameras: Sequence[Camera], images: Sequence[np.ndarray], importance: Sequence[float]
) -> tuple[np.ndarray, float]:
    """What the errors of `scene` against `images` ask of every Gaussian, and the sum of squared errors.

    Returns:
        float64 [N, 6]: sums over pixels of w e (3 channels), w, e (alpha dI/dalpha), (alpha dI/dalpha)^2, with e the
        error and w the blending weight.
    """
    columns = np.zeros((len(scene), PULL_COLUMNS))
    squares = 0.0
    for camera, image, weight in zip(cameras, images, importance, strict=True):
        view = columns if weight == 1 else np.zeros_like(columns)  # the core adds to it; a second one is a lot of memory
        squares += weight * core().pull(**native_arguments(scene, camera, None), wanted=image, columns=view, threads=threads())
        if view is not columns:
            columns += weight * view
    return columns, squares


def refit(
    scene: Scene,
    cameras: Sequence[Camera],
    images: Sequence[np.ndarray],
    importance: Sequence[float],
    iterations: int,
    progress: Callable[[float], None] = lambda _: None,
) -> Scene:
    """`scene` with constant colours and opacities fitted to `images`.

    Takes `scene` over: its colours change in place, for a copy of the harmonics is the largest array there is.

    Args:
        scene: as decoded, geometry quantised; its colours and opacities are where the fit starts.
        cameras, images, importance: what it should look like, and how much each view counts.
        iterations: 4 bring most of it.
        progress: called with the share done.
    """
    if iterations == 0 or len(scene) == 0:
        return scene
    sh = scene.sh
    color = sh[:, 0].astype(np.float64)
    look, momentum = color.copy(), 1.0
    low, high = np.log(OPACITY_RANGE)
    log_opacities = np.clip(-np.log1p(np.exp(-scene.opacity_logits.astype(np.float64))), low, high)
    best_squares, fits_opacity = np.inf, True
    for i in range(iterations):
        sh[:, 0] = look
        now = Scene(scene.means, scene.quats, scene.log_scales, logits(log_opacities), sh, scene.antialiased)
        columns, squares = pull(now, cameras, images, importance)
        if squares > best_squares:  # overshot: colours alone can not, so leave the opacities
            fits_opacity, momentum = False, 1.0
        best_squares = min(best_squares, squares)
        moved = look + columns[:, :3] / (columns[:, 3:4] + HOLD) / SH_C0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        look = moved + (momentum - 1) / following * (moved - color)
        color, momentum = moved, following
        if fits_opacity:
            step = columns[:, 4] / (OPACITY_DAMPING * columns[:, 5] + 1e-3)
            log_opacities = np.clip(log_opacities + np.clip(step, -OPACITY_STEP, OPACITY_STEP), low, high)
        progress((i + 1) / iterations)
    sh[:, 0] = color
    return Scene(scene.means, scene.quats, scene.log_scales, logits(log_opacities), sh, scene.antialiased)


def logits(log_opacities: np.ndarray) -> np.ndarray:
    """ln(o / (1 - o)) of ln o < 0."""
    return log_opacities - np.log(-np.expm1(log_opacities))
