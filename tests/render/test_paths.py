"""Camera paths: through their keys, rigid, smooth, and around what they should be around."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.cameras import Camera
from gscompress.errors import InputError
from gscompress.render import contributions
from gscompress.render.paths import (
    along,
    common_point,
    common_up,
    interpolated,
    knots,
    matrix,
    orbit,
    orbit_like,
    quaternion,
    reframed,
)
from gscompress.scene import empty_scene

from .helpers import look_at, random_scene


def around(azimuths: list[float], centre: tuple[float, float, float] = (3, -1, 2), radius: float = 4.0, height: float = 1.5) -> list[Camera]:
    """Level cameras (z up) on a circle, angles in degrees, all looking at the centre."""
    angles = np.radians(azimuths)
    x, y, z = centre
    places = [(x + radius * np.cos(a), y + radius * np.sin(a), z + height) for a in angles]
    return [look_at(place, centre, 64, 48, 50.0) for place in places]


def wild(count: int, seed: int) -> list[Camera]:
    """Cameras anywhere, turned any way, of different lenses and sizes."""
    rng = np.random.default_rng(seed)
    out = []
    for number in range(count):
        q = rng.normal(size=4)
        world_to_camera = np.eye(4)
        world_to_camera[:3, :3] = matrix(q / np.linalg.norm(q))
        world_to_camera[:3, 3] = rng.normal(size=3)
        fx, fy = rng.uniform(40, 90, 2).tolist()
        width, height = (64, 48) if number % 2 else (80, 60)
        out.append(Camera(world_to_camera, fx, fy, 30.0, 25.0, width, height, f"{number}"))
    return out


def assert_rigid(cameras: list[Camera]) -> None:
    for camera in cameras:
        rotation = camera.world_to_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        np.testing.assert_array_equal(camera.world_to_camera[3], [0, 0, 0, 1])


def test_quaternions():
    for camera in wild(200, seed=0):
        q = quaternion(camera)
        assert np.linalg.norm(q) == pytest.approx(1)
        np.testing.assert_allclose(matrix(q), camera.world_to_camera[:3, :3], atol=1e-12)


@pytest.mark.parametrize("closed", [False, True])
def test_a_path_goes_through_its_cameras(closed: bool):
    given = wild(6, seed=1)
    keys = [reframed(c, 80, 60) for c in given] + [given[0]] * closed
    at = knots(keys)
    for key, place in zip(keys, at, strict=True):
        found = along(keys, at, place, closed, "")
        np.testing.assert_allclose(found.world_to_camera, key.world_to_camera, atol=1e-9)
        np.testing.assert_allclose([found.fx, found.fy, found.cx, found.cy], [key.fx, key.fy, key.cx, key.cy])
    path = interpolated(given, 50, closed=closed)
    assert_rigid(path)
    assert {(c.width, c.height) for c in path} == {(80, 60)}
    assert len({c.name for c in path}) == len(path) == 50
    np.testing.assert_allclose(path[0].world_to_camera, given[0].world_to_camera, atol=1e-9)
    if not closed:
        np.testing.assert_allclose(path[-1].world_to_camera, keys[-1].world_to_camera, atol=1e-9)


@pytest.mark.parametrize("closed", [False, True])
def test_a_path_is_smooth(closed: bool):
    """Second differences fall with the square of the step, which at a kink they would not: C1 in position and rotation."""
    given = around([0, 50, 80, 150, 170, 250, 300], height=0.5)
    largest = []
    for count in (400, 1600):
        path = interpolated(given, count, closed=closed)
        poses = np.array([np.concatenate([c.position, c.world_to_camera[:3, :3].ravel()]) for c in path])
        if closed:
            poses = np.concatenate([poses, poses[:2]])
        steps = np.abs(np.diff(poses, axis=0)).max(1)
        assert steps.max() < 4 * np.median(steps)
        largest.append(np.abs(np.diff(poses, 2, axis=0)).max())
    assert largest[1] < largest[0] / 8


def test_a_path_on_a_circle_stays_near_it():
    path = interpolated(around([0, 45, 90, 135, 180, 225, 270, 315]), 90, closed=True)
    for camera in path:
        offset = camera.position - np.array([3, -1, 2])
        assert np.linalg.norm(offset[:2]) == pytest.approx(4, rel=0.02)
        assert offset[2] == pytest.approx(1.5)
        assert camera.world_to_camera[2, :3] @ (-offset / np.linalg.norm(offset)) > 0.999


def test_paths_of_few_cameras():
    one, two = around([0]), around([0, 90])
    for closed in (False, True):
        for c in interpolated(one, 3, closed=closed):
            np.testing.assert_allclose(c.world_to_camera, one[0].world_to_camera, atol=1e-12)
        assert_rigid(interpolated(two, 7, closed=closed))
        assert_rigid(interpolated([*two, two[-1], two[-1]], 7, closed=closed))  # a camera that stays where it is
    np.testing.assert_allclose(interpolated(two, 1)[0].position, two[0].position)
    opposite = [two[0], Camera(np.diag([-1.0, 1, -1, 1]) @ two[0].world_to_camera, 50, 50, 32, 24, 64, 48)]
    assert_rigid(interpolated(opposite, 9))


def test_an_orbit_fitted_to_cameras():
    given = around([10, 80, 130, 200, 280, 330])
    np.testing.assert_allclose(common_point(given), [3, -1, 2], atol=1e-9)
    np.testing.assert_allclose(common_up(given), [0, 0, 1], atol=1e-9)
    path = orbit_like(given, 36)
    assert_rigid(path)
    turns = []
    for camera in path:
        offset = camera.position - np.array([3, -1, 2])
        assert np.linalg.norm(offset[:2]) == pytest.approx(4)
        assert offset[2] == pytest.approx(1.5)
        np.testing.assert_allclose(camera.world_to_camera[2, :3], -offset / np.linalg.norm(offset), atol=1e-9)
        assert camera.world_to_camera[0, 2] == pytest.approx(0, abs=1e-9)  # level
        assert camera.world_to_camera[1, 2] < 0  # z is up, y of the image down
        turns.append(np.degrees(np.arctan2(offset[1], offset[0])))
    steps = np.diff(turns, append=turns[0]) % 360
    np.testing.assert_allclose(np.minimum(steps, 360 - steps), 10, atol=1e-6)
    assert (path[0].fx, path[0].width, path[0].height) == (50, 64, 48)


def test_cameras_on_one_side_are_swayed():
    path = orbit_like(around([-40, -10, 0, 25, 50]), 100)
    turns = [np.degrees(np.arctan2(c.position[1] + 1, c.position[0] - 3)) for c in path]
    assert min(turns) == pytest.approx(-40, abs=0.2)
    assert max(turns) == pytest.approx(50, abs=0.2)
    assert np.abs(np.diff(turns, append=turns[0])).max() < 4


def test_up_of_cameras_that_all_look_down():
    """Their mean y leans to the side that they stand on; what they all hold level does not."""
    given = around([0, 30, 60, 90], height=6)
    np.testing.assert_allclose(common_up(given), [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(common_up(given[:1]), -given[0].world_to_camera[1, :3], atol=1e-9)


def test_cameras_without_a_common_point():
    parallel = [look_at((x, 0, 0), (x, 5, 0), 64, 48, 50.0) for x in (0.0, 1.0, 2.0)]
    outwards = [look_at((np.cos(a), np.sin(a), 0), (2 * np.cos(a), 2 * np.sin(a), 0), 64, 48, 50.0) for a in (0.0, 1, 2, 3, 4, 5)]
    for cameras in (parallel, outwards, parallel[:1]):
        with pytest.raises(InputError, match="cameras"):
            orbit_like(cameras, 5)


def test_an_orbit_around_a_scene():
    scene = random_scene(2000, 0, seed=3)
    scene.means[:] += [5, 2, -1]
    path = orbit(scene, 12, width=96, height=54)
    assert_rigid(path)
    assert len({c.name for c in path}) == 12
    distances = [np.linalg.norm(c.position - [5, 2, -1]) for c in path]
    assert 1 < min(distances) <= max(distances) < 6
    assert all(c.position[1] < 2 for c in path)  # from above: -y is up
    assert (contributions(scene, path).weight_sum > 0).mean() > 0.8
    assert_rigid(orbit(empty_scene(), 3))
    lone = scene.select(np.array([0]))
    assert (contributions(lone, orbit(lone, 4, width=96, height=54)).weight_sum > 0).all()
    tall, wide = (orbit(scene, 1, width=w, height=h)[0] for w, h in ((60, 60), (600, 60)))
    assert np.linalg.norm(wide.position - [5, 2, -1]) > np.linalg.norm(tall.position - [5, 2, -1])


def test_reframed_shows_all_of_the_view():
    camera = Camera(np.eye(4), 50, 60, 40, 20, 80, 60)
    wide = reframed(camera, 320, 120)
    assert (wide.fx, wide.fy, wide.cx, wide.cy) == (100, 120, 160, 40)
    assert (wide.width, wide.height) == (320, 120)
    tall = reframed(camera, 40, 120)
    assert (tall.fx, tall.fy, tall.cx, tall.cy) == (25, 30, 20, 55)
    assert reframed(camera, 80, 60).fx == camera.fx


def test_unusable_arguments():
    for call in (lambda: orbit(empty_scene(), 0), lambda: orbit_like(around([0, 90]), 0), lambda: interpolated(around([0]), 0),
                 lambda: interpolated([], 3), lambda: orbit(empty_scene(), 3, width=0)):  # fmt: skip
        with pytest.raises(InputError, match="expected"):
            call()
