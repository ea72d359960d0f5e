"""What the viewer's renderer draws in a browser is what the CPU rasteriser draws. Needs node, Chromium and viewer/node_modules."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from render.helpers import look_at, random_scene

import gscompress
from gscompress.cameras import Camera
from gscompress.render import render_view
from gscompress.scene import Scene

from .browser import ROOT, chromium, missing

BACKGROUND = (0.25, 0.5, 0.75)
ENOUGH = 45.0
"""dB, both rounded to 8 bits."""


def bench_module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / "bench" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def faced(scene: Scene, width: int, height: int) -> Camera:
    """A camera before the middle of the scene."""
    low, high = np.percentile(scene.means, [5, 95], axis=0)
    middle, size = (low + high) / 2, float(np.linalg.norm(high - low))
    eye = tuple(middle + size * np.array([0.3, -0.6, 0.5]))
    return look_at(eye, tuple(middle), width, height, 0.8 * width)


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    shapes = gscompress.load(ROOT / "scenes" / "shapes_sh3.ply")
    return {
        "tile": gscompress.load(ROOT / "scenes" / "tile.ply"),
        "shapes": shapes,
        "soft": replace(shapes, antialiased=True),
        "ball": random_scene(3000, 3, 5),
    }


@pytest.fixture(scope="module")
def views(scenes: dict[str, Scene]) -> dict[str, Camera]:
    inside = look_at((0.3, -0.4, 0.2), (1.0, 0.5, 0.1), 203, 151, 120.0)
    far = faced(scenes["shapes"], 60, 45)  # small enough for the antialiased opacity to matter
    return {"tile": faced(scenes["tile"], 240, 160), "shapes": faced(scenes["shapes"], 200, 150), "soft": far, "ball": inside}


@pytest.fixture(scope="module")
def drawn(scenes: dict[str, Scene], views: dict[str, Camera], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All pictures of this file by name, uint8 [H, W, 3], from one browser; and "report"."""
    reason = missing()
    if reason:
        pytest.skip(f"no browser tests: {reason}")
    viewer = bench_module("viewer_scenes")
    folder = tmp_path_factory.mktemp("viewer")
    for name, scene in scenes.items():
        viewer.write_scene(scene, folder / name)

    def job(name: str, scene: str, second: str | None = None, **more: Any) -> dict[str, Any]:
        return {"name": name, "scene": scene, "scenes": [scene, second], "camera": viewer.plain_camera(views[scene]), **more}

    both = {"scene": "shapes", "second": "soft"}
    jobs = [
        *(job(f"{name}_{bits}", name, options={"precision": bits}) for name in scenes for bits in (16, 32)),
        *(job(f"shapes_degree_{degree}", "shapes", options={"shDegree": degree}) for degree in range(3)),
        job("background", "shapes", options={"background": BACKGROUND}),
        job("budget", "tile", options={"budget": 5000}),
        job("canvas", "tile", by="canvas"),
        job("grown", "tile", by="canvas", grownFrom=9000),
        job("lost", "tile", by="canvas", lost=True),
        job("alone", "tile", by="canvas", alone=True),
        job("left", **both),
        job("right", **both, options={"show": {"kind": "slot", "slot": 1}}),
        job("split", **both, options={"show": {"kind": "split", "x": 77}}, by="canvas"),
        job("difference", **both, options={"show": {"kind": "difference", "gain": 3}}),
    ]
    os.environ["CHROMIUM"] = chromium() or ""
    images, report = viewer.draw(folder, jobs)
    return {**images, "report": report}


def psnr(found: np.ndarray, wanted: np.ndarray) -> float:
    wanted = np.rint(wanted.clip(0, 1) * 255)
    return float(10 * np.log10(255**2 / max(np.mean((found - wanted) ** 2), 1e-12)))


@pytest.mark.parametrize("name", ["tile", "shapes", "soft", "ball"])
@pytest.mark.parametrize("bits", [16, 32])
def test_is_the_rasterisers_picture(drawn, scenes, views, name, bits):
    wanted = render_view(scenes[name], views[name]).image
    assert wanted.std() > 0.05  # there is something to see
    assert psnr(drawn[f"{name}_{bits}"], wanted) > ENOUGH


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_lower_degrees(drawn, scenes, views, degree):
    assert psnr(drawn[f"shapes_degree_{degree}"], render_view(scenes["shapes"], views["shapes"], sh_degree=degree).image) > ENOUGH


def test_antialiasing_matters_here(scenes, views):
    plain, soft = (render_view(scenes[name], views["soft"]).image for name in ("shapes", "soft"))
    assert np.abs(plain - soft).max() > 0.05


def test_background(drawn, scenes, views):
    assert psnr(drawn["background"], render_view(scenes["shapes"], views["shapes"], background=BACKGROUND).image) > ENOUGH


def test_budget_keeps_what_matters(drawn, scenes, views):
    scene, view = scenes["tile"], views["tile"]
    whole = render_view(scene, view).image
    first = np.rint(render_view(scene.select(np.arange(5000)), view).image.clip(0, 1) * 255)
    assert psnr(first, whole) + 3 < psnr(drawn["budget"], whole) < ENOUGH


@pytest.mark.parametrize("name", ["canvas", "grown", "lost", "alone"])
def test_canvas(drawn, name):
    assert np.abs(drawn[name].astype(int) - drawn["tile_32"]).max() <= 1


def test_two_slots(drawn):
    left, right = drawn["left"].astype(int), drawn["right"].astype(int)
    assert np.abs(left - right).max() > 8
    np.testing.assert_array_equal(drawn["split"], np.where(np.arange(left.shape[1])[:, None] < 77, left, right))
    assert np.abs(drawn["difference"] - np.minimum(255, 3 * np.abs(left - right))).max() <= 3
    decibels = 10 * np.log10(255**2 / np.mean((left - right) ** 2))
    assert drawn["report"]["psnr"]["left"] == pytest.approx(decibels)
