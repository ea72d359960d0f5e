"""gscompress info and gscompress compare."""

from __future__ import annotations

import pytest

import gscompress
from gscompress import io
from gscompress.io.camera_files import write_cameras
from gscompress.render import synthesise


def test_info_of_gsz(run, gsz):
    report = run("info", gsz, "--json").json
    assert report["format"] == "gsz"
    assert report["size_bytes"] == gsz.stat().st_size == sum(s["size_bytes"] for s in report["sections"])
    assert abs(sum(s["share"] for s in report["sections"]) - 1) < 1e-6
    assert report["splats"] == len(gscompress.load(gsz))
    assert (report["sh_degree"], report["complete"], report["version"]) == (3, True, 1)
    text = run("info", gsz).out
    for section in report["sections"]:
        assert section["kind"] in text
        assert f"{section['size_bytes']:,}" in text
    assert "bits/splat" in text
    assert "share" in text


def test_info_of_others(run, shapes, tmp_path):
    report = run("info", shapes, "--json").json
    assert (report["format"], report["splats"], report["sh_degree"], report["dropped_rows"]) == ("ply", 630, 3, 0)
    assert report["size_bytes"] == shapes.stat().st_size
    assert len(report["bounds"]) == 2
    io.write(gscompress.load(shapes), tmp_path / "a.spz")
    text = run("info", tmp_path / "a.spz").out
    assert ".spz" in text
    assert "630, SH degree 3" in text


def test_compare(run, shapes, gsz, tmp_path):
    outcome = run("compare", shapes, gsz, "--views", 3, "--images", tmp_path / "new" / "images", "--json")
    assert outcome.code == 0
    report = outcome.json
    assert list(report) == ["psnr", "psnr_worst", "ssim", "views", "bytes_a", "bytes_b", "splats_a", "splats_b"]
    assert 25 < report["psnr_worst"] <= report["psnr"] < 100
    assert 0.9 < report["ssim"] < 1
    assert report["views"] == 3
    assert (report["bytes_a"], report["bytes_b"]) == (shapes.stat().st_size, gsz.stat().st_size)
    assert (report["splats_a"], report["splats_b"]) == (630, len(gscompress.load(gsz)))
    assert len(list((tmp_path / "new" / "images").glob("*.png"))) == 3


def test_compare_with_cameras(run, shapes, gsz, tmp_path):
    cameras = tmp_path / "cameras.json"
    write_cameras(synthesise(gscompress.load(shapes), 4, width=64, height=48), cameras)
    assert run("compare", shapes, gsz, "--cameras", cameras, "--json").json["views"] == 4
    assert run("compare", shapes, gsz, "--cameras", cameras, "--views", 2, "--json").json["views"] == 2
    run("compare", shapes, gsz, "--cameras", cameras, "--views", 5).failed_in_one_line("4 cameras", "found 5")
    cameras.write_text("[]")
    run("compare", shapes, gsz, "--cameras", cameras).failed_in_one_line("cameras")
    text = run("compare", shapes, gsz, "--views", 1).out
    assert "PSNR" in text
    assert "SSIM" in text


KEYS = ["psnr", "psnr_worst", "ssim", "views", "bytes_a", "bytes_b", "splats_a", "splats_b"]


def test_compare_by_other_metrics(run, shapes, gsz):
    command = ("compare", shapes, gsz, "--views", 1)
    usual = run(*command, "--json").json
    report = run(*command, "--metrics", "PSNR,ms-ssim", "--metrics", "ssim", "--json").json
    assert list(report) == [*KEYS, "ms_ssim"]
    assert {key: report[key] for key in KEYS} == usual
    assert report["ssim"] < report["ms_ssim"] < 1
    report = run(*command, "--metrics", "ms-ssim", "--eight-bit", "--json").json
    assert list(report) == [*KEYS, "ms_ssim", "eight_bit"]
    assert (report["psnr"], report["psnr_worst"], report["ssim"], report["eight_bit"]) == (None, None, None, True)
    text = run(*command, "--metrics", "ms-ssim", "--eight-bit").out
    assert "MS-SSIM  0." in text
    assert "8-bit" in text
    assert "PSNR" not in text
    assert abs(run(*command, "--eight-bit", "--json").json["psnr"] - usual["psnr"]) < 0.5


def test_compare_by_lpips(run, shapes, gsz, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from weights_for_tests import write_weights

    write_weights(tmp_path, "alex")
    command = ("compare", shapes, gsz, "--views", 1, "--lpips-weights", tmp_path, "--metrics", "lpips-alex")
    report = run(*command, "--json").json
    assert list(report) == [*KEYS, "lpips_alex", "lpips_range"]
    assert report["lpips_alex"] > 0
    assert report["lpips_range"] == "[-1,1]"
    inria = run(*command, "--lpips-range", "[0,1]", "--json").json
    assert inria["lpips_range"] == "[0,1]"
    assert inria["lpips_alex"] != report["lpips_alex"]
    assert f"LPIPS-ALEX  {report['lpips_alex']:.4f}, fed [-1,1]" in run(*command).out
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    missing = run("compare", "no scene yet", "no scene yet", "--metrics", "lpips-vgg")
    missing.failed_in_one_line("vgg16-397923af.pth", str(tmp_path / "home"), "download.pytorch.org")


def test_metrics_that_cannot_be_used(run, shapes, tmp_path):
    command = ("compare", shapes, shapes)
    run(*command, "--lpips-weights", tmp_path).failed_in_one_line("--lpips-weights", "found psnr,ssim")
    run(*command, "--metrics", "ssim", "--lpips-range", "[0,1]").failed_in_one_line("--lpips-range")
    for arguments in (("--metrics", "psnr,"), ("--metrics", "lpips"), ("--metrics", "lpips-vgg", "--lpips-range", "0")):
        outcome = run(*command, *arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert "expected" in outcome.err


def test_equal_scenes_are_null_in_json(run, shapes):
    report = run("compare", shapes, shapes, "--views", 1, "--json").json
    assert (report["psnr"], report["psnr_worst"], report["ssim"]) == (None, None, 1.0)
    assert "equal" in run("compare", shapes, shapes, "--views", 1).out


def test_images_that_exist_are_kept(run, shapes, gsz, tmp_path):
    (tmp_path / "000.png").write_bytes(b"mine")
    run("compare", shapes, gsz, "--views", 1, "--images", tmp_path).failed_in_one_line("has images already")
    assert (tmp_path / "000.png").read_bytes() == b"mine"
    assert run("compare", shapes, gsz, "--views", 1, "--images", tmp_path, "--overwrite").code == 0
    assert (tmp_path / "000.png").read_bytes()[:4] == b"\x89PNG"
    run("compare", shapes, gsz, "--images", tmp_path / "000.png").failed_in_one_line("cannot take images")
