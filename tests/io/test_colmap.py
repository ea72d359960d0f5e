"""COLMAP's tables, binary and text, against their definition; damage of every kind."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest

from gscompress.errors import Corrupt, FormatError, GSCompressError, InputError, Truncated, Unsupported
from gscompress.io.camera_files import read_cameras
from gscompress.io.colmap import MODELS

QUAT, TRANSLATION = np.array([0.9, 0.1, -0.3, 0.2]), np.array([0.5, -1.0, 4.0])
IMAGES = [(2, QUAT * 2, TRANSLATION, 1, "b.png"), (7, [1, 0, 0, 0], [0, 0, 1], 1, "a name.png")]


def binary(folder: Path, model: int = 1, params=(500.0, 510.0, 320.5, 240.0)) -> Path:
    where = folder / "sparse" / "0"
    where.mkdir(parents=True)
    (where / "cameras.bin").write_bytes(struct.pack(f"<QiiQQ{len(params)}d", 1, 1, model, 640, 480, *params))
    images = struct.pack("<Q", len(IMAGES))
    for number, quat, translation, camera, name in IMAGES:
        points = struct.pack("<Qddq", 1, 1.5, 2.5, -1)
        images += struct.pack("<I7dI", number, *quat, *translation, camera) + name.encode() + b"\0" + points
    (where / "images.bin").write_bytes(images)
    return where


def text(folder: Path, camera: str = "1 PINHOLE 640 480 500 510 320.5 240") -> Path:
    (folder / "cameras.txt").write_text(f"# a comment\n{camera}\n")
    rows = [" ".join(map(str, (n, *q, *t, c, name))) + "\n" + points for (n, q, t, c, name), points in zip(IMAGES, ("1 2 -1\n", "\n"), strict=True)]
    (folder / "images.txt").write_text("# two lines an image\n" + "".join(rows))
    return folder


def check(cameras) -> None:
    assert [c.name for c in cameras] == ["a name.png", "b.png"]
    found = cameras[1]
    assert (found.fx, found.fy, found.cx, found.cy, found.width, found.height) == (500, 510, 320.5, 240, 640, 480)
    rotation = found.world_to_camera[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    # The quaternion turns v as q v q*.
    w, xyz = QUAT[0] / np.linalg.norm(QUAT), QUAT[1:] / np.linalg.norm(QUAT)
    v = np.array([0.3, -0.4, 2.0])
    np.testing.assert_allclose(rotation @ v, v + 2 * np.cross(xyz, np.cross(xyz, v) + w * v), atol=1e-12)
    np.testing.assert_allclose(found.world_to_camera[:3, 3], TRANSLATION)


def test_binary(tmp_path):
    where = binary(tmp_path)
    check(read_cameras(tmp_path))
    check(read_cameras(where))


def test_text(tmp_path):
    check(read_cameras(text(tmp_path)))


def test_empty_lines_and_comments_between_images(tmp_path):
    text(tmp_path)
    lines = (tmp_path / "images.txt").read_text().splitlines()
    (tmp_path / "images.txt").write_text("\r\n".join(["", "  # indented", *lines[:3], "", "# between", *lines[3:], "", ""]))
    check(read_cameras(tmp_path))


def test_models(tmp_path):
    for model, (name, count) in MODELS.items():
        folder = tmp_path / name
        binary(folder, model, np.linspace(500, 300, count))
        if name in ("PINHOLE", "SIMPLE_PINHOLE"):
            assert len(read_cameras(folder)) == 2
            continue
        with pytest.raises(Unsupported, match=f"image_undistorter.*{name}"):
            read_cameras(folder)
        assert read_cameras(folder, ignore_distortion=True)[0].fx == 500
    straight = tmp_path / "straight"
    binary(straight, 2, (500.0, 320.0, 240.0, 0.0))
    assert read_cameras(straight)[0].fy == 500


def test_truncation_and_changes(tmp_path):
    where = binary(tmp_path)
    for table in ("cameras.bin", "images.bin"):
        whole = (where / table).read_bytes()
        for end in range(len(whole)):
            (where / table).write_bytes(whole[:end])
            with pytest.raises(Truncated):
                read_cameras(tmp_path)
        random = np.random.default_rng(0)
        for _ in range(300):
            changed = bytearray(whole)
            changed[random.integers(len(whole))] = random.integers(256)
            (where / table).write_bytes(changed)
            with contextlib.suppress(FormatError):
                assert all(np.isfinite(c.world_to_camera).all() for c in read_cameras(tmp_path))
        (where / table).write_bytes(whole)


@pytest.mark.parametrize("camera", ["1 PINHOLE 640 480 500 510 320.5", "1 PINHOLE 640 x 1 2 3 4", "1 PINHOLE", "1 PINHOLE 640.5 480 500 510 320 240", "1 PINHOLE 0 480 500 510 320 240", "1 PINHOLE 640 480 -5 510 320 240"])
def test_damaged_text(tmp_path, camera):
    with pytest.raises(Corrupt, match=r"cameras\.txt"):
        read_cameras(text(tmp_path, camera))


def test_what_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"found no images\.bin"):
        read_cameras(tmp_path)
    text(tmp_path, "2 PINHOLE 640 480 500 510 320.5 240")
    with pytest.raises(Corrupt, match="camera_id"):
        read_cameras(tmp_path)
    (tmp_path / "cameras.txt").unlink()
    with pytest.raises(GSCompressError, match=r"cameras\.txt"):
        read_cameras(tmp_path)


@pytest.mark.data
def test_a_real_reconstruction_is_its_cameras_json(data_dir):
    folder = data_dir / "mipnerf360" / "bonsai"
    ours = {Path(c.name).stem: c for c in read_cameras(folder)}
    assert len(ours) == 292
    for camera in read_cameras(folder / "cameras.json"):
        other = ours[Path(camera.name).stem]
        np.testing.assert_allclose(other.world_to_camera, camera.world_to_camera, atol=1e-4)
        assert other.fx / other.width == pytest.approx(camera.fx / camera.width, rel=0.01)
