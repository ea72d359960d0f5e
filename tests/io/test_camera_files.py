"""cameras.json against the definition world = rotation @ camera + position."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gscompress import Camera
from gscompress.errors import BadMagic, Corrupt, InputError, OutputError
from gscompress.io.camera_files import read_cameras, write_cameras

ANGLE = 0.3
ROTATION = [[np.cos(ANGLE), 0, np.sin(ANGLE)], [0, 1, 0], [-np.sin(ANGLE), 0, np.cos(ANGLE)]]
ENTRY = {
    "id": 3, "img_name": "a view", "width": 640, "height": 401, "position": [1.0, -2.0, 3.5],
    "rotation": ROTATION, "fx": 500.5, "fy": 501,
}  # fmt: skip


def test_rotation_is_camera_to_world(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps([ENTRY]))
    [camera] = read_cameras(tmp_path / "c.json")
    point = np.array([0.2, 0.1, 4.0])
    world = np.array(ROTATION) @ point + ENTRY["position"]
    np.testing.assert_allclose(camera.world_to_camera @ [*world, 1], [*point, 1], atol=1e-12)
    np.testing.assert_allclose(camera.position, ENTRY["position"], atol=1e-12)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (500.5, 501, 320, 200.5)
    assert (camera.width, camera.height, camera.name) == (640, 401, "a view")


def test_round_trip(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps([ENTRY, ENTRY | {"img_name": "b"}]))
    cameras = read_cameras(tmp_path / "c.json")
    assert write_cameras(cameras, tmp_path / "d.json") == (tmp_path / "d.json").stat().st_size
    for before, after in zip(cameras, read_cameras(tmp_path / "d.json"), strict=True):
        np.testing.assert_allclose(after.world_to_camera, before.world_to_camera, atol=1e-12)
        for name in ("fx", "fy", "cx", "cy", "width", "height", "name"):
            assert getattr(after, name) == getattr(before, name)
    with pytest.raises(OutputError):
        write_cameras(cameras, tmp_path / "d.json")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("position", [1, 2]), ("position", [1, 2, None]), ("position", [1, 2, float("inf")]), ("position", "xyz"),
        ("rotation", [[1, 0, 0], [0, 1, 0]]), ("rotation", [[1, 0, 0], [0, 1, 0], [0, 0, 2]]),
        ("rotation", [[1, 0, 0], [0, 1, 0], [0, 0, -1]]), ("rotation", [[1, 0, 0], [0, 1], [0, 0, 1]]),
        ("width", 0), ("width", 1.5), ("height", 10**9), ("height", True), ("fx", 0), ("fy", -3), ("fy", "5"),
        ("fx", 10**400),
    ],
)  # fmt: skip
def test_a_bad_field_is_named(tmp_path, field, value):
    (tmp_path / "c.json").write_text(json.dumps([ENTRY, ENTRY | {field: value}]))
    with pytest.raises(Corrupt, match=rf"\[1\]\.{field}"):
        read_cameras(tmp_path / "c.json")
    (tmp_path / "c.json").write_text(json.dumps([{k: v for k, v in ENTRY.items() if k != field}]))
    with pytest.raises(Corrupt, match=rf"\[0\]\.{field}"):
        read_cameras(tmp_path / "c.json")


@pytest.mark.parametrize("text", ["", "[", "\x00", "[" * 100_000])
def test_not_json(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(Corrupt, match="JSON"):
        read_cameras(tmp_path / "c.json")


@pytest.mark.parametrize("text", ["{}", "[1]", "null"])
def test_not_a_list_of_cameras(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(BadMagic):
        read_cameras(tmp_path / "c.json")


def test_no_such_file(tmp_path):
    with pytest.raises(InputError):
        read_cameras(tmp_path / "absent.json")


def test_a_principal_point_off_centre_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="principal point"):
        write_cameras([Camera(np.eye(4), 100, 100, 45, 50, 100, 100)], tmp_path / "c.json")
