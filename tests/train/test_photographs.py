"""Photographs with cameras: splits, sizes, lenses, transparency, starting points, and what is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from photographs_for_tests import (
    binary_points,
    colmap_of_shapes,
    views_of_shapes,
    write_colmap,
    write_photographs,
    write_transforms,
)

from gscompress.cameras import Camera
from gscompress.errors import Corrupt, FormatError, InputError, MissingExtra, Truncated, Unsupported
from gscompress.io.colmap_points import read_points
from gscompress.io.lenses import Lens, Undistortion
from gscompress.render import render_view
from gscompress.train.photographs import load_photographs, shrunk, shrunk_camera
from gscompress.train.points import focus, made_up_points, neighbour_distance

Image = pytest.importorskip("PIL.Image")


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def test_a_colmap_folder(tmp_path):
    scene, cameras = colmap_of_shapes(tmp_path)
    found = load_photographs(tmp_path)
    assert [p.camera.name for p in found.test] == ["000.png", "008.png"]
    assert [p.camera.name for p in found.train] == [f"{i:03d}.png" for i in range(16) if i % 8]
    assert found.background == (0, 0, 0)
    np.testing.assert_allclose(found.points, scene.means, rtol=1e-6)
    assert found.colors.dtype == np.uint8
    for photograph, camera in zip(found.train[:3], cameras[1:4], strict=True):
        np.testing.assert_allclose(photograph.camera.world_to_camera, camera.world_to_camera, atol=1e-9)
        wanted = render_view(scene, camera).image.clip(0, 1) * 255
        assert np.abs(photograph.image - wanted).max() <= 0.51
        assert photograph.alpha is None
    assert [len(part) for part in (load_photographs(tmp_path, test_every=0).train, load_photographs(tmp_path, test_every=4).test)] == [16, 4]
    with pytest.raises(InputError, match="test_every"):
        load_photographs(tmp_path, test_every=1)


def test_sizes(tmp_path):
    _, cameras = colmap_of_shapes(tmp_path, 2)
    whole, half = load_photographs(tmp_path, test_every=0), load_photographs(tmp_path, test_every=0, downscale=2)
    for a, b in zip(whole.train, half.train, strict=True):
        assert np.abs(a.image.reshape(24, 2, 32, 2, 3).mean((1, 3)) - b.image).max() <= 0.51
        assert (b.camera.width, b.camera.height, b.camera.fx, b.camera.cx) == (32, 24, cameras[0].fx / 2, cameras[0].cx / 2)
    assert load_photographs(tmp_path, largest_side=40).train[0].image.shape == (24, 32, 3)
    for photograph in half.train:  # a folder of smaller copies: the cameras follow
        save(tmp_path / "images_2" / photograph.camera.name.replace(".png", ".jpg"), photograph.image)
    copies = load_photographs(tmp_path, images="images_2", test_every=0)
    assert copies.train[0].camera.resized(32, 24).fx == pytest.approx(half.train[0].camera.fx)
    assert copies.train[0].image.shape == (24, 32, 3)
    with pytest.raises(InputError, match="16 px"):
        load_photographs(tmp_path, downscale=4)
    save(tmp_path / "images" / "000.png", np.zeros((48, 60, 3), np.uint8))
    with pytest.raises(Corrupt, match=r"000\.png: size: expected 64 x 48 px.*found 60 x 48"):
        load_photographs(tmp_path)


def test_odd_sizes_are_cut():
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    np.testing.assert_allclose(shrunk(image, 3)[0, 1], image[:3, 3:6].mean((0, 1)))
    camera = shrunk_camera(Camera(np.eye(4), 9, 9, 3.5, 2.5, 7, 5), 3)
    assert (camera.width, camera.height, camera.fx) == (2, 1, 3)


def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Smooth colours of a direction, uint8 [..., 3]."""
    waves = np.stack([np.sin(3 * x + y), np.cos(2 * y - x), np.sin(4 * x * y)], axis=-1)
    return np.rint(127.5 + 100 * waves).astype(np.uint8)


def taken_through(lens: Lens, camera: Camera) -> np.ndarray:
    """A photograph of `pattern`: the inverse of the lens by fixed-point iteration."""
    u, v = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    wanted_x, wanted_y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    x, y = wanted_x.copy(), wanted_y.copy()
    for _ in range(100):
        distorted = lens.distort(x, y)
        x, y = x + wanted_x - distorted[0], y + wanted_y - distorted[1]
    return pattern(x, y)


