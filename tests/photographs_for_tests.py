"""Photographs of a scene of the repository, written as trainers' data sets are."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

import gscompress
from gscompress.cameras import Camera
from gscompress.evaluate.png import write_png
from gscompress.render import render
from gscompress.render.paths import orbit
from gscompress.scene import SH_C0, Scene

SHAPES = Path(__file__).resolve().parents[1] / "scenes" / "shapes_sh3.ply"


def views_of_shapes(count: int = 16, width: int = 64, height: int = 48) -> tuple[Scene, list[Camera]]:
    """The generated scene, and cameras around it named 000.png, 001.png..."""
    scene = gscompress.load(SHAPES)
    cameras = orbit(scene, count, width=width, height=height)
    return scene, [Camera(c.world_to_camera, c.fx, c.fy, c.cx, c.cy, width, height, f"{i:03d}.png") for i, c in enumerate(cameras)]


def write_photographs(folder: Path, scene: Scene, cameras: list[Camera]) -> None:
    """Renders, as PNG files by the cameras' names."""
    folder.mkdir(parents=True, exist_ok=True)
    for camera, made in zip(cameras, render(scene, cameras, backend="cpu"), strict=True):
        write_png(folder / camera.name, made.image)


def write_colmap(folder: Path, cameras: list[Camera], points: np.ndarray, colors: np.ndarray, model: str = "PINHOLE") -> None:
    """`sparse/0` as text; `model` may add coefficients, as in "OPENCV 0.1 0 0 0"."""
    sparse = folder / "sparse" / "0"
    sparse.mkdir(parents=True)
    name, *terms = model.split()
    lines = [
        " ".join([str(i), name, str(c.width), str(c.height), *(repr(float(v)) for v in (c.fx, c.fy, c.cx, c.cy)), *terms])
        for i, c in enumerate(cameras, start=1)
    ]
    (sparse / "cameras.txt").write_text("# cameras\n" + "\n".join(lines) + "\n")
    rows = []
    for i, camera in enumerate(cameras, start=1):
        pose = [*quaternion(camera.world_to_camera[:3, :3]), *camera.world_to_camera[:3, 3]]
        rows.append(f"{i} {' '.join(map(repr, map(float, pose)))} {i} {camera.name}\n\n")
    (sparse / "images.txt").write_text("".join(rows))
    places = [f"{i} {' '.join(map(repr, map(float, p)))} {c[0]} {c[1]} {c[2]} 0.5" for i, (p, c) in enumerate(zip(points, colors, strict=True))]
    (sparse / "points3D.txt").write_text("\n".join(["# points", *places]) + "\n")


def binary_points(points: np.ndarray, colors: np.ndarray, track: int = 3) -> bytes:
    """points3D.bin."""
    rows = [
        struct.pack("<Q3d3BdQ", i, *p, *(int(v) for v in c), 0.5, track) + bytes(8 * track)
        for i, (p, c) in enumerate(zip(points, colors, strict=True))
    ]
    return struct.pack("<Q", len(points)) + b"".join(rows)


def colmap_of_shapes(folder: Path, count: int = 16) -> tuple[Scene, list[Camera]]:
    """A whole COLMAP data set of the generated scene, its Gaussians' centres as points."""
    scene, cameras = views_of_shapes(count)
    write_photographs(folder / "images", scene, cameras)
    colors = np.rint(255 * (0.5 + SH_C0 * scene.sh[:, 0]).clip(0, 1)).astype(np.uint8)
    write_colmap(folder, cameras, scene.means, colors)
    return scene, cameras


def write_transforms(path: Path, cameras: list[Camera], names: list[str], **fields: object) -> None:
    """A transforms.json; the cameras' intrinsics are alike."""
    frames = []
    for camera, name in zip(cameras, names, strict=True):
        to_world = np.linalg.inv(camera.world_to_camera) @ np.diag([1.0, -1.0, -1.0, 1.0])
        frames.append({"file_path": name, "transform_matrix": to_world.tolist()})
    first = cameras[0]
    shared = {"fl_x": first.fx, "fl_y": first.fy, "cx": first.cx, "cy": first.cy, "w": first.width, "h": first.height}
    path.write_text(json.dumps({**shared, **fields, "frames": frames}))


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """wxyz of a rotation matrix: the eigenvector that Bar-Itzhack's symmetric matrix has for its largest eigenvalue."""
    m = rotation
    k = np.array([
        [m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
        [m[2, 1] - m[1, 2], m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
        [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], m[1, 2] + m[2, 1]],
        [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1]],
    ])  # fmt: skip
    return np.linalg.eigh(k)[1][:, -1]
