"""Photographs with their cameras, as training wants them: pinholes of one scale, split into those to learn and those to test.

Read from a COLMAP folder, or from a transforms.json of instant-ngp, nerfstudio or NeRF-synthetic. The scene stays in the frame
of its cameras.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..cameras import Camera
from ..errors import Corrupt, InputError
from ..io.camera_files import read_cameras
from ..io.colmap import model_folder, read_colmap
from ..io.colmap_points import read_points
from ..io.common import is_file
from ..io.lenses import PINHOLE, Lens, Undistortion, colmap_lenses, transforms_lens
from ..io.pictures import bicubically, read_picture
from ..io.transforms_json import frame_file

TEST_EVERY = 8
SMALLEST_SIDE = 16
"""px, of a photograph made smaller."""
ENDINGS = (".png", ".jpg", ".jpeg", ".JPG", ".JPEG", ".PNG", ".webp", ".tif", ".tiff")
PARTS, RESAMPLES = ("train", "test"), ("mean", "bicubic")
Color = tuple[float, float, float]
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Photograph:
    """One photograph.

    Attributes:
        camera: the pinhole that took it, at its size.
        image: uint8 [H, W, 3]; what was transparent shows the background.
        alpha: uint8 [H, W]; None where the file has none.
    """

    camera: Camera
    image: np.ndarray
    alpha: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Photographs:
    """What a scene is trained from.

    Attributes:
        train, test: by name; `test` may be empty.
        points: float64 [P, 3], of structure from motion; empty where there are none.
        colors: uint8 [P, 3].
        background: colour behind everything, 0 to 1: black unless the photographs are transparent in parts.
        notes: sentences for the user.
    """

    train: tuple[Photograph, ...]
    test: tuple[Photograph, ...]
    points: np.ndarray
    colors: np.ndarray
    background: Color
    notes: tuple[str, ...] = ()


class Source(NamedTuple):
    """A camera file's word on one photograph, which may not be there."""

    camera: Camera
    lens: Lens
    path: Path
    test: bool


class Survey(NamedTuple):
    """What there is to read: `sources` by name, and the COLMAP folder (None where the cameras are in a transforms.json)."""

    sources: list[Source]
    model: Path | None


def load_photographs(
    data: str | Path,
    *,
    images: str | None = None,
    downscale: int | None = None,
    largest_side: int = 1600,
    test_every: int = TEST_EVERY,
    background: Color | None = None,
    parts: Sequence[str] = PARTS,
    resample: str = RESAMPLES[0],
    progress: Callable[[float], None] = lambda share: None,
) -> Photographs:
    """Reads photographs, undistorts them and makes them smaller.

    Args:
        data: a COLMAP folder (`images` and `sparse/0`), a folder with transforms.json or transforms_train.json, or such a file.
        images: folder of the photographs, below `data` or anywhere; None for `images`, or what the frames name.
        downscale: whole factor; None for the least that leaves no side above `largest_side` px.
        test_every: every so manieth by name, from the first, is for testing; 0 for none. transforms_test.json comes before it.
        background: behind transparent photographs; None for white.
        parts: what to read of "train" and "test"; the other is empty then.
        resample: "mean": pixels are averages, and what is left over at the right and bottom is cut off; "bicubic": as gsplat's trainer does.
        progress: called with the share read.

    Raises:
        InputError: there are no cameras or not all photographs, or they get too small.
        Corrupt, Truncated, Unsupported: a file is not sound, or has another size or shape than its camera.
        MissingExtra: Pillow is not installed.
    """
    if resample not in RESAMPLES:
        raise InputError(f"resample: expected {' or '.join(RESAMPLES)}, found {resample!r}")
    sources, model = survey(data, images=images, test_every=test_every)
    if all(s.test for s in sources):
        raise InputError(f"test_every: expected photographs to be left for training, found all {len(sources)} to be for testing")
    sources = [s for s in sources if ("test" if s.test else "train") in parts]
    if not sources:
        raise InputError(f"test_every: expected photographs for {' and '.join(parts)}, found none")
    _check_there([s.path for s in sources])
    behind = WHITE if background is None else background
    undistortions: dict[tuple, Undistortion] = {}
    taken: list[Photograph] = []
    for done, source in enumerate(sources, start=1):
        taken.append(_photograph(source, downscale, largest_side, behind, resample, undistortions))
        progress(done / len(sources))
    if all(p.alpha is not None and not p.alpha.any() for p in taken):
        raise InputError(f"photographs: expected something to be seen in them, found all {len(taken)} transparent throughout")
    points, colors = read_points(model) if model else (np.zeros((0, 3)), np.zeros((0, 3), np.uint8))
    sizes = sorted({(p.camera.width, p.camera.height) for p in taken})
    notes = [f"{len(taken)} photographs of {sizes[0][0]} x {sizes[0][1]} px" + ("" if len(sizes) == 1 else " and other sizes")]
    if undistortions:
        notes.append("lens distortion was taken out of the photographs")
    clear = any(p.alpha is not None for p in taken)
    return Photographs(
        tuple(p for p, s in zip(taken, sources, strict=True) if not s.test),
        tuple(p for p, s in zip(taken, sources, strict=True) if s.test),
        points, colors, behind if clear or background is not None else BLACK, tuple(notes),
    )  # fmt: skip


