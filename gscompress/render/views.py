"""Cameras for a scene that comes without any.

Trained scenes look right only from where photographs were taken: below the floor or behind a wall there is a blur of large
Gaussians. What lies in front of a real camera is fine detail, so candidates all around the densest part are rated by the
number of Gaussians they resolve, and at least the better half of every shell is kept. A scene may be far larger than what a
camera sees of it, so candidates also look at its parts; of all of them those are chosen that together see the most the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

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
"""A candidate this good, relative to the best of its shell, is kept even where more than half are."""

EXTENT_SAMPLE = 100_000
"""About so many Gaussians tell where a scene's detail is."""

PREVIEW_SAMPLE = 100_000
"""So many Gaussians, up to twice as many, are in the previews."""

COVERED_SAMPLE = 25_000
"""So many of them, up to twice as many, tell which views together see the scene best."""

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


@dataclass(frozen=True, eq=False)
class Spot:
    """Where a camera may stand: `direction` (unit) from a point on a shell around it; `group` is rated together."""

    centre: np.ndarray
    shell: Shell
    direction: np.ndarray
    group: int


def synthesise(scene: Scene, count: int, *, width: int = 640, height: int = 400, threads: int | None = None) -> list[Camera]:
    """Cameras that together see what photographs of the scene are likely to have seen.

    They stand on shells around the densest part and look at it; where a scene surrounds that part (a room) one in eight
    looks outwards, elsewhere others look at eight parts of the scene. The same scene always gets the same cameras.

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
    shells = shells_for(extent)
    if extent.surrounded:
        candidates = _around([extent.centre], shells, 2 * (count - outward))
    else:
        candidates = _around([extent.centre], shells, count) + _around(region_centres(scene), shells[:2], 2 * count)
    spots = _pick(scene, candidates, count - outward, width / height, threads)
    if outward:
        spots += _pick(scene, _around([extent.centre], [outward_shell(extent)], 2 * outward), outward, width / height, threads)
    return [_camera(spot, width, height, f"view_{number:03d}") for number, spot in enumerate(spots)]


def _around(centres: Sequence[np.ndarray], shells: Sequence[Shell], count: int) -> list[Spot]:
    """About `count` candidates, as many around each centre on each shell."""
    if not centres:
        return []
    directions = fibonacci_sphere(-(-count // (len(centres) * len(shells))))
    return [
        Spot(centres[number], shell, direction, group)
        for group, (number, shell) in enumerate(product(range(len(centres)), shells))
        for direction in directions @ _turn(number).T
    ]


def _turn(number: int) -> np.ndarray:
    """A rotation about y by golden angles, so that the candidates around different centres look from different sides."""
    angle = np.pi * (3 - np.sqrt(5)) * number
    return np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])


def _pick(scene: Scene, spots: list[Spot], count: int, aspect: float, threads: int | None) -> list[Spot]:
    """`count` of the better half of the candidates in every group, which together see the most of the scene the best.

    A Gaussian that a view shows as large as any candidate does is well seen; the root of how well all chosen views together
    see it, summed over the scene, is what each choice raises the most. The roots make it worth more to show something new.
    """
    preview = (PREVIEW, max(1, round(PREVIEW / aspect)))
    step = len(scene) // PREVIEW_SAMPLE
    sample = scene.select(np.arange(0, len(scene), step)) if step > 1 else scene
    columns = np.empty((len(sample), COLUMNS))
    seen = np.empty((len(spots), len(sample)), np.float32)
    for i, spot in enumerate(spots):
        columns.fill(0)
        add_view(sample, _camera(spot, *preview, ""), columns, threads)
        seen[i] = columns[:, 0]
    rating = np.count_nonzero(seen > RESOLVED, axis=1)
    groups = np.array([spot.group for spot in spots])
    good = np.zeros(len(spots), bool)
    for group in np.unique(groups):
        own = rating[groups == group]
        good[groups == group] = own >= min(np.median(own), GOOD * own.max())
    pool = np.flatnonzero(good)
    seen = seen[pool, :: max(1, len(sample) // COVERED_SAMPLE)]
    seen /= np.maximum(seen.max(axis=0), RESOLVED)
    total = np.zeros(seen.shape[1], np.float32)
    chosen: list[int] = []
    left = np.ones(len(pool), bool)
    for _ in range(count):
        gain = np.array([np.sqrt(total + row).sum(dtype=np.float64) for row in seen])
        best = int(np.argmax(np.where(left, gain, -1)))
        left[best] = False
        if not left.any():  # more views than candidates: some look twice
            left[:] = True
        chosen.append(best)
        total += seen[best]
    return [spots[pool[i]] for i in chosen]


def region_centres(scene: Scene) -> list[np.ndarray]:
    """Middles of eight parts of equal opacity: the scene halved three times, each time across its longest side."""
    alive = np.flatnonzero(scene.finite())
    alive = alive[:: max(1, len(alive) // EXTENT_SAMPLE)]
    weight = 1 / (1 + np.exp(-scene.opacity_logits[alive].clip(-50, 50).astype(np.float64)))
    parts = [np.arange(len(alive))] if weight.sum() > 0 else []
    means = scene.means[alive].astype(np.float64)
    for _ in range(3):
        halves = []
        for part in parts:
            low, high = (
                np.array([weighted_quantile(axis, weight[part], q) for axis in means[part].T]) for q in (0.1, 0.9)
            )
            axis = int(np.argmax(high - low))
            middle = weighted_quantile(means[part, axis], weight[part], 0.5)
            below = means[part, axis] <= middle
            halves += [half for half in (part[below], part[~below]) if len(half)]
        parts = halves
    return [np.array([weighted_quantile(axis, weight[part], 0.5) for axis in means[part].T]) for part in parts]


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
        nearest, farthest = 1.3 * extent.radius, 2.8 * extent.radius
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


def _camera(spot: Spot, width: int, height: int, name: str) -> Camera:
    """-y is up, as in most captures, except for cameras that look along y."""
    centre, shell, direction = spot.centre, spot.shell, spot.direction
    forward = direction if shell.outward else -direction
    up = np.array([0.0, -1.0, 0.0]) if abs(forward[1]) < 0.95 else np.array([0.0, 0.0, 1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    matrix[:3, 3] = -matrix[:3, :3] @ (centre + shell.radius * direction)
    focal = 0.5 * width / np.tan(0.5 * np.radians(FIELD_OF_VIEW))
    return Camera(matrix, focal, focal, width / 2, height / 2, width, height, name)
