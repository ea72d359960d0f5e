"""Cameras from files: INRIA's cameras.json here, a COLMAP folder and transforms.json by their modules.

A cameras.json is a list of pinhole views with the principal point at the image's centre. Each entry has id, img_name, width, height, position (the centre, world units), rotation (3 x 3 rows, camera to world:
world = rotation @ camera + position, OpenCV axes), fx and fy in pixels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import Camera
from ..errors import BadMagic, Corrupt, InputError
from ..files import atomic_write
from .camera_numbers import MAX_SIDE, ORTHONORMAL_TOLERANCE, focal_length, numbers
from .colmap import read_colmap
from .common import foreign_errors
from .transforms_json import from_transforms

_MAX_BYTES = 256 << 20
_CENTRE_TOLERANCE = 0.5
"""Pixels by which a principal point may miss the centre and still be written as the centre."""


def read_cameras(path: str | Path, ignore_distortion: bool = False) -> list[Camera]:
    """Reads a cameras.json, a transforms.json or a COLMAP folder.

    Args:
        path: the file, or the folder.
        ignore_distortion: take a distorted camera for the pinhole that it would be without: what renders are for that are
            compared with renders only.

    Raises:
        InputError: there is no such file, or it cannot be opened.
        BadMagic: not JSON, or of no known kind.
        Corrupt, Truncated: an entry lacks a field, or a value is out of range; the message names both.
        Unsupported: a distorted camera.
    """
    path = Path(path)
    if path.is_dir():
        return read_colmap(path, ignore_distortion)
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    file = str(path)
    if len(raw) > _MAX_BYTES:
        raise Corrupt(file, "size", f"at most {_MAX_BYTES} bytes", "more")
    with foreign_errors(file, "content", "JSON"):
        entries = json.loads(raw)
    if isinstance(entries, dict) and "frames" in entries:
        return from_transforms(entries, path, ignore_distortion)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadMagic(file, "content", "a list of objects", type(entries).__name__)
    if not entries:
        raise Corrupt(file, "content", "at least one camera", "an empty list")
    return [_camera(entry, file, f"[{i}]") for i, entry in enumerate(entries)]


def _camera(entry: dict[str, Any], file: str, where: str) -> Camera:
    position = numbers(entry, "position", (3,), file, where)
    rotation = numbers(entry, "rotation", (3, 3), file, where)
    error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if error > ORTHONORMAL_TOLERANCE or np.linalg.det(rotation) < 0:
        raise Corrupt(file, f"{where}.rotation", "a rotation matrix", f"rows off by {error:.3g}")
    width, height, fx, fy = (float(numbers(entry, key, (), file, where)) for key in ("width", "height", "fx", "fy"))
    for key, value in (("width", width), ("height", height)):
        if value != int(value) or not 1 <= value <= MAX_SIDE:
            raise Corrupt(file, f"{where}.{key}", f"a whole number from 1 to {MAX_SIDE}", f"{value:g}")
    for key, value in (("fx", fx), ("fy", fy)):
        focal_length(value, key, file, where)
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = rotation.T
    world_to_camera[:3, 3] = -rotation.T @ position
    name = str(entry.get("img_name", entry.get("id", "")))
    return Camera(world_to_camera, fx, fy, width / 2, height / 2, int(width), int(height), name)


def write_cameras(cameras: list[Camera], path: str | Path, overwrite: bool = False) -> int:
    """Writes a cameras.json and returns its size in bytes.

    Raises:
        InputError: a principal point off the image's centre by more than half a pixel, which the file cannot hold.
        OutputError: the file exists, or its folder does not take it.
    """
    entries = []
    for i, camera in enumerate(cameras):
        offset = max(abs(camera.cx - camera.width / 2), abs(camera.cy - camera.height / 2))
        if offset > _CENTRE_TOLERANCE:
            raise InputError(f"cameras[{i}]: expected the principal point at the centre, found it {offset:.2f} pixels off")
        entries.append({
            "id": i,
            "img_name": camera.name or f"{i:05d}",
            "width": camera.width,
            "height": camera.height,
            "position": camera.position.tolist(),
            "rotation": camera.world_to_camera[:3, :3].T.tolist(),
            "fx": camera.fx,
            "fy": camera.fy,
        })  # fmt: skip
    return atomic_write(path, json.dumps(entries, indent=1).encode(), overwrite)
