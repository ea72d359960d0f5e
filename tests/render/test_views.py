"""Synthesised cameras: repeatable, and looking at what there is."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.cameras import Camera
from gscompress.errors import InputError
from gscompress.render import contributions, synthesise
from gscompress.render.views import fibonacci_sphere, measure_extent, region_centres
from gscompress.scene import Scene, empty_scene

from .helpers import random_scene


def ball(count: int, radius: float, seed: int, hollow: bool = False) -> Scene:
    """Small solid Gaussians in a ball around (3, 1, -2), or on its surface."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    distance = np.full(count, radius) if hollow else radius * rng.random(count) ** (1 / 3)
    return Scene(
        directions * distance[:, None] + [3, 1, -2],
        rng.normal(size=(count, 4)),
        np.full((count, 3), np.log(0.04 * radius)),
        np.full(count, 2.0),
        rng.normal(size=(count, 1, 3)),
    )


def joined(*scenes: Scene) -> Scene:
    """All Gaussians of the scenes, in one."""
    names = ("means", "quats", "log_scales", "opacity_logits", "sh")
    means, quats, log_scales, logits, sh = (np.concatenate([getattr(s, name) for s in scenes]) for name in names)
    return Scene(means, quats, log_scales, logits, sh)


def test_repeatable_for_any_number_of_threads():
    scene = ball(2000, 1.0, seed=1)
    one, other = synthesise(scene, 7, threads=1), synthesise(scene, 7, threads=3)
    assert len(one) == 7
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.world_to_camera, b.world_to_camera)
        assert (a.fx, a.width, a.height, a.name) == (b.fx, 640, 400, b.name)
    assert len({c.name for c in one}) == 7
    assert 2 * np.degrees(np.arctan(320 / one[0].fx)) == pytest.approx(58)


def test_cameras_are_rigid():
    for camera in synthesise(random_scene(500, 0, seed=2), 9, width=64, height=40):
        rotation = camera.world_to_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)


def test_an_object_is_seen_from_around_it():
    scene = ball(1500, 1.0, seed=3, hollow=True)
    scene.means[::100] += 500  # floaters
    extent = measure_extent(scene)
    np.testing.assert_allclose(extent.centre, [3, 1, -2], atol=0.15)
    assert not extent.surrounded
    cameras = synthesise(scene, 12, width=160, height=100)
    distance = [np.linalg.norm(c.position - extent.centre) for c in cameras]
    assert min(distance) > 0.9
    assert max(distance) < 3
    found = contributions(scene, cameras)
    rim = np.linalg.norm(scene.means - extent.centre, axis=1)
    assert (found.weight_sum[rim < 2] > 1).mean() > 0.95


def test_a_room_is_seen_from_within():
    walls = ball(4000, 10.0, seed=4, hollow=True)
    scene = joined(ball(3000, 1.0, seed=5), walls)
    extent = measure_extent(scene)
    assert extent.surrounded
    cameras = synthesise(scene, 32, width=160, height=100)
    for camera in cameras:
        assert 1 < np.linalg.norm(camera.position - extent.centre) < 9
    towards = [float(c.world_to_camera[2, :3] @ (extent.centre - c.position)) for c in cameras]
    assert sum(t < 0 for t in towards) == 4  # one in eight looks outwards
    seen = contributions(scene, cameras).weight_sum[3000:] > 0
    assert seen.mean() > 0.8


@pytest.mark.parametrize("scene", [empty_scene(), ball(1, 1.0, seed=6), ball(2, 1.0, seed=6)])
def test_tiny_scenes(scene: Scene):
    cameras = synthesise(scene, 3, width=64, height=40)
    assert all(np.isfinite(c.world_to_camera).all() for c in cameras)
    if len(scene) == 1:
        assert contributions(scene, cameras).weight_sum[0] > 0


def test_all_values_unusable():
    scene = ball(20, 1.0, seed=7)
    scene.means[:] = np.nan
    assert all(np.isfinite(c.world_to_camera).all() for c in synthesise(scene, 2))


def test_more_cameras_than_candidates_of_one_shell():
    assert len(synthesise(ball(50, 1.0, seed=8), 1, width=32, height=20)) == 1


def test_unusable_arguments():
    for arguments in ({"count": 0}, {"count": 3, "width": 0}, {"count": 3, "height": -1}):
        with pytest.raises(InputError, match="synthesise"):
            synthesise(empty_scene(), **arguments)


def test_fibonacci_sphere_is_even():
    points = fibonacci_sphere(50)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    np.testing.assert_allclose(points.mean(0), 0, atol=0.02)


def test_regions_of_a_long_scene():
    """A path sixty times as long as wide is halved along its length, three times."""
    rng = np.random.default_rng(0)
    n = 4000
    means = rng.uniform([-30, -0.5, -0.5], [30, 0.5, 0.5], (n, 3))
    scene = Scene(means, np.tile([1.0, 0, 0, 0], (n, 1)), np.full((n, 3), np.log(0.1)), np.full(n, 2.0), np.zeros((n, 1, 3)))
    centres = np.array(region_centres(scene))
    np.testing.assert_allclose(np.sort(centres[:, 0]), np.linspace(-26.25, 26.25, 8), atol=1)
    assert np.abs(centres[:, 1:]).max() < 0.2
    assert region_centres(empty_scene()) == []


def test_a_camera_within_a_size():
    camera = Camera(np.eye(4), 5000.0, 4000.0, 2400.0, 1600.0, 4800, 3200, "a")
    small = camera.within(1600)
    assert (small.width, small.height, small.name) == (1600, 1067, "a")
    assert small.fx == pytest.approx(5000 / 3)
    assert small.cy == pytest.approx(1600 * 1067 / 3200)
    assert camera.within(4800) is camera
