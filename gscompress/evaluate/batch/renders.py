"""Images of a scene from the test views, kept as long as they are small, and how fast they came."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from ...cameras import Camera
from ...render.images import Backend, render_each
from ...scene import Scene
from ...train.photographs import Color

KEPT_BYTES = 1 << 30
"""Of images at most; more are made again whenever they are asked for."""


class Renders:
    """Iterating gives float32 [H, W, 3] a camera, in order.

    Attributes:
        seconds, frames: how long rendering took so far, for how many images.
    """

    def __init__(self, scene: Scene, cameras: Sequence[Camera], backend: Backend, background: Color, keep: bool = False):
        self._scene, self._cameras, self._background = scene, cameras, background
        self._backend: Backend = backend
        self._keep = keep and sum(12 * c.width * c.height for c in cameras) <= KEPT_BYTES
        self._kept: list[np.ndarray] = []
        self.seconds, self.frames = 0.0, 0

    @property
    def fps(self) -> float | None:
        """Frames a second; None before there was any."""
        return self.frames / self.seconds if self.seconds > 0 else None

    def __iter__(self) -> Iterator[np.ndarray]:
        if len(self._kept) == len(self._cameras):
            yield from self._kept
            return
        self._kept.clear()
        images = render_each(self._scene, self._cameras, backend=self._backend, background=self._background)
        for _ in self._cameras:
            start = time.perf_counter()
            image = next(images).image
            self.seconds += time.perf_counter() - start
            self.frames += 1
            if self._keep:
                self._kept.append(image)
            yield image
