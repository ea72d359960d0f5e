"""Cameras on a smooth path: around a scene, around what given cameras look at, or through given cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from ..cameras import Camera
from ..errors import InputError
from ..scene import Scene
from .views import EXTENT_SAMPLE, FIELD_OF_VIEW, measure_extent, shells_for, weighted_quantile

ELEVATION = 20.0
"""Of an orbit around a scene, degrees above its middle."""

MOST = 0.95
"""An orbit around a scene is as far away as shows this share of its opacity."""

PARALLEL = 0.02
"""Cameras look at no common point where the smallest eigenvalue of their axes' mean projector is below this: about 8 degrees."""

ARC = 180.0
"""Cameras that leave a gap this wide, in degrees, are not orbited but swayed along the arc that they are on."""


def orbit(scene: Scene, count: int, *, width: int = 960, height: int = 540) -> list[Camera]:
    """Cameras on a level circle around the part of a scene that has the detail, from a little above; -y is up.

    Args:
        scene: any scene; without a visible Gaussian the circle is about the origin.
        count: how many; one circle, whose end meets its start.
        width, height: image size in px; the horizontal field of view is 58 degrees.

    Raises:
        InputError: a count or a size below 1.
    """
    _check_count(count)
    if width < 1 or height < 1:
        raise InputError(f"orbit: expected a size of 1 or more, found {width} x {height}")
    up, rise = np.array([0.0, -1.0, 0.0]), np.radians(ELEVATION)
    extent = measure_extent(scene)
    focal = 0.5 * width / np.tan(0.5 * np.radians(FIELD_OF_VIEW))
    if extent.surrounded:
        distance = shells_for(extent)[1].radius
    else:
        # A lone Gaussian has no spread of centres, but a size.
        around, above = np.maximum(_reach(scene, extent.centre, up), 0.5 * extent.radius)
        tall = above * np.cos(rise) + around * np.sin(rise)
        distance = 1.05 * focal * max(around / (0.5 * width), tall / (0.5 * height)) + 0.5 * around
    lens = Camera(np.eye(4), focal, focal, width / 2, height / 2, width, height)
    angles = 2 * np.pi * np.arange(count) / count
    return _circle(lens, extent.centre, up, distance * np.cos(rise), distance * np.sin(rise), np.array([0.0, 0.0, -1.0]), angles)


def orbit_like(cameras: Sequence[Camera], count: int) -> list[Camera]:
    """Cameras on a level circle fitted to given ones: the point they look at, their up, distance and height.

    Cameras that stand on one side only are followed there and back, along the arc that they are on. Size and lens are the
    first camera's.

    Args:
        cameras: at least two.
        count: how many; the path's end meets its start.

    Raises:
        InputError: a count below 1, or cameras that look at no common point in front of them.
    """
    _check_count(count)
    centre, up = common_point(cameras), common_up(cameras)
    offsets = np.array([c.position for c in cameras]) - centre
    heights = offsets @ up
    level = offsets - heights[:, None] * up
    reach = np.linalg.norm(level, axis=1)
    ahead = level[np.argmax(reach)]
    if not reach.max() > 1e-9 * np.abs(offsets).max():
        raise InputError("cameras: expected some beside the point they look at, found all above it")
    ahead = ahead / np.linalg.norm(ahead)
    azimuth = np.sort(np.arctan2(level @ np.cross(up, ahead), level @ ahead))
    gaps = np.diff(azimuth, append=azimuth[0] + 2 * np.pi)
    widest = int(np.argmax(gaps))
    steps = np.arange(count) / count
    if gaps[widest] < np.radians(ARC):
        angles = 2 * np.pi * steps
    else:
        half = np.pi - gaps[widest] / 2
        angles = azimuth[widest] + gaps[widest] + half * (1 + np.sin(2 * np.pi * steps))
    return _circle(cameras[0], centre, up, float(np.median(reach)), float(np.median(heights)), ahead, angles)


def interpolated(cameras: Sequence[Camera], count: int, *, closed: bool = False) -> list[Camera]:
    """Cameras on a smooth path through given ones, at even steps of what changes from one to the next.

    Positions and lenses follow a Catmull-Rom spline, rotations the same on the sphere of quaternions, so that neither
    jumps nor has a kink. All have the first camera's size; see `reframed`.

    Args:
        cameras: at least one, in the order of the path.
        count: how many; the first is the first camera, and unless `closed` the last is the last.
        closed: go on to the first camera again.

    Raises:
        InputError: no camera, or a count below 1.
    """
    _check_count(count)
    if not cameras:
        raise InputError("cameras: expected at least one, found none")
    keys = [reframed(c, cameras[0].width, cameras[0].height) for c in cameras]
    if closed and len(keys) > 1:
        keys.append(keys[0])
    at = knots(keys)
    places = np.linspace(0, at[-1], count + 1)[:-1] if closed else np.linspace(0, at[-1], count)
    return [along(keys, at, place, closed, f"frame_{number:04d}") for number, place in enumerate(places)]


