"""Where the Gaussians of a scene start: points of structure from motion, or made up ones where there are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cameras import Camera
from ..errors import InputError
from ..io.morton import morton_order
from .photographs import Photograph

ROUNDS = 40
"""Attempts to find places that the cameras see."""

SEEN_BY = 0.1
"""Share of the cameras that have to see a made-up point, and at least two."""

NEAREST = 0.2
"""Depth of a made-up point, over the distance of the cameras from what they look at."""

FAR = 4.0
"""Reach of the made-up points behind what the cameras look at, over the radius of what they see of it."""

ORDERS, REACH = 4, 6
"""`neighbour_distance` compares each point with those next to it in so many orders, so far each way."""

CHUNK = 1 << 16


def focus(cameras: Sequence[Camera]) -> tuple[np.ndarray, float, float]:
    """What the cameras look at: the point nearest to all their axes, its distance (median), and the radius they see around it."""
    places = np.stack([c.position for c in cameras])
    axes = np.stack([c.world_to_camera[2, :3] for c in cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    spread = float(np.linalg.norm(places - places.mean(0), axis=1).max()) or 1.0
    # Nearly parallel axes meet anywhere: a faint pull to a point in front of them all decides then.
    guess, pull = places.mean(0) + axes.mean(0) * 2 * spread, 1e-3 * len(cameras)
    middle = np.linalg.solve(across.sum(0) + pull * np.eye(3), (across @ places[..., None]).sum(0)[:, 0] + pull * guess)
    depths = ((middle - places) * axes).sum(1)
    if np.median(depths) <= 0:  # cameras that look outwards
        middle, depths = places.mean(0), np.full(len(cameras), 2 * spread)
    distance = float(np.median(np.abs(depths)))
    half = np.median([max(c.width / c.fx, c.height / c.fy) / 2 for c in cameras])
    return middle, distance, float(distance * half)


def made_up_points(photographs: Sequence[Photograph], count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Places that the cameras see, coloured as they see them.

    They are spread evenly over the ball that the cameras see of what they look at, and, unless the photographs are transparent
    around it, as many again thinner and thinner beyond. None lies where a photograph is transparent.

    Returns:
        Positions float64 [P, 3], world units, and colours uint8 [P, 3]; P is `count`, or less where that is hard to find.

    Raises:
        InputError: no place is seen by any camera.
    """
    rng = np.random.default_rng(seed)
    cameras = [p.camera for p in photographs]
    middle, distance, radius = focus(cameras)
    clear = any(p.alpha is not None for p in photographs)
    least = min(len(cameras), max(2, round(SEEN_BY * len(cameras))))
    kept, colors, total = [], [], 0
    for round_ in range(ROUNDS):
        if round_ == ROUNDS // 2 and total == 0:
            least = 1  # cameras that look outwards may share nothing
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        reach = radius * rng.random(count) ** (1 / 3)
        if not clear:
            beyond = rng.random(count) < 0.5
            reach = np.where(beyond, radius * FAR ** rng.random(count), reach)
        places = middle + directions * reach[:, None]
        seen, refused, color = _seen(places, photographs, NEAREST * distance)
        good = (seen >= least) & (refused == 0)
        kept.append(places[good])
        colors.append(np.rint(color[good]).astype(np.uint8))
        total += int(good.sum())
        if total >= count:
            break
    if total == 0:
        raise InputError("cameras: expected some that look at one region, found no place in it that any of them sees")
    return np.concatenate(kept)[:count], np.concatenate(colors)[:count]


def _seen(places: np.ndarray, photographs: Sequence[Photograph], nearest: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every place, how many photographs show it, how many are transparent there, and its mean colour, 0 to 255 [N, 3]."""
    seen, refused, color = np.zeros(len(places)), np.zeros(len(places)), np.zeros((len(places), 3))
    for photograph in photographs:
        camera = photograph.camera
        x, y, depth = (places @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]).T
        z = np.maximum(depth, 1e-9)
        with np.errstate(over="ignore"):
            column, row = np.floor(camera.fx * x / z + camera.cx), np.floor(camera.fy * y / z + camera.cy)
        inside = np.flatnonzero((depth >= nearest) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height))
        at = row[inside].astype(np.int64), column[inside].astype(np.int64)
        seen[inside] += 1
        color[inside] += photograph.image[at]
        if photograph.alpha is not None:
            refused[inside] += photograph.alpha[at] == 0
    return seen, refused, color / np.maximum(seen, 1)[:, None]


def neighbour_distance(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """float64 [P]: root mean square distance to the 3 nearest other points, world units; a little more here and there.

    Neighbours are looked for among those next to a point in several Morton orders, the points turned at random for each, so that
    hardly a pair is parted by the borders of all of them.
    """
    count = len(points)
    if count < 2:
        return np.ones(count)
    rng = np.random.default_rng(seed)
    steps = np.concatenate([np.arange(-REACH, 0), np.arange(1, REACH + 1)])
    orders = [morton_order((points @ np.linalg.qr(rng.normal(size=(3, 3)))[0]).astype(np.float32)) for _ in range(ORDERS)]
    ranks = [np.argsort(order) for order in orders]
    out = np.empty(count)
    for start in range(0, count, CHUNK):
        rows = np.arange(start, min(start + CHUNK, count))
        near = np.concatenate(
            [order[(rank[rows, None] + steps).clip(0, count - 1)] for order, rank in zip(orders, ranks, strict=True)], axis=1
        )
        near.sort(axis=1)
        squares = np.square(points[near] - points[rows, None]).sum(2)
        squares[:, 1:][near[:, 1:] == near[:, :-1]] = np.inf  # found in two orders
        squares[near == rows[:, None]] = np.inf
        three = np.sort(squares, axis=1)[:, : min(3, count - 1)]
        out[rows] = np.sqrt(np.where(np.isfinite(three), three, 0).sum(1) / np.isfinite(three).sum(1).clip(1))
    return out
