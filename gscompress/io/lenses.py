"""Lens distortion of photographs: OpenCV's model of radial and tangential terms, read from camera files and undone.

    r² = x² + y²,  x' = x (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶) + 2 p1 x y + p2 (r² + 2 x²),  y' alike

with x, y a direction over its depth, and x', y' where the lens puts it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import Camera
from ..errors import InputError, Unsupported
from .camera_numbers import numbers
from .colmap import NOT_PERSPECTIVE, read_intrinsics

TERMS = {
    "SIMPLE_PINHOLE": (), "PINHOLE": (), "SIMPLE_RADIAL": ("k1",), "RADIAL": ("k1", "k2"), "OPENCV": ("k1", "k2", "p1", "p2"),
    "FULL_OPENCV": ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
}  # fmt: skip
"""What the parameters of COLMAP's models are, after focal lengths and principal point."""

ZOOMS = (0.5, 2.0)
"""Of an undistorted photograph; a lens that needs more is no pinhole with a flaw."""


@dataclass(frozen=True)
class Lens:
    """Coefficients of the model; all 0 for a pinhole."""

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    k5: float = 0.0
    k6: float = 0.0

    def distort(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the lens puts the directions (x, y, 1)."""
        r2 = x * x + y * y
        radial = (1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))) / (1 + r2 * (self.k4 + r2 * (self.k5 + r2 * self.k6)))
        return (
            x * radial + 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x),
            y * radial + 2 * self.p2 * x * y + self.p1 * (r2 + 2 * y * y),
        )


PINHOLE = Lens()


def colmap_lenses(folder: str | Path) -> dict[str, Lens]:
    """The lens of every registered image of a reconstruction, by the image's name.

    Raises:
        Unsupported: a fisheye.
        As `read_colmap`.
    """
    out = {}
    for name, (model, _, _, params), file in read_intrinsics(folder):
        if model in NOT_PERSPECTIVE:
            raise Unsupported(file, "camera.model", ", ".join(TERMS), model)
        terms = TERMS[model]
        out[name] = Lens(**dict(zip(terms, params[len(params) - len(terms) :].tolist(), strict=True)))
    return out


def transforms_lens(entry: dict[str, Any], file: str, where: str) -> Lens:
    """The lens of a frame of a transforms.json, given the frame's and the file's own fields as one.

    Raises:
        Corrupt: a coefficient is no number.
        Unsupported: a fisheye.
    """
    if entry.get("is_fisheye") or "FISHEYE" in str(entry.get("camera_model", "")).upper():
        raise Unsupported(file, f"{where}.camera_model", "a pinhole or OPENCV", "a fisheye")
    return Lens(**{f.name: float(numbers(entry, f.name, (), file, where)) for f in fields(Lens) if entry.get(f.name)})


@dataclass(frozen=True, eq=False)
class Undistortion:
    """A photograph's way to that of a pinhole, for all photographs of one camera.

    Attributes:
        camera: the pinhole: the given camera, zoomed so that its frame is filled, by as little as that takes.
        rows, columns: float64 [H, W], where each of its pixels is in the photograph, px; pixel centres at 0, 1, 2...
    """

    camera: Camera
    rows: np.ndarray
    columns: np.ndarray

    @staticmethod
    def of(camera: Camera, lens: Lens) -> Undistortion:
        """
        Args:
            camera: the intrinsics that the coefficients go with.
            lens: not a pinhole.

        Raises:
            InputError: the distortion is too strong.
        """
        low, high = ZOOMS
        if not _fills(camera, lens, high):
            raise InputError(f"{camera.name}: expected a lens that a zoom of {high:g} makes up for, found {lens}")
        for _ in range(20):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if _fills(camera, lens, middle) else (middle, high)
        zoomed = replace(camera, fx=camera.fx * high, fy=camera.fy * high)
        x, y = _source(zoomed, camera, lens, np.arange(camera.width) + 0.5, (np.arange(camera.height) + 0.5)[:, None])
        return Undistortion(zoomed, y - 0.5, x - 0.5)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """The pinhole's photograph, uint8 [H, W, C] of uint8 [H, W, C], bilinear."""
        height, width = image.shape[:2]
        rows, columns = self.rows.clip(0, height - 1), self.columns.clip(0, width - 1)
        top = np.minimum(rows.astype(np.int64), max(height - 2, 0))
        left = np.minimum(columns.astype(np.int64), max(width - 2, 0))
        down, right = ((rows - top)[..., None].astype(np.float32), (columns - left)[..., None].astype(np.float32))
        flat, corner = image.reshape(height * width, -1), top * width + left
        below, beside = (width if height > 1 else 0), (1 if width > 1 else 0)
        upper = flat[corner] * (1 - right) + flat[corner + beside] * right
        lower = flat[corner + below] * (1 - right) + flat[corner + below + beside] * right
        return np.rint(upper * (1 - down) + lower * down).astype(np.uint8)


def _source(pinhole: Camera, camera: Camera, lens: Lens, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where in `camera`'s photograph the points (u, v) of `pinhole`'s are, px from the corner."""
    x, y = lens.distort((u - pinhole.cx) / pinhole.fx, (v - pinhole.cy) / pinhole.fy)
    return x * camera.fx + camera.cx, y * camera.fy + camera.cy


def _fills(camera: Camera, lens: Lens, zoom: float) -> bool:
    """Whether the zoomed pinhole sees only what the photograph shows."""
    across, down = np.linspace(0, camera.width, 65), np.linspace(0, camera.height, 65)
    u = np.concatenate([across, across, np.zeros(65), np.full(65, camera.width)])
    v = np.concatenate([np.zeros(65), np.full(65, camera.height), down, down])
    x, y = _source(replace(camera, fx=camera.fx * zoom, fy=camera.fy * zoom), camera, lens, u, v)
    return bool(((x >= -1e-6) & (x <= camera.width + 1e-6) & (y >= -1e-6) & (y <= camera.height + 1e-6)).all())
