"""Cameras of a COLMAP reconstruction: `cameras` and `images`, binary or text (https://colmap.github.io/format.html).

Read here rather than with pycolmap, a hundred megabytes of which two tables are wanted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..cameras import Camera
from ..errors import Corrupt, InputError, Truncated, Unsupported
from .camera_numbers import LARGEST, LEAST_FOCAL, MAX_SIDE

MODELS = {
    0: ("SIMPLE_PINHOLE", 3), 1: ("PINHOLE", 4), 2: ("SIMPLE_RADIAL", 4), 3: ("RADIAL", 5), 4: ("OPENCV", 8),
    5: ("OPENCV_FISHEYE", 8), 6: ("FULL_OPENCV", 12), 7: ("FOV", 5), 8: ("SIMPLE_RADIAL_FISHEYE", 4), 9: ("RADIAL_FISHEYE", 5),
    10: ("THIN_PRISM_FISHEYE", 12),
}  # fmt: skip
"""Name and number of parameters by id; the first are the focal lengths and the principal point."""
ONE_FOCAL = {"SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"}
NOT_PERSPECTIVE = {"OPENCV_FISHEYE", "FOV", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "THIN_PRISM_FISHEYE"}
"""Models that are no pinhole even where every parameter of the distortion is 0."""
FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", ".")
ADVICE = "a pinhole camera (undistort first: 'colmap image_undistorter', or pycolmap.undistort_images)"

Intrinsics = tuple[str, int, int, np.ndarray]
"""Model, width, height, parameters."""


def model_folder(folder: Path) -> Path | None:
    """Where below `folder` the reconstruction lies."""
    for name in FOLDERS:
        if any((folder / name / f"images{ending}").is_file() for ending in (".bin", ".txt")):
            return folder / name
    return None


def read_colmap(folder: str | Path, ignore_distortion: bool = False) -> list[Camera]:
    """The registered images of a reconstruction, by name.

    Args:
        folder: it, or a folder above it (`sparse/0`, `sparse`, `colmap/sparse/0`).
        ignore_distortion: take a distorted camera for the pinhole that it would be without.

    Raises:
        InputError: there is no reconstruction.
        Corrupt, Truncated: a table is not sound.
        Unsupported: a distorted camera.
    """
    out = [_camera(known, pose, name, file, ignore_distortion) for name, known, pose, file in _registered(folder)]
    return sorted(out, key=lambda c: c.name)


def read_intrinsics(folder: str | Path) -> list[tuple[str, Intrinsics, str]]:
    """Name, intrinsics as stored and the file that has them, of every registered image; arguments and errors as `read_colmap`."""
    return [(name, known, file) for name, known, _, file in _registered(folder)]


def _registered(folder: str | Path) -> list[tuple[str, Intrinsics, np.ndarray, str]]:
    """Name, intrinsics, pose and the cameras' file of every registered image."""
    found = model_folder(Path(folder))
    if found is None:
        raise InputError(f"{folder}: expected a COLMAP reconstruction ({', '.join(FOLDERS)}), found no images.bin or images.txt")
    ending = ".bin" if (found / "images.bin").is_file() else ".txt"
    read = (_cameras_bin, _images_bin) if ending == ".bin" else (_cameras_txt, _images_txt)
    paths = [found / f"{table}{ending}" for table in ("cameras", "images")]
    if not paths[0].is_file():
        raise InputError(f"{paths[0]}: expected it beside {paths[1].name}, found no such file")
    intrinsics = read[0](paths[0])
    out = []
    for number, pose, name in read[1](paths[1]):
        if number not in intrinsics:
            raise Corrupt(str(paths[1]), f"{name}.camera_id", f"one of {len(intrinsics)} cameras", str(number))
        out.append((name, intrinsics[number], pose, str(paths[0])))
    if not out:
        raise Corrupt(str(paths[1]), "images", "at least one", "none")
    return out


