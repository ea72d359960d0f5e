"""The same files through independent implementations, where they are installed, and real scenes, where they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from kit import FLOAT, angles, error, opacity_error, read_bytes, written
from scenes_for_tests import random_scene

from gscompress import Scene, io
from gscompress.io.camera_files import read_cameras
from gscompress.io.common import unit_quats


def assert_agree(a: Scene, b: Scene) -> None:
    for name in ("means", "log_scales", "sh"):
        assert error(getattr(a, name), getattr(b, name)) <= FLOAT, name
    assert opacity_error(a, b) <= 1 / 255 + FLOAT  # implementations differ on levels 0 and 255 only
    assert angles(a, b).max() <= 1e-3


def from_gsply(data) -> Scene:
    n = len(data.means)
    rest = np.zeros((n, 0, 3)) if data.shN is None or data.shN.size == 0 else data.shN.reshape(n, -1, 3)
    sh = np.concatenate([data.sh0.reshape(n, 1, 3), rest], 1)
    return Scene(data.means, data.quats, data.scales, data.opacities.reshape(n), sh)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_gsply_reads_what_we_write_and_back(tmp_path, degree):
    gsply = pytest.importorskip("gsply")
    scene = random_scene(300, degree)
    io.write(scene, tmp_path / "a.ply")
    theirs = gsply.plyread(tmp_path / "a.ply")
    assert_agree(from_gsply(theirs), scene)
    for version in (3, 4):
        io.write(scene, tmp_path / "ours.spz", overwrite=True, version=version, fractional_bits=12)
        gsply.write_spz(tmp_path / "theirs.spz", theirs, version=version)
        ours = io.read(tmp_path / "ours.spz").scene
        assert_agree(from_gsply(gsply.read_spz(tmp_path / "ours.spz")), ours)
        assert_agree(io.read(tmp_path / "theirs.spz").scene, ours)
    io.write(scene, tmp_path / "ours.compressed.ply")
    assert_agree(from_gsply(gsply.plyread(tmp_path / "ours.compressed.ply")), io.read(tmp_path / "ours.compressed.ply").scene)
    gsply.plywrite(str(tmp_path / "theirs.compressed.ply"), theirs, compressed=True)
    assert_agree(io.read(tmp_path / "theirs.compressed.ply").scene, from_gsply(gsply.plyread(tmp_path / "theirs.compressed.ply")))


@pytest.mark.parametrize("ending", ["compressed.ply", "spz", "splat", "sog"])
@pytest.mark.parametrize("degree", [0, 2, 3])
def test_gaussforge_reads_what_we_write_and_back(tmp_path, ending, degree):
    forge = pytest.importorskip("gaussforge").GaussForge()
    scene = random_scene(300, degree)
    # Its SOG writer does not normalise quaternions.
    scene = Scene(scene.means, unit_quats(scene.quats), scene.log_scales, scene.opacity_logits, scene.sh)

    def as_read_by_it(content: bytes) -> Scene:
        return read_bytes(forge.convert(content, ending, "ply")["data"], tmp_path).scene

    ours = written(scene, tmp_path, ending)
    assert_agree(as_read_by_it(ours), read_bytes(ours, tmp_path).scene)
    theirs = forge.convert(written(scene, tmp_path, "ply"), "ply", ending)["data"]
    assert_agree(as_read_by_it(theirs), read_bytes(theirs, tmp_path).scene)


@pytest.mark.data
def test_published_files_of_every_format(data_dir):
    small = data_dir / "splats" / "small"
    found = {path.name: io.read(path) for path in sorted(small.iterdir()) if path.suffix in (".ply", ".sog", ".splat")}
    assert {loaded.format for loaded in found.values()} == {"ply", "compressed.ply", "sog", "splat"}
    assert len(found["tile_lod1.ply"].scene) == 14051
    # One capture published twice, half a turn about z apart: the same Gaussians up to a dozen, two quantisers.
    first, second = (found[name].scene for name in ("angel.compressed.ply", "angel.sog"))
    for a, b in ((first.means, second.means * [-1, -1, 1]), (first.log_scales, second.log_scales)):
        np.testing.assert_allclose(np.median(a, 0), np.median(b, 0), atol=0.02)
        np.testing.assert_allclose(a.std(0), b.std(0), rtol=0.02)


@pytest.mark.data
def test_an_untouched_trainer_file_is_written_back_byte_for_byte(data_dir, tmp_path):
    path = data_dir / "splats" / "small" / "tile_lod1.ply"
    io.write(io.read(path).scene, tmp_path / "again.ply")
    assert digest(tmp_path / "again.ply") == digest(path)


@pytest.mark.data
def test_real_cameras_look_at_their_scene(data_dir):
    cameras = read_cameras(data_dir / "cameras" / "tile.json")
    centre = np.median(io.read(data_dir / "splats" / "small" / "tile_lod1.ply").scene.means, axis=0)
    for camera in cameras:
        x, y, z, _ = camera.world_to_camera @ [*centre, 1]
        assert z > 0
        assert abs(camera.fx * x / z) < camera.width
        assert abs(camera.fy * y / z) < camera.height


def digest(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha256(content[content.index(b"end_header") :]).hexdigest()