BARREL = {"k1": -0.08, "k2": 0.01, "p1": 0.002, "p2": -0.003}
CUSHION = {"k1": 0.1, "k2": -0.02, "p1": -0.001, "p2": 0.0}


@pytest.mark.parametrize("terms", [BARREL, CUSHION])
def test_lenses_are_taken_out(tmp_path, terms):
    _, cameras = views_of_shapes(3, 160, 120)
    cameras = [Camera(c.world_to_camera, 130.0, 128.0, 82.0, 58.0, 160, 120, c.name) for c in cameras]
    for camera in cameras:
        save(tmp_path / "images" / camera.name, taken_through(Lens(**terms), camera))
    write_transforms(tmp_path / "transforms.json", cameras, [f"images/{c.name}" for c in cameras], **terms)
    by_json = load_photographs(tmp_path, test_every=0)
    assert "distortion" in " ".join(by_json.notes)
    camera, image = by_json.train[1].camera, by_json.train[1].image
    u, v = np.meshgrid(np.arange(160) + 0.5, np.arange(120) + 0.5)
    wanted = pattern((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy)
    assert np.abs(image.astype(int) - wanted).max() <= 2
    assert np.abs(taken_through(Lens(**terms), camera).astype(int) - wanted).max() > 5  # there was something to do
    assert (camera.fx > 130) == (terms["k1"] > 0)  # zoomed in where the corners would have been empty
    write_colmap(tmp_path, cameras, np.zeros((0, 3)), np.zeros((0, 3), np.uint8), "OPENCV " + " ".join(map(str, terms.values())))
    by_colmap = load_photographs(tmp_path, test_every=0)
    np.testing.assert_array_equal(by_colmap.train[1].image, image)
    np.testing.assert_allclose(by_colmap.train[1].camera.world_to_camera, camera.world_to_camera, atol=1e-9)


def test_what_is_no_flawed_pinhole(tmp_path):
    _, cameras = views_of_shapes(2)
    write_photographs(tmp_path, views_of_shapes(2)[0], cameras)
    names = [c.name for c in cameras]
    write_transforms(tmp_path / "transforms.json", cameras, names, camera_model="OPENCV_FISHEYE", k1=0.1)
    with pytest.raises(Unsupported, match="fisheye"):
        load_photographs(tmp_path)
    write_transforms(tmp_path / "transforms.json", cameras, names, k1=30.0)
    with pytest.raises(InputError, match="zoom"):
        load_photographs(tmp_path)
    write_transforms(tmp_path / "transforms.json", cameras, names, k1="much")
    with pytest.raises(Corrupt, match="k1"):
        load_photographs(tmp_path)
    write_colmap(tmp_path, cameras, np.zeros((0, 3)), np.zeros((0, 3), np.uint8), "OPENCV_FISHEYE 0.1 0 0 0")
    with pytest.raises(Unsupported, match="OPENCV_FISHEYE"):
        load_photographs(tmp_path)


def test_one_pixel_wide():
    camera = Camera(np.eye(4), 10, 10, 0.5, 2, 1, 4)
    image = np.arange(12, dtype=np.uint8).reshape(4, 1, 3)
    assert np.abs(Undistortion.of(camera, Lens(k1=1e-6)).apply(image).astype(int) - image).max() <= 1


def test_transparent_photographs(tmp_path):
    """As NeRF-synthetic has them: endings left out, and a file of test views."""
    _, cameras = views_of_shapes(3, 40, 32)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 32, 40, 4), dtype=np.uint8)
    for part, rows in (("train", slice(2)), ("test", slice(2, 3))):
        for i, image in enumerate(pixels[rows]):
            save(tmp_path / part / f"r_{i}.png", image)
        some = cameras[rows]
        write_transforms(tmp_path / f"transforms_{part}.json", some, [f"./{part}/r_{i}" for i in range(len(some))])
    for given, wanted, background in ((None, 255, (1, 1, 1)), ((0.0, 0.0, 0.0), 0, (0, 0, 0))):
        found = load_photographs(tmp_path, background=given)
        assert (len(found.train), len(found.test), found.background) == (2, 1, background)
        alpha = pixels[..., 3:] / 255
        over = pixels[..., :3] * alpha + wanted * (1 - alpha)
        for photograph, image in zip((*found.train, *found.test), over, strict=True):
            assert np.abs(photograph.image - image).max() <= 0.51
        np.testing.assert_array_equal(found.train[1].alpha, pixels[1, ..., 3])
    half = load_photographs(tmp_path / "transforms_train.json", downscale=2)
    over = (pixels[0, ..., :3] * (pixels[0, ..., 3:] / 255) + 255 * (1 - pixels[0, ..., 3:] / 255)).reshape(16, 2, 20, 2, 3).mean((1, 3))
    assert np.abs(half.train[0].image - over).max() <= 0.51
    assert len(load_photographs(tmp_path / "transforms_test.json", test_every=0).train) == 1


