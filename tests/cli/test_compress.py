"""gscompress compress."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from scenes_for_tests import random_scene

import gscompress
from gscompress import io
from gscompress.io.camera_files import write_cameras
from gscompress.render import synthesise
from gscompress.scene import empty_scene

KEYS = [
    "input", "output", "input_bytes", "output_bytes", "ratio", "splats_in", "splats_out", "sh_degree", "quality", "seconds",
    "peak_memory_bytes", "psnr_estimate",
]  # fmt: skip


def test_json(run, tile, tmp_path):
    output = tmp_path / "tile.gsz"
    outcome = run("compress", tile, "-o", output, "--effort", "fast", "--json", "-q", 40)
    assert outcome.code == 0
    report = outcome.json
    assert list(report) == KEYS
    assert report["input"] == str(tile)
    assert report["output"] == str(output)
    assert report["input_bytes"] == tile.stat().st_size
    assert report["output_bytes"] == output.stat().st_size
    assert report["ratio"] == pytest.approx(report["input_bytes"] / report["output_bytes"])
    assert report["splats_in"] == 14051
    assert report["splats_out"] == len(gscompress.load(output)) <= 14051
    assert (report["sh_degree"], report["quality"]) == (0, 40)
    assert report["seconds"] > 0
    assert report["peak_memory_bytes"] is None or report["peak_memory_bytes"] > 1e7
    assert report["psnr_estimate"] is None or 20 < report["psnr_estimate"] < 100
    assert "normals" in outcome.err


def test_summary_and_default_output(run, shapes, tmp_path):
    source = shutil.copy(shapes, tmp_path / "a.scene.PLY")
    outcome = run("compress", source, "--effort", "fast")
    assert outcome.code == 0
    size = (tmp_path / "a.scene.gsz").stat().st_size
    assert str(tmp_path / "a.scene.gsz") in outcome.out
    assert f"157.8 kB -> {size / 1000:.2f} kB, ratio {157768 / size:.1f}" in outcome.out
    assert "630 -> " in outcome.out
    assert "PSNR" in outcome.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.scene.PLY", "a.scene.gsz"]


def test_psnr_is_estimated(run, tmp_path):
    """With renders of the input from given cameras; few and small, to be quick."""
    scene = random_scene(60, 1)
    scene.save(tmp_path / "a.ply")
    write_cameras(synthesise(scene, 2, width=64, height=48), tmp_path / "cameras.json")
    outcome = run("compress", tmp_path / "a.ply", "--cameras", tmp_path / "cameras.json", "--json")
    assert outcome.code == 0
    assert 20 < outcome.json["psnr_estimate"] <= 100


def test_quiet_says_nothing(run, tile, tmp_path):
    outcome = run("compress", tile, "-o", tmp_path / "x.gsz", "--effort", "fast", "--quiet")
    assert outcome == (0, "", "")


def test_any_format_goes_in(run, gsz, tmp_path):
    gscompress.load(gsz).save(tmp_path / "a.splat")
    for source in (gsz, tmp_path / "a.splat"):
        assert run("compress", source, "-o", tmp_path / "again.gsz", "--effort", "fast", "--overwrite").code == 0


def test_same_input_same_bytes(run, shapes, gsz, tmp_path):
    assert run("compress", shapes, "-o", tmp_path / "b.gsz", "--effort", "fast").code == 0
    assert (tmp_path / "b.gsz").read_bytes() == gsz.read_bytes()


def test_target_size(run, shapes, tmp_path):
    outcome = run("compress", shapes, "-o", tmp_path / "b.gsz", "--effort", "fast", "--target-size", "9kB", "--json")
    assert outcome.code == 0
    assert outcome.json["output_bytes"] <= 9000
    assert outcome.json["quality"] is None


def test_broken_rows_are_dropped_and_said(run, tmp_path):
    scene = random_scene(50)
    scene.means[3, 1] = np.nan
    scene.log_scales[7] = np.inf
    scene.quats[9] = 0
    scene.save(tmp_path / "nan.ply")
    outcome = run("compress", tmp_path / "nan.ply", "--effort", "fast", "--json")
    assert outcome.code == 0
    assert "3 Gaussians with non-finite values or a zero quaternion dropped" in outcome.err
    assert outcome.json["splats_in"] == 50
    assert outcome.json["splats_out"] <= 47
    run("compress", tmp_path / "nan.ply", "-o", tmp_path / "strict.gsz", "--strict").failed_in_one_line("3 rows")
    assert not (tmp_path / "strict.gsz").exists()


@pytest.mark.parametrize("count", [0, 1])
def test_tiny_scenes(run, tmp_path, count):
    (random_scene(1, 3) if count else empty_scene(3)).save(tmp_path / "tiny.ply")
    outcome = run("compress", tmp_path / "tiny.ply", "--effort", "fast", "--json")
    assert outcome.code == 0
    assert outcome.json["splats_out"] == count
    assert len(gscompress.load(tmp_path / "tiny.gsz")) == count
    assert run("info", tmp_path / "tiny.gsz").code == 0
    assert run("compare", tmp_path / "tiny.ply", tmp_path / "tiny.gsz", "--views", 2).code == 0


def test_ignored_properties_are_said(run, tmp_path):
    lines = ["ply", "format ascii 1.0", "element vertex 1"]
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
    names += ["rot_0", "rot_1", "rot_2", "rot_3", "temperature"]
    lines += [*(f"property float {name}" for name in names), "end_header", " ".join(["1"] * len(names)), ""]
    (tmp_path / "extra.ply").write_text("\n".join(lines))
    outcome = run("compress", tmp_path / "extra.ply", "--effort", "fast")
    assert outcome.code == 0
    assert "ignored vertex properties: temperature" in outcome.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["-q", "0"], "quality: expected 1 to 100, found 0"),
        (["-q", "nan"], "quality"),
        (["--target-size", "0"], "target_size"),
        (["--target-psnr", "900"], "target_psnr"),
    ],
)
def test_values_out_of_range(run, shapes, tmp_path, flags, said):
    run("compress", shapes, "-o", tmp_path / "x.gsz", *flags).failed_in_one_line(said)


@pytest.mark.parametrize(
    "flags", [["-q", "50", "--target-size", "1MB"], ["--effort", "huge"], ["-q", "good"], ["--target-size", "3 parsecs"]]
)
def test_usage_errors(run, shapes, tmp_path, flags):
    outcome = run("compress", shapes, "-o", tmp_path / "x.gsz", *flags)
    assert (outcome.code, outcome.out) == (2, "")
    assert "usage: gscompress compress" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_foreign_ending_is_a_mix_up(run, shapes, tmp_path):
    run("compress", shapes, "-o", tmp_path / "x.spz").failed_in_one_line(".gsz", "decompress")


def test_cameras_that_are_none(run, shapes, tmp_path):
    (tmp_path / "cameras.json").write_text("{}")
    run("compress", shapes, "-o", tmp_path / "x.gsz", "--cameras", tmp_path / "cameras.json").failed_in_one_line("cameras.json")
    run("compress", shapes, "-o", tmp_path / "x.gsz", "--cameras", tmp_path / "none.json").failed_in_one_line("none.json")


def test_scene_of_a_sog_folder_is_named_after_it(tmp_path):
    from gscompress.cli.arguments import renamed

    assert renamed(tmp_path / "room", ".gsz") == tmp_path / "room.gsz"
    assert renamed(tmp_path / "a.compressed.ply", ".gsz") == tmp_path / "a.gsz"
    assert renamed(tmp_path / ".ply", ".gsz") == tmp_path / ".ply.gsz"
    assert io.format_of_name(renamed(tmp_path / "a.gsz", ".ply")) == "ply"
