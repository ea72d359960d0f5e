"""Cameras for a scene that comes without any.

Trained scenes look right only from where photographs were taken: below the floor or behind a wall there is a blur of large
Gaussians. What lies in front of a real camera is fine detail, so candidates all around the densest part are rated by the
number of Gaussians they resolve, at least the better half of every shell is kept, and of those a well spread set chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..errors import InputError
from ..scene import Scene
from .contributions import COLUMNS, add_view

CORE_MASS = 0.25
"""Share of the opacity that makes up the densest part, on which cameras centre."""

SURROUNDED = 3.0
"""A scene whose three-quarter radius is this many core radii has a room or landscape around what it shows."""

PREVIEW = 160
"""Width in px of the images that rate the candidates."""

RESOLVED = 0.25
"""A candidate resolves a Gaussian that fills this many px of its preview."""

GOOD = 0.75
"""A candidate this good, relative to its shell's best, is kept even where more than half are."""

EXTENT_SAMPLE = 100_000
"""About so many Gaussians tell where a scene's detail is."""

PREVIEW_SAMPLE = 250_000
"""About so many Gaussians rate the candidates."""

FIELD_OF_VIEW = 58.0
"""Horizontal, degrees."""


@dataclass(frozen=True, eq=False)
class Extent:
    """Where a scene's detail is.

    Attributes:
        centre: float64 [3], world units; of the densest part where the scene surrounds that, else of the whole.
        radius: size of that part: about the centre it holds `CORE_MASS` of the opacity, or half of it.
        outer: radius that holds three quarters of the opacity.
        surrounded: much of the scene lies far around its densest part.
    """

    centre: np.ndarray
    radius: float
    outer: float
    surrounded: bool


@dataclass(frozen=True, eq=False)
class Shell:
    """Cameras at one distance from the centre, in world units, that look at it or away from it."""

    radius: float
    outward: bool = False


def synthesise(scene: Scene, count: int, *, width: int = 640, height: int = 400, threads: int | None = None) -> list[Camera]:
    """Cameras that together see what photographs of the scene are likely to have seen.

    They stand on three shells around the densest part and look at it; where a scene surrounds that part (a room) one in
    eight looks outwards. The same scene always gets the same cameras.

    Args:
        scene: any scene; without a visible Gaussian the cameras stand about the origin.
        count: how many cameras.
        width, height: image size in px; the horizontal field of view is 58 degrees.
        threads: worker threads of the rasteriser, None for the default; the cameras do not depend on it.

    Raises:
        InputError: `count` is below 1, or the size is not usable.
    """
    if count < 1 or width < 1 or height < 1:
        raise InputError(f"synthesise: expected 1 or more for count, width and height, found {count}, {width}, {height}")
    extent = measure_extent(scene)
    outward = count // 8 if extent.surrounded else 0
    spots = _pick(scene, extent.centre, shells_for(extent), count - outward, width / height, threads)
    if outward:
        spots += _pick(scene, extent.centre, [outward_shell(extent)], outward, width / height, threads)
    return [
        _camera(extent.centre, shell, direction, width, height, f"view_{number:03d}")
        for number, (shell, direction) in enumerate(spots)
    ]


