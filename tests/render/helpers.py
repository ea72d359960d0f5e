"""Small random scenes and cameras for the tests of the rasteriser."""

from __future__ import annotations

import numpy as np

from gscompress.cameras import Camera
from gscompress.scene import SH_COEFFICIENTS, Scene


def look_at(position: tuple[float, float, float], target: tuple[float, float, float], width: int, height: int, focal: float) -> Camera:
    """A camera at `position` that has `target` in its middle, z up."""
    eye = np.asarray(position, float)
    forward = np.asarray(target, float) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    matrix[:3, 3] = -matrix[:3, :3] @ eye
    return Camera(matrix, focal, 1.07 * focal, 0.48 * width, 0.53 * height, width, height)


def random_scene(count: int, sh_degree: int, seed: int, antialiased: bool = False) -> Scene:
    """Gaussians in a ball of radius 1 around the origin, thin and thick, faint and solid."""
    rng = np.random.default_rng(seed)
    sh = rng.normal(0, 0.3, (count, SH_COEFFICIENTS[sh_degree], 3))
    sh[:, 0] = rng.normal(0.5, 1, (count, 3))
    return Scene(
        rng.normal(0, 0.5, (count, 3)),
        rng.normal(0, 1, (count, 4)),
        rng.normal(-2.8, 0.7, (count, 3)),
        rng.normal(0.5, 2, count),
        sh,
        antialiased,
    )


def views(width: int = 61, height: int = 45) -> list[Camera]:
    """One view from outside, one from within."""
    return [
        look_at((2.2, 1.1, 0.7), (0, 0, 0), width, height, 0.9 * width),
        look_at((0.1, -0.4, 0.1), (1, 0.3, 0), width, height, 0.5 * width),
    ]
