"""Scenes that a trainer would not write: the result is close, or the refusal says what is wrong; nothing collapses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes_for_tests import random_scene

from gscompress import codec
from gscompress.cameras import Camera
from gscompress.config import CompressOptions
from gscompress.encoder import Encoder, plan
from gscompress.errors import Corrupt, InputError
from gscompress.evaluate.compare import compare_scenes
from gscompress.io.camera_files import read_cameras
from gscompress.render import render_view, synthesise
from gscompress.scene import Scene

FAST = CompressOptions(quality=40, effort="fast")


def score(scene: Scene) -> float:
    made = codec.compress(scene, FAST)
    return compare_scenes(scene, codec.decompress(made), synthesise(scene, 6, width=192, height=120)).psnr


def test_fog_does_not_collapse():
    """Many faint splats over each other: each alone is worth nothing."""
    rng = np.random.default_rng(0)
    n = 4000
    fog = Scene(
        rng.normal(0, 1, (n, 3)), np.tile([1.0, 0, 0, 0], (n, 1)), np.full((n, 3), -1.0), np.full(n, -5.0), rng.normal(1, 0.3, (n, 1, 3))
    )
    assert score(fog) > 35


def test_identical_splats_do_not_vanish():
    one = random_scene(1, 0, 3)
    many = one.select(np.zeros(500, np.int64))
    assert len(codec.decompress(codec.compress(many, FAST))) >= 2


@pytest.mark.parametrize("length", [1e-30, 1e30])
def test_quaternions_of_any_length_render_alike(length):
    scene = random_scene(300, 1, 5)
    unit = Scene(scene.means, scene.quats / np.linalg.norm(scene.quats, axis=1, keepdims=True), scene.log_scales, scene.opacity_logits, scene.sh)
    odd = Scene(unit.means, unit.quats * length, unit.log_scales, unit.opacity_logits, unit.sh)
    view = synthesise(unit, 1, width=96, height=60)[0]
    np.testing.assert_allclose(render_view(odd, view).image, render_view(unit, view).image, atol=1e-3)


@pytest.mark.parametrize(("name", "value"), [("means", 2e30), ("sh", 1e4)])
def test_what_the_format_can_not_hold_is_refused(name, value):
    scene = random_scene(20, 1, 6)
    arrays = {a: getattr(scene, a).copy() for a in ("means", "quats", "log_scales", "opacity_logits", "sh")}
    arrays[name][3] = value
    with pytest.raises(InputError, match=rf"scene\.{name}: expected values within .* found 1"):
        codec.compress(Scene(**arrays), FAST)


def test_a_draft_that_does_not_decode():
    scene = random_scene(20, 0, 6)
    encoder = Encoder.open(scene, plan("fast", 20), None, lambda share: None)
    file = encoder.encode(encoder.slope(40), 0, lambda share: None)
    file.sections[0] = replace(file.sections[0], payload=b"\xff" * 40)
    with pytest.raises(Corrupt, match="encoded"):
        file.decode()


def test_cameras_that_see_nothing_are_refused(tmp_path):
    away = np.eye(4)
    away[2, 3] = -1e6
    with pytest.raises(InputError, match="expected one that sees the scene"):
        codec.compress(random_scene(50, 0, 7), FAST, [Camera(away, 50.0, 50.0, 32.0, 32.0, 64, 64)])
    empty = tmp_path / "cameras.json"
    empty.write_text("[]")
    with pytest.raises(Corrupt, match="at least one camera"):
        read_cameras(empty)


def test_invisible_scenes_lose_nothing():
    scene = random_scene(40, 0, 8)
    hidden = Scene(scene.means, scene.quats, scene.log_scales, np.full(40, -30.0), scene.sh)
    assert len(codec.decompress(codec.compress(hidden, FAST))) == 40