def _pick(
    scene: Scene, centre: np.ndarray, shells: list[Shell], count: int, aspect: float, threads: int | None
) -> list[tuple[Shell, np.ndarray]]:
    """The better of about 2 `count` candidates on `shells`, thinned to `count` that are well spread."""
    directions = fibonacci_sphere(-(-2 * count // len(shells)))
    preview = (PREVIEW, max(1, round(PREVIEW / aspect)))
    step = len(scene) // PREVIEW_SAMPLE
    sample = scene.select(np.arange(0, len(scene), step)) if step > 1 else scene
    columns = np.empty((len(sample), COLUMNS))
    spots = [(shell, direction) for shell in shells for direction in directions]
    rating = np.empty(len(spots))
    for i, spot in enumerate(spots):
        columns.fill(0)
        add_view(sample, _camera(centre, *spot, *preview, ""), columns, threads)
        rating[i] = np.count_nonzero(columns[:, 0] > RESOLVED)
    per_shell = rating.reshape(len(shells), -1)
    bar = np.minimum(np.median(per_shell, axis=1), GOOD * per_shell.max(axis=1))
    pool = np.flatnonzero(per_shell >= bar[:, None])
    # Directions count most; a step to the next shell is worth about 20 degrees.
    places = np.array([spots[i][1] * (1 + 0.35 * shells.index(spots[i][0])) for i in pool])
    chosen = spread(places, count, first=int(np.argmax(rating[pool])))
    return [spots[pool[i]] for i in chosen]


def measure_extent(scene: Scene) -> Extent:
    """Finds the part that photographs would centre on, by medians, which ignore floaters and a far background."""
    alive = np.flatnonzero(scene.finite())
    alive = alive[:: max(1, len(alive) // EXTENT_SAMPLE)]
    weight = 1 / (1 + np.exp(-scene.opacity_logits[alive].clip(-50, 50).astype(np.float64)))
    if not weight.sum() > 0:
        return Extent(np.zeros(3), 1.0, 1.0, False)
    means = scene.means[alive].astype(np.float64)
    # A lone Gaussian has no spread of centres, but a size.
    sizes = np.exp(scene.log_scales[alive].max(1).clip(-50, 50).astype(np.float64))
    floor = max(2 * weighted_quantile(sizes, weight, 0.5), 1e-6)

    def radii(centre: np.ndarray, *shares: float) -> list[float]:
        distance = np.linalg.norm(means - centre, axis=1)
        return [max(weighted_quantile(distance, weight, share), floor) for share in shares]

    middle = np.array([weighted_quantile(axis, weight, 0.5) for axis in means.T])
    centre = middle
    for _ in range(12):  # towards the densest part: the median of the nearest quarter, again and again
        near = np.linalg.norm(means - centre, axis=1) <= radii(centre, CORE_MASS)[0]
        centre = np.array([weighted_quantile(axis, weight[near], 0.5) for axis in means[near].T])
    core, outer = radii(centre, CORE_MASS, 0.75)
    if outer > SURROUNDED * core:
        return Extent(centre, core, outer, True)
    # The densest part of an object is a patch of its surface; its middle is what cameras look at.
    half, outer = radii(middle, 0.5, 0.75)
    return Extent(middle, half, outer, False)


def shells_for(extent: Extent) -> list[Shell]:
    """Where inward candidates stand: around an object, or between the densest part and what surrounds it."""
    if extent.surrounded:
        nearest, farthest = 2.2 * extent.radius, max(0.6 * extent.outer, 4.4 * extent.radius)
    else:
        nearest, farthest = 1.1 * extent.radius, 2.5 * extent.radius
    return [Shell(r) for r in np.geomspace(nearest, farthest, 3)]


def outward_shell(extent: Extent) -> Shell:
    """Where candidates stand that look at the surroundings: half-way, so that the densest part is not in the way."""
    return Shell(shells_for(extent)[1].radius, outward=True)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    """The value below which a share `q` of the weights lies."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order[min(np.searchsorted(total, q * total[-1]), len(values) - 1)]])


def fibonacci_sphere(count: int) -> np.ndarray:
    """float64 [count, 3]: unit vectors spread evenly (https://arxiv.org/abs/0912.4540)."""
    i = np.arange(count) + 0.5
    y = 1 - 2 * i / count
    angle = np.pi * (3 - np.sqrt(5)) * i
    ring = np.sqrt(1 - y * y)
    return np.stack([ring * np.cos(angle), y, ring * np.sin(angle)], 1)


def spread(points: np.ndarray, count: int, first: int) -> list[int]:
    """Indices of `count` of the [P, 3] points, each the farthest from those before it; repeats once all are used."""
    chosen = [first]
    gap = np.linalg.norm(points - points[first], axis=1)
    while len(chosen) < count:
        chosen.append(int(np.argmax(gap)))
        gap = np.minimum(gap, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def _camera(centre: np.ndarray, shell: Shell, direction: np.ndarray, width: int, height: int, name: str) -> Camera:
    """A camera of a shell; -y is up, as in most captures, except for those that look along y."""
    forward = direction if shell.outward else -direction
    up = np.array([0.0, -1.0, 0.0]) if abs(forward[1]) < 0.95 else np.array([0.0, 0.0, 1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    matrix[:3, 3] = -matrix[:3, :3] @ (centre + shell.radius * direction)
    focal = 0.5 * width / np.tan(0.5 * np.radians(FIELD_OF_VIEW))
    return Camera(matrix, focal, focal, width / 2, height / 2, width, height, name)
