"""A small teacher for the tests of training."""

from __future__ import annotations

import numpy as np

from gscompress.cameras import Camera
from gscompress.encoder import Encoder, Plan
from gscompress.scene import Scene

PLAN = Plan(8, 1, 8, 64, 0.0, 0.003, 0.5, 0.06, 2, 4, True)


def cameras(count: int = 6, width: int = 64, height: int = 48) -> list[Camera]:
    """Around the origin, at a distance of 4, looking at it."""
    out = []
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False):
        c, s = np.cos(angle), np.sin(angle)
        matrix = np.eye(4)
        matrix[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
        matrix[:3, 3] = (0, 0, 4)
        out.append(Camera(matrix, 70.0, 70.0, width / 2, height / 2, width, height, f"{angle:.2f}"))
    return out


def teacher(count: int = 600, degree: int = 1, seed: int = 0) -> Scene:
    """A shell of coloured Gaussians, many of them over each other."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    sh = np.zeros((count, (degree + 1) ** 2, 3))
    sh[:, 0] = np.sin(2.5 * direction) + 0.1 * rng.normal(size=(count, 3))
    sh[:, 1:] = 0.05 * rng.normal(size=(count, (degree + 1) ** 2 - 1, 3))
    return Scene(direction, rng.normal(size=(count, 4)), rng.normal(-2.4, 0.4, (count, 3)), rng.normal(1, 1.5, count), sh)


def open_encoder(scene: Scene) -> Encoder:
    """With six views of it."""
    return Encoder.open(scene, PLAN, cameras(), lambda share: None)