def _camera(intrinsics: Intrinsics, pose: np.ndarray, name: str, file: str, ignore_distortion: bool) -> Camera:
    model, width, height, params = intrinsics
    f = params[:1].repeat(2) if model in ONE_FOCAL else params[:2]
    c, distortion = (params[1:3], params[3:]) if model in ONE_FOCAL else (params[2:4], params[4:])
    if (model in NOT_PERSPECTIVE or distortion.any()) and not ignore_distortion:
        raise Unsupported(file, "camera.model", ADVICE, model)
    sound = (np.abs(params) <= LARGEST).all() and (f >= LEAST_FOCAL).all()
    if not (sound and 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise Corrupt(file, "camera", f"parameters within {LARGEST:g}, a positive focal length and size", f"{model} {width} {height} {params.tolist()}")
    with np.errstate(over="ignore"):
        length = np.linalg.norm(pose[:4])
    if not (np.isfinite(pose).all() and 0 < length < np.inf and (np.abs(pose[4:]) <= LARGEST).all()):
        raise Corrupt(file, f"{name}.pose", f"a finite quaternion and translation, this within {LARGEST:g}", str(pose.tolist()))
    w, x, y, z = pose[:4] / length
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = pose[4:]
    return Camera(matrix, float(f[0]), float(f[1]), float(c[0]), float(c[1]), width, height, name)


class _Bytes:
    """A binary table, read from front to back."""

    def __init__(self, path: Path) -> None:
        self.file, self.data, self.at = str(path), _content(path), 0

    def take(self, form: str) -> tuple:
        size = struct.calcsize("<" + form)
        if self.at + size > len(self.data):
            raise Truncated(self.file, "content", f"{self.at + size} bytes", str(len(self.data)))
        self.at += size
        return struct.unpack_from("<" + form, self.data, self.at - size)

    def string(self) -> str:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise Truncated(self.file, "name", "a terminated string", "the end of the file")
        self.at, text = end + 1, self.data[self.at : end]
        return text.decode("utf-8", "replace")

    def skip(self, size: int) -> None:
        if self.at + size > len(self.data):
            raise Truncated(self.file, "points2D", f"{self.at + size} bytes", str(len(self.data)))
        self.at += size


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _cameras_bin(path: Path) -> dict[int, Intrinsics]:
    table = _Bytes(path)
    out = {}
    for _ in range(table.take("Q")[0]):
        number, model, width, height = table.take("iiQQ")
        if model not in MODELS:
            raise Unsupported(table.file, "camera.model", f"0 to {max(MODELS)}", str(model))
        name, count = MODELS[model]
        out[number] = (name, width, height, np.array(table.take(f"{count}d")))
    return out


def _images_bin(path: Path) -> Iterator[tuple[int, np.ndarray, str]]:
    table = _Bytes(path)
    for _ in range(table.take("Q")[0]):
        _, *pose, camera = table.take("I7dI")
        name = table.string()
        table.skip(24 * table.take("Q")[0])
        yield camera, np.array(pose), name


def _lines(path: Path) -> list[str]:
    """Lines but for comments; an image's line of points may be empty."""
    lines = _content(path).decode("utf-8", "replace").split("\n")
    return [line.strip() for line in lines if not line.lstrip().startswith("#")]


def _cameras_txt(path: Path) -> dict[int, Intrinsics]:
    out = {}
    sizes = dict(MODELS.values())
    for line in filter(None, _lines(path)):
        fields = line.split()
        if len(fields) < 4:
            raise Corrupt(str(path), "cameras", "at least four fields a line", repr(line[:60]))
        number, model, width, height, *params = fields
        if model not in sizes:
            raise Unsupported(str(path), "camera.model", ", ".join(sizes), model)
        values = _floats(params, sizes[model], path, f"camera {number}")
        sides = _floats([number, width, height], 3, path, "camera")
        if not (sides == np.clip(np.floor(sides), 0, 1 << 31)).all():
            raise Corrupt(str(path), "camera", "whole numbers for id, width and height", " ".join((number, width, height)))
        out[int(sides[0])] = (model, int(sides[1]), int(sides[2]), values)
    return out


def _images_txt(path: Path) -> Iterator[tuple[int, np.ndarray, str]]:
    lines = iter(_lines(path))
    for line in lines:
        if not line:
            continue
        next(lines, None)  # its points, which may be an empty line
        parts = line.split(maxsplit=9)
        if len(parts) < 10:
            raise Corrupt(str(path), "images", "ten fields a line", repr(line[:60]))
        yield int(_floats([parts[8]], 1, path, "camera_id")[0]), _floats(parts[1:8], 7, path, parts[9]), parts[9]


def _floats(texts: list[str], count: int, path: Path, field: str) -> np.ndarray:
    try:
        values = np.array([float(t) for t in texts])
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.isfinite(values).all():
        raise Corrupt(str(path), field, f"{count} numbers", " ".join(texts)[:60])
    return values
