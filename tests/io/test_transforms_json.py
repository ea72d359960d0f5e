"""transforms.json as instant-ngp, nerfstudio and NeRF-synthetic write it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gscompress.errors import Corrupt, InputError, Unsupported
from gscompress.evaluate.png import write_png
from gscompress.io.camera_files import read_cameras

ANGLE = 0.4
TO_WORLD = np.array([[np.cos(ANGLE), 0, np.sin(ANGLE), 1.0], [0, 1, 0, 2.0], [-np.sin(ANGLE), 0, np.cos(ANGLE), 3.0], [0, 0, 0, 1]])
FRAME = {"file_path": "images/a.png", "transform_matrix": TO_WORLD.tolist()}
CONTENT = {"w": 64.0, "h": 48, "fl_x": 70.0, "fl_y": 71.0, "cx": 30.0, "cy": 25.0, "frames": [FRAME]}


def read(folder, content, **options):
    (folder / "transforms.json").write_text(json.dumps(content))
    return read_cameras(folder / "transforms.json", **options)


def test_opengl_axes(tmp_path):
    [camera] = read(tmp_path, CONTENT)
    np.testing.assert_allclose(camera.position, [1, 2, 3], atol=1e-12)
    ahead = TO_WORLD @ [0, 0, -5, 1]  # OpenGL looks along -z
    np.testing.assert_allclose(camera.world_to_camera @ ahead, [0, 0, 5, 1], atol=1e-12)
    above = TO_WORLD @ [0, 1, -5, 1]
    assert (camera.world_to_camera @ above)[1] == pytest.approx(-1)  # OpenCV's y points down
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (70, 71, 30, 25)
    assert (camera.width, camera.height, camera.name) == (64, 48, "images/a.png")


def test_field_of_view_and_size_of_the_image(tmp_path):
    pytest.importorskip("PIL")
    (tmp_path / "train").mkdir()
    write_png(tmp_path / "train" / "r_0.png", np.zeros((40, 50, 3)))
    [camera] = read(tmp_path, {"camera_angle_x": 0.7, "frames": [{**FRAME, "file_path": "./train/r_0"}]})
    assert (camera.width, camera.height, camera.cx, camera.cy) == (50, 40, 25, 20)
    assert camera.fx == camera.fy == pytest.approx(25 / np.tan(0.35))
    (tmp_path / "train" / "broken.png").write_bytes(b"not an image")
    with pytest.raises(Corrupt, match="an image"):
        read(tmp_path, {"camera_angle_x": 0.7, "frames": [{**FRAME, "file_path": "train/broken"}]})
    with pytest.raises(Corrupt, match="camera_angle_x: expected a positive number of pixels"):
        read(tmp_path, {"camera_angle_x": 0, "frames": [{**FRAME, "file_path": "train/r_0"}]})
    with pytest.raises(InputError, match="expected w and h"):
        read(tmp_path, {"camera_angle_x": 0.7, "frames": [{**FRAME, "file_path": "./train/r_1"}]})


def test_a_frame_may_have_intrinsics_of_its_own(tmp_path):
    cameras = read(tmp_path, {**CONTENT, "frames": [FRAME, {**FRAME, "fl_x": 90.0}]})
    assert [c.fx for c in cameras] == [70, 90]


def test_distortion(tmp_path):
    with pytest.raises(Unsupported, match="undistort"):
        read(tmp_path, {**CONTENT, "k1": 0.05})
    assert read(tmp_path, {**CONTENT, "k1": 0.05}, ignore_distortion=True)[0].fx == 70
    assert read(tmp_path, {**CONTENT, "k1": 0.0, "camera_model": "OPENCV"})[0].fx == 70
    for bent in ({"camera_model": "OPENCV_FISHEYE"}, {"is_fisheye": True}, {"k6": 0.1}):
        with pytest.raises(Unsupported, match=next(iter(bent))):
            read(tmp_path, {**CONTENT, **bent})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"frames": []}, "frames"), ({"frames": [3]}, "frames"), ({"w": 64.5}, "w"), ({"h": 0}, "h"), ({"fl_x": -1.0}, "fl_x"), ({"fl_x": None}, "fl_x"),
        ({"fl_x": "long"}, "fl_x"), ({"cx": float("nan")}, "cx"), ({"frames": [{**FRAME, "transform_matrix": np.eye(3).tolist()}]}, "transform_matrix"),
        ({"fl_x": 1e-300}, "fl_x"), ({"fl_y": 1e300}, "fl_y"), ({"cy": 1e200}, "cy"),
        ({"frames": [{**FRAME, "transform_matrix": [*TO_WORLD[:2].tolist(), [*TO_WORLD[2, :3].tolist(), 1e38], [0, 0, 0, 1]]}]}, r"transform_matrix.* within 1e\+18"),
        ({"frames": [{**FRAME, "transform_matrix": (2 * np.eye(4)).tolist()}]}, "transform_matrix"),
    ],
)  # fmt: skip
def test_damage(tmp_path, change, field):
    with pytest.raises(Corrupt, match=field):
        read(tmp_path, {**CONTENT, **change})


@pytest.mark.parametrize("named", [{}, {"file_path": "/"}, {"file_path": ""}, {"file_path": ["a.png"]}, {"file_path": 3}, {"file_path": None}])
def test_a_size_without_a_file(tmp_path, named):
    pytest.importorskip("PIL")
    with pytest.raises(Corrupt, match=r"frames\[0\]\.file_path: expected the name of a photograph"):
        read(tmp_path, {"camera_angle_x": 0.7, "frames": [{"transform_matrix": TO_WORLD.tolist(), **named}]})
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path, {"camera_angle_x": 0.7, "frames": [{**FRAME, "file_path": 3000 * "a"}]})


@pytest.mark.data
def test_real_files(data_dir):
    with pytest.raises(Unsupported):
        read_cameras(data_dir / "fox" / "transforms.json")
    assert len(read_cameras(data_dir / "fox" / "transforms.json", ignore_distortion=True)) > 40
    assert len(read_cameras(data_dir / "lego" / "transforms_train.json")) == 100
