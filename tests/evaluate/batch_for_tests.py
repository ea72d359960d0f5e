"""Small data sets laid out as the field's are, for batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from photographs_for_tests import SHAPES, views_of_shapes, write_colmap

from gscompress.cameras import Camera
from gscompress.render import render

WIDTH, HEIGHT = 128, 96
"""px, of the photographs in `images`."""


def photographed(folder: Path, count: int = 16, small: int = 2, noise: float = 0.05) -> list[Camera]:
    """A COLMAP folder of the generated scene: `images` (PNG, noisy, cameras off centre) and `images_<small>`; the cameras by name."""
    from PIL import Image

    scene, cameras = views_of_shapes(count, WIDTH, HEIGHT)
    cameras = [replace(c, cx=c.cx + 3.0, cy=c.cy - 2.0) for c in cameras]
    rng = np.random.default_rng(1)
    for name, factor in (("images", 1), (f"images_{small}", small)):
        (folder / name).mkdir(parents=True)
        sized = [c.resized(WIDTH // factor, HEIGHT // factor) for c in cameras]
        for camera, made in zip(sized, render(scene, sized, backend="cpu"), strict=True):
            values = 255 * (made.image + rng.normal(0, noise, made.image.shape)).clip(0, 1)
            Image.fromarray(np.rint(values).astype(np.uint8)).save(folder / name / camera.name)
    write_colmap(folder, cameras, scene.means, np.full((len(scene), 3), 128, np.uint8))
    return cameras


def with_model(models: Path, name: str) -> Path:
    """The generated scene as a trained one of that name."""
    path = models / name / "point_cloud" / "iteration_30000" / "point_cloud.ply"
    path.parent.mkdir(parents=True)
    path.write_bytes(SHAPES.read_bytes())
    return path