@pytest.mark.parametrize("named", ["/", "", ["a.png"], None])
def test_frames_without_a_file(tmp_path, named):
    _, cameras = views_of_shapes(2)
    write_photographs(tmp_path, views_of_shapes(2)[0], cameras)
    write_transforms(tmp_path / "transforms.json", cameras, [cameras[0].name, named])
    with pytest.raises(Corrupt, match=r"transforms\.json: frames\[1\]\.file_path: expected the name of a photograph, found"):
        load_photographs(tmp_path)


def test_names_that_no_file_has(tmp_path):
    scene, cameras = views_of_shapes(2)
    for name in (5000 * "a", "a\0b"):
        write_transforms(tmp_path / "transforms.json", cameras, [name, cameras[1].name])
        with pytest.raises(InputError, match=r"cannot be read|missing"):
            load_photographs(tmp_path)
    (tmp_path / "transforms.json").unlink()
    (tmp_path / "images").mkdir()
    write_colmap(tmp_path, [replace(cameras[0], name="/")], scene.means[:0], np.zeros((0, 3), np.uint8))
    with pytest.raises(Corrupt, match=r"images\.name"):
        load_photographs(tmp_path)


def test_cameras_that_float32_does_not_hold(tmp_path):
    scene, cameras = views_of_shapes(2)
    (tmp_path / "images").mkdir()
    far = cameras[0].world_to_camera.copy()
    far[0, 3] = 1e30
    for change in ({"fx": 1e-300}, {"cx": 1e30}, {"world_to_camera": far}):
        write_colmap(tmp_path, [replace(cameras[0], **change)], scene.means[:0], np.zeros((0, 3), np.uint8))
        with pytest.raises(Corrupt, match="within"):
            load_photographs(tmp_path)
        rmtree(tmp_path / "sparse")


def test_nothing_to_be_seen(tmp_path):
    _, cameras = views_of_shapes(3)
    for camera in cameras:
        save(tmp_path / camera.name, np.zeros((48, 64, 4), np.uint8))
    write_transforms(tmp_path / "transforms.json", cameras, [c.name for c in cameras])
    with pytest.raises(InputError, match="all 3 transparent throughout"):
        load_photographs(tmp_path)


def test_what_is_refused(tmp_path, monkeypatch):
    def refused(match: str, kind: type[Exception] = InputError, **settings) -> None:
        with pytest.raises(kind, match=match):
            load_photographs(tmp_path, **settings)

    with pytest.raises(InputError, match="no such file"):
        load_photographs(tmp_path / "nothing")
    refused(r"sparse/0 of COLMAP, transforms\.json")
    (tmp_path / "list.json").write_text('[{"id": 0}]')
    with pytest.raises(FormatError):
        load_photographs(tmp_path / "list.json")
    _, cameras = colmap_of_shapes(tmp_path)
    refused("images: expected a folder", images="images_4")
    for name in ("003.png", "005.png", "006.png", "007.png"):
        (tmp_path / "images" / name).unlink()
    refused(r"16 .* 4 of them missing: .*003\.png, .*005\.png, .*006\.png, \.\.\.")
    write_transforms(tmp_path / "transforms.json", cameras[:1], ["images/000.png"])
    (tmp_path / "sparse").rename(tmp_path / "elsewhere")
    refused("all 1 to be for testing")
    (tmp_path / "images" / "000.png").write_bytes(b"no image")
    refused("an image", Corrupt, test_every=0)
    monkeypatch.setitem(sys.modules, "PIL", None)
    refused(r"gscompress\[formats\]", MissingExtra, test_every=0)


