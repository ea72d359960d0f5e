"""Cameras of another frame than the scene's are noticed, and right ones left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gscompress import io
from gscompress.cameras import Camera
from gscompress.io.camera_files import read_cameras
from gscompress.render import synthesise
from gscompress.render.frames import frame_fit, frame_notes
from gscompress.scene import Scene, empty_scene

SCENES = Path(__file__).resolve().parents[2] / "scenes"


def moved(cameras: list[Camera], scale: float = 1.0, rotation: np.ndarray | None = None, shift: tuple[float, ...] = (0, 0, 0)) -> list[Camera]:
    """The cameras after a similarity of the world."""
    out = []
    for c in cameras:
        turn = np.eye(3) if rotation is None else rotation
        world_to_camera = np.eye(4)
        world_to_camera[:3, :3] = c.world_to_camera[:3, :3] @ turn.T
        world_to_camera[:3, 3] = -world_to_camera[:3, :3] @ (scale * turn @ c.position + shift)
        out.append(Camera(world_to_camera, c.fx, c.fy, c.cx, c.cy, c.width, c.height, c.name))
    return out


def as_nerfstudio(cameras: list[Camera]) -> list[Camera]:
    """Centred, turned so that their mean up is z, and scaled into the unit cube."""
    positions = np.array([c.position for c in cameras])
    up = -np.mean([c.world_to_camera[1, :3] for c in cameras], axis=0)
    up /= np.linalg.norm(up)
    across = np.cross(up, [0, 0, 1])
    k = np.array([[0, -across[2], across[1]], [across[2], 0, -across[0]], [-across[1], across[0], 0]])
    turn = np.eye(3) + k + k @ k / (1 + up[2])
    centre = positions.mean(0)
    scale = 1 / np.abs((positions - centre) @ turn.T).max()
    return moved(cameras, scale, turn, tuple(-scale * turn @ centre))


@pytest.fixture(scope="module")
def tile() -> tuple[Scene, list[Camera]]:
    scene = io.read(SCENES / "tile.ply").scene
    return scene, synthesise(scene, 9, width=320, height=240)


def test_cameras_of_the_scene(tile: tuple[Scene, list[Camera]]):
    scene, cameras = tile
    fit = frame_fit(scene, cameras)
    assert fit is not None
    assert fit.plausible
    assert 0.5 < fit.detail < 2
    assert fit.cameras == 9
    assert frame_notes(scene, cameras) == []
    assert frame_fit(scene, cameras, threads=1) == frame_fit(scene, cameras, threads=3)
    shapes = io.read(SCENES / "shapes_sh3.ply").scene
    assert frame_notes(shapes, synthesise(shapes, 5)) == []
    for number in (0, 4, 8):  # a single one may see a part only
        assert frame_notes(scene, [cameras[number]]) == []


def test_cameras_of_another_frame(tile: tuple[Scene, list[Camera]]):
    scene, cameras = tile
    half_turn = np.diag([1.0, -1, -1])
    backwards = [Camera(np.diag([-1.0, 1, -1, 1]) @ c.world_to_camera, c.fx, c.fy, c.cx, c.cy, c.width, c.height) for c in cameras]
    for other in (as_nerfstudio(cameras), moved(cameras, 0.1), moved(cameras, 10), moved(cameras, shift=(30, 0, 0)),
                  moved(cameras, 0.2, half_turn, (1, 2, 3)), backwards):  # fmt: skip
        (note,) = frame_notes(scene, other)
        assert "another frame" in note
        assert "% of the detail" in note
    assert frame_notes(scene, [backwards[0]])


def test_nothing_to_compare(tile: tuple[Scene, list[Camera]]):
    scene, cameras = tile
    assert frame_fit(scene, []) is None
    assert frame_fit(empty_scene(), cameras) is None
    faint = scene.select(np.arange(100))
    faint.opacity_logits[:] = -50
    assert frame_notes(faint, cameras) == []


@pytest.mark.data
def test_no_false_alarm_on_real_scenes(data_dir: Path, tmp_path: Path):
    """Every scene that came with a camera file; most mixed-up pairs are noticed."""
    files = {path.stem: path for path in sorted((data_dir / "cameras").glob("*.json"))}
    files["bonsai"] = data_dir / "mipnerf360" / "bonsai" / "cameras.json"
    subprocess.run([sys.executable, str(data_dir / "unpack.py"), str(tmp_path), *files], check=True, stdout=subprocess.DEVNULL)
    noticed = 0
    for name, path in files.items():
        scene, cameras = io.read(tmp_path / f"{name}.ply").scene, read_cameras(path, ignore_distortion=True)
        assert frame_notes(scene, cameras) == [], name
        noticed += len(frame_notes(scene, as_nerfstudio(cameras)))
        assert frame_notes(scene, moved(cameras, shift=(1e3, 0, 0))), name
    assert noticed >= len(files) / 2
