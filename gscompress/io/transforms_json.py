"""transforms.json of instant-ngp, nerfstudio and NeRF-synthetic: OpenGL camera-to-world matrices, one set of intrinsics."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..cameras import Camera
from ..errors import Corrupt, InputError, MissingExtra, Unsupported
from .camera_numbers import MAX_SIDE, ORTHONORMAL_TOLERANCE, focal_length, numbers
from .common import foreign_errors, is_file

DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "is_fisheye")
PINHOLES = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "SIMPLE_RADIAL", "RADIAL")
"""Values of `camera_model` that are pinholes where every coefficient is 0."""


def from_transforms(content: dict[str, Any], path: Path, ignore_distortion: bool) -> list[Camera]:
    """The frames of a transforms.json, in its order.

    A frame may have intrinsics of its own. What a file leaves out follows: the focal lengths from the field of view
    (`camera_angle_x`), the principal point from the size, the size from the image.

    Raises:
        Corrupt: a field is missing or out of range; the message names it.
        Unsupported: a distorted camera, unless `ignore_distortion`.
        InputError, MissingExtra: the size has to come from an image that is not there, or needs Pillow.
    """
    frames = content["frames"]
    if not isinstance(frames, list) or not frames or not all(isinstance(f, dict) for f in frames):
        raise Corrupt(str(path), "frames", "a list of objects", repr(frames)[:60])
    shared = {k: v for k, v in content.items() if k != "frames"}
    return [_camera({**shared, **frame}, path, f"frames[{i}]", ignore_distortion) for i, frame in enumerate(frames)]


def _camera(entry: dict[str, Any], path: Path, where: str, ignore_distortion: bool) -> Camera:
    file = str(path)

    def number(key: str) -> float:
        return float(numbers(entry, key, (), file, where))

    bent = {key: entry[key] for key in DISTORTION if entry.get(key)}
    if entry.get("camera_model", "PINHOLE") not in PINHOLES:
        bent["camera_model"] = entry["camera_model"]
    if bent and not ignore_distortion:
        raise Unsupported(file, f"{where}.{next(iter(bent))}", "a pinhole camera (undistort the images first)", str(bent))
    if "w" in entry and "h" in entry:
        width, height = number("w"), number("h")
    else:
        width, height = _image_size(path.parent / frame_file(entry, file, where), file, where)
    for key, value in (("w", width), ("h", height)):
        if value != int(value) or not 1 <= value <= MAX_SIDE:
            raise Corrupt(file, f"{where}.{key}", f"a whole number from 1 to {MAX_SIDE}", f"{value:g}")
    focal = []
    for axis, side in (("x", width), ("y", height)):
        if (key := f"fl_{axis}") in entry:
            focal.append(focal_length(number(key), key, file, where))
        elif (key := f"camera_angle_{axis}") in entry:
            half = np.tan(0.5 * number(key))
            focal.append(focal_length(0.5 * side / half if half > 0 else 0.0, key, file, where))
        elif focal:
            focal.append(focal[0])
        else:
            raise Corrupt(file, where, "fl_x or camera_angle_x", "neither")
    cx, cy = (number(key) if key in entry else side / 2 for key, side in (("cx", width), ("cy", height)))
    to_world = numbers(entry, "transform_matrix", (4, 4), file, where)
    rotation = to_world[:3, :3] * [1, -1, -1]  # OpenGL looks along -z with y up
    error = float(np.abs(rotation.T @ rotation - np.eye(3)).max())
    if error > ORTHONORMAL_TOLERANCE or np.linalg.det(rotation) < 0:
        raise Corrupt(file, f"{where}.transform_matrix", "a rotation and a translation", f"columns off by {error:.3g}")
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.T
    matrix[:3, 3] = -rotation.T @ to_world[:3, 3]
    return Camera(matrix, focal[0], focal[1], cx, cy, int(width), int(height), str(entry.get("file_path", "")))


def frame_file(frame: dict[str, Any], file: str, where: str) -> str:
    """What a frame calls its photograph; Corrupt unless that is the name of a file."""
    named = frame.get("file_path")
    if not isinstance(named, str) or not PurePath(named).name:
        raise Corrupt(file, f"{where}.file_path", "the name of a photograph", repr(named)[:60] if "file_path" in frame else "none")
    return named


def _image_size(image: Path, file: str, where: str) -> tuple[float, float]:
    """Width and height of the image that a frame names; NeRF-synthetic leaves the ending out."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("PIL", "formats", f"the image size, which {file} leaves out") from error
    for candidate in (image, image.with_name(image.name + ".png")):
        if is_file(candidate):
            with foreign_errors(str(candidate), "content", "an image"), Image.open(candidate) as opened:
                return opened.size
    raise InputError(f"{file}: {where}: expected w and h, or the image, found neither ({image})")
