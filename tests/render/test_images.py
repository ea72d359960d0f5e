"""`gscompress.render`: many views, one call. What gsplat makes of them is in test_gsplat."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gscompress
from gscompress.errors import InputError
from gscompress.render import Rendered, render, render_each, render_view
from gscompress.scene import Scene, empty_scene

from .helpers import look_at, random_scene, views


def test_every_camera_in_order():
    scene = random_scene(200, 2, seed=1)
    cameras = [*views(), *views(33, 20), look_at((2, 0, 0), (0, 0, 0), 1, 1, 1.0)]
    told: list[tuple[int, int]] = []
    arguments: dict[str, Any] = {"sh_degree": 1, "background": (0.1, 0.6, 0.3)}
    made = gscompress.render(scene, cameras, backend="cpu", threads=2, progress=lambda *step: told.append(step), **arguments)
    assert isinstance(made, list)
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    for camera, found in zip(cameras, made, strict=True):
        wanted = render_view(scene, camera, **arguments)
        assert isinstance(found, Rendered)
        np.testing.assert_array_equal(found.image, wanted.image)
        np.testing.assert_array_equal(found.alpha, wanted.alpha)
    assert render(scene, []) == []
    assert len(render(scene, tuple(cameras), backend="auto")) == 5
    np.testing.assert_array_equal(render(empty_scene(), cameras[:1], background=(1, 0, 0))[0].image[0, 0], [1, 0, 0])


def test_the_scene_says_whether_it_is_antialiased():
    plain = random_scene(100, 0, seed=2)
    smooth = Scene(plain.means, plain.quats, plain.log_scales, plain.opacity_logits, plain.sh, antialiased=True)
    one, other = (render(s, views()[:1], backend="cpu")[0] for s in (plain, smooth))
    assert other.alpha.sum() < one.alpha.sum()


def test_one_at_a_time():
    scene, cameras = random_scene(50, 0, seed=3), views()
    unusable = look_at((2, 0, 0), (0, 0, 0), 0, 5, 1.0)
    images = render_each(scene, [cameras[0], unusable], backend="cpu")
    assert next(images).image.shape == (45, 61, 3)
    with pytest.raises(InputError, match="Camera"):
        next(images)
    with pytest.raises(InputError, match="backend"):  # at once, not at the first image
        render_each(scene, cameras, backend="metal")  # pyright: ignore[reportArgumentType]


def test_what_is_refused():
    scene, cameras = random_scene(5, 0, seed=0), views()
    with pytest.raises(InputError, match="put it in a list"):
        render(scene, cameras[0])  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="found str"):
        render(scene, ["left"])  # pyright: ignore[reportArgumentType]
    refused: list[dict[str, Any]] = [{"sh_degree": 1}, {"sh_degree": -1}, {"background": (0, 0)}, {"background": "red"}, {"threads": 0}]
    for wrong in refused:
        with pytest.raises(InputError, match=next(iter(wrong))):
            render(scene, cameras, backend="cpu", **wrong)


def test_torch_stays_away(tmp_path: Path):
    """Where gsplat is not installed "auto" does not import torch, which takes seconds."""
    script = """
import sys
sys.modules["gsplat"] = None
import gscompress, numpy
from gscompress.scene import empty_scene
camera = gscompress.Camera(numpy.eye(4), 5, 5, 4, 3, 8, 6)
print(gscompress.render(empty_scene(), [camera])[0].image.shape, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("(6, 8, 3) False\n", "")
