"""Pinhole cameras, in the OpenCV convention (x right, y down, z forward) of COLMAP and gsplat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Camera:
    """One view.

    Attributes:
        world_to_camera: float64 [4, 4]; gsplat's `viewmats` entry.
        fx, fy, cx, cy: intrinsics in pixels; gsplat's `Ks` entry.
        width, height: image size in pixels.
        name: the image's name, or a made-up one.
    """

    world_to_camera: np.ndarray
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    name: str = ""

    @property
    def position(self) -> np.ndarray:
        """float64 [3]: the camera's centre in world units."""
        r, t = self.world_to_camera[:3, :3], self.world_to_camera[:3, 3]
        return -r.T @ t

    def resized(self, width: int, height: int) -> Camera:
        """The same view at another image size (intrinsics scaled per axis)."""
        sx, sy = width / self.width, height / self.height
        return Camera(self.world_to_camera, self.fx * sx, self.fy * sy, self.cx * sx, self.cy * sy, width, height, self.name)

    def within(self, side: int) -> Camera:
        """The same view with no side of the image above `side` px, and of the same proportions."""
        longest = max(self.width, self.height)
        if longest <= side:
            return self
        return self.resized(*(max(1, round(length * side / longest)) for length in (self.width, self.height)))


def thinned(cameras: Sequence[Camera], count: int) -> list[Camera]:
    """At most `count` of them, evenly spread."""
    count = min(count, len(cameras))
    return [cameras[i * len(cameras) // count] for i in range(count)]