def survey(data: str | Path, *, images: str | None = None, test_every: int = TEST_EVERY) -> Survey:
    """Which photographs there are, with their cameras at the size that the camera file has; arguments and errors as `load_photographs`."""
    data = Path(data)
    if not data.exists():
        raise InputError(f"{data}: expected a COLMAP folder or a transforms.json, found no such file")
    file = data if data.is_file() else next((data / n for n in ("transforms_train.json", "transforms.json") if (data / n).is_file()), None)
    if data.is_dir() and model_folder(data) is not None:
        lenses = colmap_lenses(data)
        folder = _image_folder(data, images)
        sources = [
            Source(camera, lenses[camera.name], _with_ending(folder / _named(camera.name, data)), False)
            for camera in read_colmap(data, ignore_distortion=True)
        ]
        return Survey(_split(sources, test_every), data)
    if file is None:
        raise InputError(f"{data}: expected sparse/0 of COLMAP, transforms.json or transforms_train.json, found none of them")
    folder = None if images is None else _image_folder(file.parent, images)
    sources = _frames(file, folder, False)
    tests = file.with_name("transforms_test.json")
    if file.name == "transforms_train.json" and tests.is_file():
        return Survey(sorted(sources + _frames(tests, folder, True), key=lambda s: s.camera.name), None)
    return Survey(_split(sorted(sources, key=lambda s: s.camera.name), test_every), None)


def _frames(file: Path, folder: Path | None, test: bool) -> list[Source]:
    cameras = read_cameras(file, ignore_distortion=True)
    content = json.loads(file.read_bytes())
    if not isinstance(content, dict):
        raise InputError(f"{file}: expected a transforms.json, found a list of cameras, which names no photographs")
    out = []
    for i, (camera, frame) in enumerate(zip(cameras, content["frames"], strict=True)):
        named = Path(frame_file(frame, str(file), f"frames[{i}]"))
        path = file.parent / named if folder is None else folder / named.name
        lens = transforms_lens({**content, **frame}, str(file), f"frames[{i}]")
        out.append(Source(camera, lens, _with_ending(path), test))
    return out


def _split(sources: Sequence[Source], test_every: int) -> list[Source]:
    if test_every < 0 or test_every == 1:
        raise InputError(f"test_every: expected 0 or a number of 2 or more, found {test_every}")
    return [s._replace(test=bool(test_every) and i % test_every == 0) for i, s in enumerate(sources)]


def _image_folder(data: Path, images: str | None) -> Path:
    """The folder of the photographs."""
    if images is not None:
        folder = data / images
        if not folder.is_dir():
            raise InputError(f"images: expected a folder, found none at {folder}")
        return folder
    for name in ("images", "images_2", "images_4", "images_8"):
        if (data / name).is_dir():
            return data / name
    raise InputError(f"{data}: expected a folder 'images' with the photographs, found none; --images names another")


def _named(name: str, data: Path) -> str:
    """The name of a registered image; Corrupt where it can be none of a file."""
    if not Path(name).name:
        raise Corrupt(str(data), "images.name", "the name of a photograph", repr(name))
    return name