def test_points_of_a_reconstruction(tmp_path):
    _, cameras = views_of_shapes(2)
    rng = np.random.default_rng(0)
    points, colors = rng.normal(0, 3, (5, 3)), rng.integers(0, 256, (5, 3), dtype=np.uint8)
    write_colmap(tmp_path, cameras, points, colors)
    as_text = read_points(tmp_path)
    file = tmp_path / "sparse" / "0" / "points3D.bin"
    whole = binary_points(points, colors)
    file.write_bytes(whole)
    for found in (as_text, read_points(tmp_path)):
        np.testing.assert_array_equal(found[0], points)
        np.testing.assert_array_equal(found[1], colors)
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(Truncated):
            read_points(tmp_path)
    file.write_bytes(b"\xff" * 64)
    with pytest.raises(Truncated):
        read_points(tmp_path)
    file.write_bytes(whole.replace(np.float64(points[0, 0]).tobytes(), np.float64("nan").tobytes()))
    with pytest.raises(Corrupt, match="finite"):
        read_points(tmp_path)
    file.unlink()
    (tmp_path / "sparse" / "0" / "points3D.txt").write_text("1 2 3\n")
    with pytest.raises(Corrupt, match="six numbers"):
        read_points(tmp_path)
    assert len(read_points(tmp_path / "nothing")[0]) == 0


def test_made_up_points_are_where_cameras_look(tmp_path):
    scene, cameras = colmap_of_shapes(tmp_path)
    found = load_photographs(tmp_path, test_every=0)
    middle, distance, radius = focus(cameras)
    assert np.linalg.norm(middle - scene.means.mean(0)) < radius
    assert 0 < radius < distance * 2
    points, colors = made_up_points(found.train, 500)
    assert points.shape == colors.shape == (500, 3)
    seen = np.zeros(500)
    for camera in cameras:
        x, y, z = (points @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]).T
        column, row = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
        seen += (z > 0) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    assert seen.min() >= 2
    np.testing.assert_array_equal(made_up_points(found.train, 500)[0], points)
    assert not np.array_equal(made_up_points(found.train, 500, seed=1)[0], points)


def test_made_up_points_avoid_what_is_transparent(tmp_path):
    _, cameras = views_of_shapes(6)
    middle, _, radius = focus(cameras)
    for camera in cameras:  # a ball of a third of the radius around the middle, alone
        rows, columns = np.mgrid[:48, :64]
        rays = np.stack([(columns + 0.5 - camera.cx) / camera.fx, (rows + 0.5 - camera.cy) / camera.fy, np.ones((48, 64))], axis=-1)
        at = camera.world_to_camera[:3, :3] @ middle + camera.world_to_camera[:3, 3]
        along = (rays @ at) / (rays * rays).sum(-1)
        near = np.linalg.norm(rays * along[..., None] - at, axis=-1) < radius / 3
        save(tmp_path / camera.name, np.dstack([np.full((48, 64, 3), 200, np.uint8), np.uint8(255) * near.astype(np.uint8)]))
    write_transforms(tmp_path / "transforms.json", cameras, [c.name for c in cameras])
    points, colors = made_up_points(load_photographs(tmp_path, test_every=0).train, 300)
    assert np.linalg.norm(points - middle, axis=1).max() < 0.6 * radius
    assert colors.min() > 150


def test_cameras_that_look_away(tmp_path):
    """Outwards, all alike, and one alone: no sharp crossing of the axes, yet points to start from."""
    _, cameras = views_of_shapes(6)
    write_photographs(tmp_path, views_of_shapes(6)[0], cameras)
    turned = [np.diag([-1.0, 1.0, -1.0, 1.0]) @ c.world_to_camera for c in cameras]
    same = [cameras[0].world_to_camera] * 6
    for poses in (turned, same, same[:1]):
        some = [Camera(m, c.fx, c.fy, c.cx, c.cy, 64, 48, c.name) for m, c in zip(poses, cameras, strict=False)]
        write_transforms(tmp_path / "transforms.json", some, [c.name for c in some])
        points, _ = made_up_points(load_photographs(tmp_path, test_every=0).train, 50)
        assert np.isfinite(points).all()


def test_distance_to_neighbours():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 1, (1500, 3)), rng.normal(0, 0.01, (500, 3)), rng.normal(50, 5, (50, 3))])
    squares = np.square(points[:, None] - points[None]).sum(2)
    np.fill_diagonal(squares, np.inf)
    wanted = np.sqrt(np.sort(squares, axis=1)[:, :3].mean(1))
    ratio = neighbour_distance(points) / wanted
    assert ratio.min() > 1 - 1e-9
    assert np.quantile(ratio, 0.9) < 1.15
    assert neighbour_distance(points[:1]).tolist() == [1.0]
    np.testing.assert_allclose(neighbour_distance(np.array([[0.0, 0, 0], [3, 4, 0]])), 5)
    np.testing.assert_allclose(neighbour_distance(np.zeros((9, 3))), 0)