def knots(keys: Sequence[Camera]) -> np.ndarray:
    """float64 [K]: where on a path each camera is, from 0; steps grow with distance and turn, each by its mean."""
    moved = [float(np.linalg.norm(b.position - a.position)) for a, b in pairwise(keys)]
    turned = [_angle(quaternion(a), quaternion(b)) for a, b in pairwise(keys)]
    steps = np.zeros(len(moved))
    for change in (moved, turned):
        steps += np.divide(change, np.mean(change)) if sum(change) > 1e-9 else 0
    return np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-3))])


def along(keys: Sequence[Camera], at: np.ndarray, place: float, closed: bool, name: str) -> Camera:
    """The camera at `place` of the path through `keys` whose `knots` are `at`."""
    if len(keys) == 1:
        return _placed(keys[0], keys[0].position, keys[0].world_to_camera[:3, :3], name)
    last = len(keys) - 1
    segment = min(int(np.searchsorted(at, place, side="right")) - 1, last - 1)
    # One key before the segment and one behind it; past the ends of an open path its first and last step is mirrored.
    positions, rotations, lenses, times = [], [], [], []
    for number in range(segment - 1, segment + 3):
        turns, inside = (number // last, number % last) if closed else (0, min(max(number, 0), last))
        key, time = keys[inside], turns * at[-1] + at[inside]
        position, rotation, lens = key.position, quaternion(key), _lens(key)
        if not closed and number != inside:
            end, next_to = (0, 1) if number < 0 else (last, last - 1)
            time = 2 * at[end] - at[next_to]
            position = 2 * position - keys[next_to].position
            rotation, lens = _slerp(quaternion(keys[next_to]), rotation, 2.0), 2 * lens - _lens(keys[next_to])
        positions.append(position)
        rotations.append(rotation)
        lenses.append(lens)
        times.append(time)
    fx, fy, cx, cy = _catmull_rom(lenses, times, place, _lerp)
    made = Camera(np.eye(4), float(np.exp(fx)), float(np.exp(fy)), float(cx), float(cy), keys[0].width, keys[0].height)
    return _placed(made, _catmull_rom(positions, times, place, _lerp), matrix(_catmull_rom(rotations, times, place, _slerp)), name)


def common_point(cameras: Sequence[Camera]) -> np.ndarray:
    """float64 [3]: the point nearest to all optical axes, in world units.

    Raises:
        InputError: fewer than two cameras, axes that are parallel, or a point that lies behind most cameras.
    """
    if len(cameras) < 2:
        raise InputError(f"cameras: expected at least two to find the point they look at, found {len(cameras)}")
    axes = np.array([c.world_to_camera[2, :3] for c in cameras])
    positions = np.array([c.position for c in cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    total = across.mean(0)
    point = np.linalg.lstsq(total, (across @ positions[:, :, None])[..., 0].mean(0), rcond=None)[0]
    ahead = np.sum(axes * (point - positions), 1) > 0
    if np.linalg.eigvalsh(total)[0] < PARALLEL or ahead.mean() < 0.5:
        raise InputError("cameras: expected some that look at one point, found none in front of most of them")
    return point


def common_up(cameras: Sequence[Camera]) -> np.ndarray:
    """float64 [3]: a unit vector. That at right angles to all images' rows, as of cameras held level, else the mean."""
    mean = -np.sum([c.world_to_camera[1, :3] for c in cameras], axis=0)
    mean = mean / max(float(np.linalg.norm(mean)), 1e-12)
    rights = np.array([c.world_to_camera[0, :3] for c in cameras])
    values, vectors = np.linalg.eigh(rights.T @ rights / len(rights))
    level = vectors[:, 0] * (1.0 if vectors[:, 0] @ mean >= 0 else -1.0)
    clear = values[1] > 0.05 and values[0] < 0.1 * values[1] and level @ mean > 0.3
    return level if clear else mean


def reframed(camera: Camera, width: int, height: int) -> Camera:
    """The same view in an image of another shape: all of it is shown, undistorted and as large as fits, and more beside it."""
    scale = min(width / camera.width, height / camera.height)
    cx, cy = (camera.cx - camera.width / 2) * scale + width / 2, (camera.cy - camera.height / 2) * scale + height / 2
    return Camera(camera.world_to_camera, camera.fx * scale, camera.fy * scale, cx, cy, width, height, camera.name)


def quaternion(camera: Camera) -> np.ndarray:
    """float64 [4]: the unit quaternion wxyz of a camera's rotation from world to camera."""
    r = camera.world_to_camera[:3, :3]
    # https://en.wikipedia.org/wiki/Rotation_matrix#Quaternion: q q^T, of which the row with the largest diagonal is taken.
    outer = np.array([
        [1 + r[0, 0] + r[1, 1] + r[2, 2], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
        [r[2, 1] - r[1, 2], 1 + r[0, 0] - r[1, 1] - r[2, 2], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0]],
        [r[0, 2] - r[2, 0], r[0, 1] + r[1, 0], 1 - r[0, 0] + r[1, 1] - r[2, 2], r[1, 2] + r[2, 1]],
        [r[1, 0] - r[0, 1], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], 1 - r[0, 0] - r[1, 1] + r[2, 2]],
    ])  # fmt: skip
    row = outer[np.argmax(np.diag(outer))]
    return row / np.linalg.norm(row)


def matrix(q: np.ndarray) -> np.ndarray:
    """float64 [3, 3]: the rotation of a unit quaternion wxyz."""
    w, x, y, z = q
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def look_at(lens: Camera, position: np.ndarray, target: np.ndarray, up: np.ndarray, name: str) -> Camera:
    """A camera with another's lens and size that has `target` in its middle and `up` upwards; any other where it looks along up."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, up)
    if not np.linalg.norm(right) > 1e-6:
        right = np.cross(forward, np.roll(up, 1) + np.array([0.1, 0.2, 0.3]))
    right /= np.linalg.norm(right)
    return _placed(lens, position, np.stack([right, np.cross(forward, right), forward]), name)


def _reach(scene: Scene, centre: np.ndarray, up: np.ndarray) -> tuple[float, float]:
    """How far most of the opacity reaches from the centre, across `up` and along it, in world units."""
    alive = np.flatnonzero(scene.finite())
    alive = alive[:: max(1, len(alive) // EXTENT_SAMPLE)]
    if not len(alive):
        return 0.0, 0.0
    weight = 1 / (1 + np.exp(-scene.opacity_logits[alive].clip(-50, 50).astype(np.float64)))
    offset = scene.means[alive] - centre
    along_up = offset @ up
    around = np.linalg.norm(offset - along_up[:, None] * up, axis=1)
    return weighted_quantile(around, weight, MOST), weighted_quantile(np.abs(along_up), weight, MOST)


def _circle(
    lens: Camera, centre: np.ndarray, up: np.ndarray, radius: float, height: float, ahead: np.ndarray, angles: np.ndarray
) -> list[Camera]:
    beside = np.cross(up, ahead)
    return [
        look_at(lens, centre + radius * (np.cos(a) * ahead + np.sin(a) * beside) + height * up, centre, up, f"frame_{number:04d}")
        for number, a in enumerate(angles)
    ]


def _placed(lens: Camera, position: np.ndarray, rotation: np.ndarray, name: str) -> Camera:
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = rotation
    world_to_camera[:3, 3] = -rotation @ position
    return Camera(world_to_camera, lens.fx, lens.fy, lens.cx, lens.cy, lens.width, lens.height, name)


def _lens(camera: Camera) -> np.ndarray:
    return np.array([np.log(camera.fx), np.log(camera.fy), camera.cx, camera.cy])


def _catmull_rom(
    values: list[np.ndarray], times: list[float], t: float, mix: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
) -> np.ndarray:
    """Barry and Goldman's pyramid (https://doi.org/10.1145/54852.378511) between the second and the third of four values."""
    level = list(values)
    for size in (1, 2):
        level = [
            mix(a, b, (t - times[i]) / (times[i + size] - times[i]))
            for i, (a, b) in enumerate(pairwise(level))
        ]
    return mix(level[0], level[1], (t - times[1]) / (times[2] - times[1]))


def _lerp(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    return a + t * (b - a)


def _slerp(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """Of unit quaternions, the shorter way round; `t` may lie beyond 0 and 1."""
    if a @ b < 0:
        b = -b
    angle = np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b)) * 2
    if angle < 1e-9:
        return a
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    return 4 * float(np.arctan2(min(np.linalg.norm(a - b), np.linalg.norm(a + b)), max(np.linalg.norm(a - b), np.linalg.norm(a + b))))


def _check_count(count: int) -> None:
    if count < 1:
        raise InputError(f"count: expected 1 or more, found {count}")