def _with_ending(path: Path) -> Path:
    """The path, or, where nothing is there, the same name with another ending: NeRF-synthetic leaves it out, images_N may change it."""
    if is_file(path):
        return path
    stems = (path, path.with_suffix("")) if path.suffix in ENDINGS else (path,)
    return next((p for s in stems for e in ENDINGS if is_file(p := s.with_name(s.name + e))), path)


def _check_there(paths: Sequence[Path]) -> None:
    missing = [path for path in paths if not is_file(path)]
    if missing:
        names = ", ".join(str(path) for path in missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise InputError(f"photographs: expected {len(paths)} that the camera file names, found {len(missing)} of them missing: {names}")


def _photograph(
    source: Source, downscale: int | None, largest_side: int, background: Color, resample: str, undistortions: dict[tuple, Undistortion]
) -> Photograph:
    image = read_picture(source.path)
    camera = _camera_of(image, source)
    if source.lens != PINHOLE:
        key = (camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy, source.lens)
        undistortion = undistortions.get(key) or undistortions.setdefault(key, Undistortion.of(camera, source.lens))
        image = undistortion.apply(image)
        camera = replace(undistortion.camera, world_to_camera=camera.world_to_camera, name=camera.name)
    factor = downscale or max(1, -(-max(camera.width, camera.height) // largest_side))
    bicubic = resample == "bicubic" and factor > 1
    camera = bicubic_camera(camera, factor) if bicubic else shrunk_camera(camera, factor)
    if min(camera.width, camera.height) < SMALLEST_SIDE:
        raise InputError(f"downscale: expected photographs of {SMALLEST_SIDE} px a side or more, found {camera.width} x {camera.height}")

    def made_smaller(values: np.ndarray) -> np.ndarray:
        return bicubically(eight_bit(values), camera.width, camera.height) if bicubic else eight_bit(shrunk(values, factor))

    if image.shape[2] == 3:
        return Photograph(camera, made_smaller(image))
    alpha = image[..., 3:].astype(np.float32) / 255
    values = image[..., :3] * alpha + np.float32(255) * np.array(background, np.float32) * (1 - alpha)
    return Photograph(camera, made_smaller(values), made_smaller(255 * alpha)[..., 0])


def _camera_of(image: np.ndarray, source: Source) -> Camera:
    """The camera at the size of its photograph, which may be a smaller copy."""
    height, width = image.shape[:2]
    camera = source.camera
    if (width, height) == (camera.width, camera.height):
        return camera
    scale = width / camera.width
    if abs(height - camera.height * scale) > 1 + scale:
        raise Corrupt(
            str(source.path), "size", f"{camera.width} x {camera.height} px as its camera has, or a scale of it", f"{width} x {height}"
        )
    return camera.resized(width, height)


def eight_bit(values: np.ndarray) -> np.ndarray:
    """uint8 of values of 0 to 255."""
    return np.rint(values).clip(0, 255).astype(np.uint8)


def shrunk(image: np.ndarray, factor: int) -> np.ndarray:
    """float32 [H // factor, W // factor, C]: means of squares of [H, W, C]; what is left at the right and bottom is cut off."""
    height, width = image.shape[0] // factor, image.shape[1] // factor
    total = np.zeros((height, width, image.shape[2]), np.float32)
    for row in range(factor):
        for column in range(factor):
            total += image[row : height * factor : factor, column : width * factor : factor]
    return total / np.float32(factor * factor)


def shrunk_camera(camera: Camera, factor: int) -> Camera:
    """The camera of a `shrunk` photograph."""
    return replace(
        camera, fx=camera.fx / factor, fy=camera.fy / factor, cx=camera.cx / factor, cy=camera.cy / factor,
        width=camera.width // factor, height=camera.height // factor,
    )  # fmt: skip


def bicubic_camera(camera: Camera, factor: int) -> Camera:
    """The camera of a photograph made smaller as gsplat's trainer does: sides rounded to even where halfway, focal lengths and principal
    point over the factor, and then times the sides over those that cutting off would have left."""
    width, height = round(camera.width / factor), round(camera.height / factor)
    x, y = width / (camera.width // factor) / factor, height / (camera.height // factor) / factor
    return replace(camera, fx=camera.fx * x, fy=camera.fy * y, cx=camera.cx * x, cy=camera.cy * y, width=width, height=height)
