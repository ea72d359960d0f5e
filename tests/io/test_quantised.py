"""Round trips through the formats that round, each within the bound its quantiser implies."""

from __future__ import annotations

import io as stdio
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import (
    FLOAT,
    angles,
    assert_same,
    error,
    in_morton_order,
    opacity_error,
    read_bytes,
    through,
    written,
)
from scenes_for_tests import random_scene

from gscompress import io
from gscompress.errors import InputError
from gscompress.scene import SH_C0, Scene

QUANTISED = ["compressed.ply", "spz", "splat", "sog"]


def angle_bound(half_step: float, parts: int = 3) -> float:
    """Degrees by which a rotation may be off if each stored part is off by half a step.

    Three stored parts d off move the fourth, derived one (at least 1/2 long, the others at most sqrt(3)/2) by
    sqrt(3) |d|, so the quaternion by 2 |d|, and an angle is twice a quaternion's.
    """
    return float(np.degrees(2.0 * 2.0 * np.sqrt(parts) * half_step))


def with_antialiasing(scene: Scene) -> Scene:
    return Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, antialiased=True)


def chunk_step(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """[N, 3] half steps of .compressed.ply: each chunk's range over the levels of its axis."""
    starts = np.arange(0, len(values), 256)
    extent = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    return extent[np.arange(len(values)) // 256] / levels / 2


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_compressed_ply(tmp_path, degree):
    scene = random_scene(700, degree, seed=degree)
    back, scene = through(scene, tmp_path, "compressed.ply"), in_morton_order(scene)
    levels = np.array([2047, 1023, 2047])
    assert (np.abs(back.means - scene.means) <= chunk_step(scene.means, levels) + FLOAT).all()
    assert (np.abs(back.log_scales - scene.log_scales) <= chunk_step(scene.log_scales, levels) + FLOAT).all()
    colour, decoded = (0.5 + SH_C0 * s.sh[:, 0] for s in (scene, back))
    assert (np.abs(decoded - colour) <= chunk_step(colour, np.array([255] * 3)) + FLOAT).all()
    assert error(back.sh[:, 1:], scene.sh[:, 1:]) <= 4 / 256 + FLOAT
    assert opacity_error(back, scene) <= 0.5 / 255 + FLOAT
    assert angles(back, scene).max() <= angle_bound(np.sqrt(2) / 1023 / 2)


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_spz(tmp_path, degree, version):
    scene = random_scene(500, degree, seed=degree)
    back = through(scene, tmp_path, "spz", version=version, fractional_bits=14)
    assert error(back.means, scene.means) <= 2**-15 + FLOAT
    assert error(back.log_scales, scene.log_scales) <= 1 / 32 + FLOAT
    assert error(back.sh[:, 0], scene.sh[:, 0]) <= 0.5 / 255 / 0.15 + FLOAT
    assert error(back.sh[:, 1:], scene.sh[:, 1:]) <= 1 / 256 + FLOAT
    assert opacity_error(back, scene) <= 0.5 / 255 + FLOAT
    assert angles(back, scene).max() <= angle_bound(np.sqrt(0.5) / 511 / 2)


def test_spz_versions_hold_the_same_values(tmp_path):
    scene = random_scene(300, 3)
    assert_same(through(scene, tmp_path, "spz", version=3), through(scene, tmp_path, "spz", version=4))


@pytest.mark.parametrize("bits", [(5, 4), (1, 8), (8, 2)])
def test_spz_harmonics_bits(tmp_path, bits):
    scene = random_scene(300, 3)
    scene.sh[0, 1:] = 0
    back = through(scene, tmp_path, "spz", sh_bits=bits)
    for part, kept in ((slice(1, 4), bits[0]), (slice(4, 16), bits[1])):
        bucket = 2.0 ** (8 - kept) / 128
        inside = np.abs(scene.sh[:, part]) < 1 - bucket  # the outermost bucket is cut off by the byte's range
        assert (np.abs(back.sh[:, part] - scene.sh[:, part])[inside] <= (bucket + 1 / 128) / 2 + FLOAT).all()
    assert (back.sh[0, 1:] == 0).all()
    assert len(written(scene, tmp_path, "spz", sh_bits=bits)) < len(written(scene, tmp_path, "spz"))


@pytest.mark.parametrize(("extent", "expected"), [(2047.0, 12), (2049.0, 11), (8e6, 0)])
def test_spz_lowers_the_fractional_bits_instead_of_wrapping(tmp_path, extent, expected):
    scene = random_scene(10)
    scene.means[0] = extent, -extent, 0
    back = through(scene, tmp_path, "spz")
    assert error(back.means, scene.means) <= 2.0 ** -(expected + 1) + FLOAT


def test_spz_raises_the_fractional_bits_for_a_small_scene(tmp_path):
    scene = random_scene(50)
    small = Scene(scene.means / 1000, scene.quats, scene.log_scales - 5, scene.opacity_logits, scene.sh)
    quarter_deviation = np.exp(np.median(small.log_scales)) / 4
    assert error(through(small, tmp_path, "spz").means, small.means) <= quarter_deviation / 2 + 1e-9


def test_spz_refuses_positions_it_would_wrap(tmp_path):
    scene = random_scene(3)
    scene.means[1, 1] = 2500
    with pytest.raises(InputError, match="means"):
        io.write(scene, tmp_path / "far.spz", fractional_bits=12)
    scene.means[1, 1] = 1e7
    with pytest.raises(InputError, match="means"):
        io.write(scene, tmp_path / "far.spz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", [{"version": 2}, {"sh_bits": (9, 4)}, {"sh_bits": (0, 4)}, {"fractional_bits": 24}, {"quality": 3}]
)
def test_spz_options_out_of_range(tmp_path, options):
    with pytest.raises(InputError, match=next(iter(options))):
        io.write(random_scene(2, 1), tmp_path / "x.spz", **options)


def test_splat(tmp_path):
    scene = random_scene(400, 2)
    back = through(scene, tmp_path, "splat")
    assert error(back.means, scene.means) == 0
    assert error(back.log_scales, scene.log_scales) <= FLOAT
    assert error(back.sh[:, 0], scene.sh[:, 0]) <= 0.5 / 255 / SH_C0 + FLOAT
    assert opacity_error(back, scene) <= 0.5 / 255 + FLOAT
    # Four stored parts, half a step of 1/128 each, and a whole one at q = 1, which has no level of its own.
    assert angles(back, scene).max() <= np.degrees(2 * np.sqrt(3 / 256**2 + 1 / 128**2) * 1.02)
    assert back.sh_degree == 0
    assert len(io.write_limits(scene, "splat")) == 1
    assert io.write_limits(back, "splat") == ()


def test_splat_says_what_it_clips():
    scene = random_scene(5)
    scene.sh[2, 0, 1] = 3
    assert io.write_limits(with_antialiasing(scene), "splat") == (
        ".splat clips the base colour of 1 Gaussian to [0, 1]",
        ".splat cannot say that the scene was trained antialiased",
    )


def sog_meta(content: bytes) -> dict:
    return json.loads(zipfile.ZipFile(stdio.BytesIO(content)).read("meta.json"))


def nearest(values: np.ndarray, book: list[float]) -> np.ndarray:
    levels = np.array(book, np.float32)
    return levels[np.abs(values[..., None] - levels).argmin(-1)]


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_sog(tmp_path, degree):
    scene = random_scene(900, degree, seed=degree)
    content = written(scene, tmp_path, "sog")
    back, scene, meta = read_bytes(content, tmp_path).scene, in_morton_order(scene), sog_meta(content)
    log_error = np.abs(np.log1p(np.abs(back.means)) * np.sign(back.means) - np.log1p(np.abs(scene.means)) * np.sign(scene.means))
    extent = np.array(meta["means"]["maxs"]) - meta["means"]["mins"]
    assert (log_error <= extent / 65535 / 2 + FLOAT).all()
    assert error(np.abs(back.log_scales - scene.log_scales), np.abs(nearest(scene.log_scales, meta["scales"]["codebook"]) - scene.log_scales)) <= FLOAT
    assert error(np.abs(back.sh[:, 0] - scene.sh[:, 0]), np.abs(nearest(scene.sh[:, 0], meta["sh0"]["codebook"]) - scene.sh[:, 0])) <= FLOAT
    assert opacity_error(back, scene) <= 0.5 / 255 + FLOAT
    assert angles(back, scene).max() <= angle_bound(np.sqrt(2) / 255 / 2)
    if degree:  # fewer Gaussians than palette entries: only the codebook rounds
        rest = scene.sh[:, 1:]
        assert error(np.abs(back.sh[:, 1:] - rest), np.abs(nearest(rest, meta["shN"]["codebook"]) - rest)) <= FLOAT


def test_sog_palette_bounds_the_number_of_harmonics(tmp_path):
    scene = random_scene(3000, 2)
    back = through(scene, tmp_path, "sog", palette_size=100)
    assert 50 <= len(np.unique(back.sh[:, 1:].reshape(3000, -1), axis=0)) <= 100


def test_sog_folder_and_meta_path_read_like_the_zip(tmp_path):
    scene = random_scene(300, 1)
    content = written(scene, tmp_path, "sog")
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(stdio.BytesIO(content)).extractall(folder)
    for path in (folder, folder / "meta.json"):
        loaded = io.read(path)
        assert_same(loaded.scene, read_bytes(content, tmp_path).scene)
        assert loaded.format == "sog"
        assert loaded.size_bytes == sum(file.stat().st_size for file in folder.iterdir())


def test_sog_version_1(tmp_path):
    """Version 1 as first published: ranges instead of codebooks, the opacity's logit in sh0's fourth channel."""
    from PIL import Image

    random = np.random.default_rng(0)
    pixels = {name: random.integers(0, 256, (4, 4, 4), np.uint8) for name in ("l", "u", "s", "q", "c")}
    pixels["q"] = np.dstack([random.integers(90, 166, (4, 4, 3)), random.integers(252, 256, (4, 4))]).astype(np.uint8)
    labels = np.zeros((4, 4, 3), np.uint8)
    labels[..., 0] = random.integers(0, 64, (4, 4))
    centroids = random.integers(0, 256, (1, 64 * 3, 3), np.uint8)
    for name, image in {**pixels, "labels": labels, "centroids": centroids}.items():
        Image.fromarray(image).save(tmp_path / f"{name}.webp", lossless=True, exact=True)
    meta = {
        "means": {"shape": [15, 3], "mins": [-1, -2, -3], "maxs": [1, 2, 3], "files": ["l.webp", "u.webp"]},
        "scales": {"shape": [15, 3], "mins": [-9, -8, -7], "maxs": [-1, -2, -3], "files": ["s.webp"]},
        "quats": {"shape": [15, 4], "encoding": "quaternion_packed", "files": ["q.webp"]},
        "sh0": {"shape": [15, 1, 4], "mins": [-1, -1, -1, -6], "maxs": [2, 2, 2, 6], "files": ["c.webp"]},
        "shN": {"shape": [15, 3], "mins": -0.5, "maxs": 0.7, "quantization": 8, "files": ["centroids.webp", "labels.webp"]},
    }
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    scene = io.read(tmp_path).scene
    flat = {name: image.reshape(16, 4)[:15].astype(float) for name, image in pixels.items()}
    u = np.array([-1, -2, -3]) * (1 - 2 * (flat["l"] + 256 * flat["u"])[:, :3] / 65535)
    np.testing.assert_allclose(scene.means, np.sign(u) * np.expm1(np.abs(u)), atol=1e-5)
    np.testing.assert_allclose(scene.log_scales, [-9, -8, -7] + np.array([8, 6, 4]) * flat["s"][:, :3] / 255, atol=1e-5)
    np.testing.assert_allclose(scene.opacity_logits, -6 + 12 * flat["c"][:, 3] / 255, atol=1e-5)
    np.testing.assert_allclose(scene.sh[:, 0], -1 + 3 * flat["c"][:, :3] / 255, atol=1e-5)
    entries = centroids.reshape(64, 3, 3)[labels.reshape(16, 3)[:15, 0]]
    np.testing.assert_allclose(scene.sh[:, 1:], -0.5 + 1.2 * entries / 255, atol=1e-5)


@pytest.mark.parametrize("ending", QUANTISED)
def test_extreme_opacities_stay_finite_and_stable(tmp_path, ending):
    scene = random_scene(4)
    scene.opacity_logits[:] = -80, 80, -6, 6
    once = through(scene, tmp_path, ending)
    twice = through(once, tmp_path, ending)
    assert opacity_error(once, scene if ending in ("spz", "splat") else in_morton_order(scene)) <= 0.5 / 255 + FLOAT
    assert opacity_error(once, twice) == 0


@pytest.mark.parametrize("ending", ["ply", "compressed.ply", "spz", "sog"])
def test_antialiasing_survives(tmp_path, ending):
    assert through(with_antialiasing(random_scene(5)), tmp_path, ending).antialiased
    assert not through(random_scene(5), tmp_path, ending).antialiased


@pytest.mark.parametrize("ending", QUANTISED)
def test_the_same_scene_gives_the_same_bytes(tmp_path, ending):
    scene = random_scene(2500, 2)
    assert written(scene, tmp_path, ending) == written(scene, tmp_path, ending)


@pytest.mark.parametrize("ending", QUANTISED)
@pytest.mark.parametrize("field", ["means", "quats", "log_scales", "opacity_logits", "sh"])
def test_values_that_no_quantiser_places_are_refused(tmp_path, ending, field):
    scene = random_scene(3, 1)
    getattr(scene, field).reshape(3, -1)[1] = 0 if field == "quats" else np.nan
    with pytest.raises(InputError, match="found 1 Gaussians"):
        io.write(scene, tmp_path / f"x.{ending}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", QUANTISED)
def test_empty_scenes(tmp_path, ending):
    scene = random_scene(0, 1)
    if ending in ("splat", "sog"):
        with pytest.raises(InputError, match="at least one"):
            io.write(scene, tmp_path / f"x.{ending}")
    else:
        assert len(through(scene, tmp_path, ending)) == 0


@pytest.mark.parametrize("ending", QUANTISED)
@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 300), degree=st.integers(0, 3), seed=st.integers(0, 2**16), spread=st.floats(-6, 3))
def test_any_scene_comes_back_near(tmp_path_factory, ending, n, degree, seed, spread):
    scene = random_scene(n, degree, seed)
    scene = Scene(scene.means * 10**spread, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh)
    back = through(scene, tmp_path_factory.mktemp("any"), ending)
    if ending in ("compressed.ply", "sog"):
        scene = in_morton_order(scene)
    reach = float(np.abs(scene.means).max())
    assert error(back.means, scene.means) <= max(reach / 500, 2**-13)
    assert angles(back, scene).max() <= 1.3
    assert opacity_error(back, scene) <= 0.5 / 255 + FLOAT
