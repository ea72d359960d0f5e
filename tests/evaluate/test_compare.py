"""Comparison of scenes, and the PNG files it leaves."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from gscompress.cameras import Camera
from gscompress.errors import InputError, OutputError
from gscompress.evaluate import Scorer, compare_scenes
from gscompress.evaluate.png import encode_png
from gscompress.scene import Scene


def scene(seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    means = rng.normal((0, 0, 4), 0.5, (50, 3))
    return Scene(means, rng.normal(size=(50, 4)), np.full((50, 3), -2.0), np.full(50, 1.0), rng.normal(size=(50, 1, 3)))


CAMERAS = [Camera(np.eye(4), 40, 40, 20, 15, 40, 30, f"view {i}") for i in range(2)]


def test_equal_scenes():
    result = compare_scenes(scene(), scene(), CAMERAS)
    assert (result.psnr, result.psnr_worst, result.ssim, result.views) == (float("inf"), float("inf"), 1, 2)
    assert [v.name for v in result.per_view] == ["view 0", "view 1"]


def test_a_changed_scene_and_its_pictures(tmp_path: Path):
    other = scene()
    other.sh[:] += 0.1
    told: list[tuple[int, int]] = []
    result = compare_scenes(scene(), other, CAMERAS, images_dir=tmp_path / "new", progress=lambda *s: told.append(s))
    assert 20 < result.psnr_worst <= result.psnr < 60
    assert 0.5 < result.ssim < 1
    assert told == [(1, 2), (2, 2)]
    files = sorted(p.name for p in (tmp_path / "new").iterdir())
    assert files == ["000.png", "001.png"]
    assert struct.unpack(">II", (tmp_path / "new" / "000.png").read_bytes()[16:24]) == (120, 30)


def test_tiny_images_have_no_ssim():
    result = compare_scenes(scene(), scene(), [CAMERAS[0].resized(5, 4)])
    assert np.isnan(result.ssim)
    assert result.psnr == float("inf")


def test_other_metrics():
    other = scene()
    other.sh[:] += 0.1
    cameras = [c.resized(200, 170) for c in CAMERAS]
    usual = compare_scenes(scene(), other, cameras)
    found = compare_scenes(scene(), other, cameras, scorer=Scorer(["ms-ssim", "psnr"]))
    assert (usual.others, usual.per_view[0].others) == ({}, {})
    assert (found.psnr, found.psnr_worst) == (usual.psnr, usual.psnr_worst)
    assert np.isnan(found.ssim)
    assert list(found.others) == ["ms-ssim"]
    assert found.others["ms-ssim"] == np.mean([v.others["ms-ssim"] for v in found.per_view])
    assert 0.5 < found.others["ms-ssim"] < 1
    rounded = compare_scenes(scene(), other, cameras, scorer=Scorer(eight_bit=True))
    assert rounded.psnr == pytest.approx(usual.psnr, abs=0.1)
    assert rounded.psnr != usual.psnr


def test_errors(tmp_path: Path):
    with pytest.raises(InputError, match="cameras"):
        compare_scenes(scene(), scene(), [])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        compare_scenes(scene(), scene(), CAMERAS, images_dir=tmp_path / "file")


def test_png_pixels():
    image = np.linspace(-0.2, 1.2, 7 * 5 * 3).reshape(7, 5, 3)
    data = encode_png(image)
    expected = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + length]), np.uint8).reshape(7, 16)
    np.testing.assert_array_equal(rows[:, 1:].reshape(7, 5, 3), expected)
    pillow = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(np.asarray(pillow.open(io.BytesIO(data))), expected)


def test_png_needs_three_channels():
    with pytest.raises(InputError, match="image"):
        encode_png(np.zeros((3, 3)))
