"""Folders of frames on the command line."""

from __future__ import annotations

import numpy as np
import pytest
from scenes_for_tests import random_scene

from gscompress import io


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("frames")
    scene = random_scene(400, 0, 1)
    for frame in (10, 2, 1):
        io.write(scene.select(np.arange(400 - frame)), path / f"frame_{frame}.ply")
    (path / "notes.txt").write_text("no frame")
    return path


@pytest.fixture(scope="module")
def sequence(folder, tmp_path_factory):
    from gscompress.cli import main

    output = tmp_path_factory.mktemp("out") / "s.gsz"
    assert main(["compress", str(folder), "-o", str(output), "--effort", "fast", "--fps", "25", "--quiet"]) == 0
    return output


def test_compress_says_what_came_of_each_frame(run, folder, tmp_path):
    outcome = run("compress", folder, "-o", tmp_path / "s.gsz", "--effort", "fast", "--json")
    assert outcome.code == 0
    report = outcome.json
    assert [frame["file"].rsplit("_", 1)[1] for frame in report["frames"]] == ["1.ply", "2.ply", "10.ply"]
    assert [frame["splats_in"] for frame in report["frames"]] == [399, 398, 390]
    assert report["output_bytes"] == (tmp_path / "s.gsz").stat().st_size
    assert report["input_bytes"] == sum(path.stat().st_size for path in folder.glob("*.ply"))


def test_the_default_name_is_the_folders(run, folder):
    outcome = run("compress", folder, "--effort", "fast", "-q", "10")
    assert outcome.code == 0
    made = folder.parent / (folder.name + ".gsz")
    assert made.is_file()
    assert "3, 1 of them by themselves" in outcome.out


def test_info(run, sequence):
    report = run("info", sequence, "--json").json
    assert (report["frames"], report["fps"], report["seconds"], report["complete"]) == (3, 25.0, 0.12, True)
    assert [frame["key"] for frame in report["table"]] == [False, True, False]
    assert "follows" in run("info", sequence).out


def test_decompress_to_a_folder_and_one_frame(run, sequence, tmp_path):
    assert run("decompress", sequence, "-o", tmp_path / "frames").code == 0
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [f"frame_{i:04d}.ply" for i in range(3)]
    assert run("decompress", sequence, "--time", "0.05", "-o", tmp_path / "one.ply").code == 0
    assert (tmp_path / "one.ply").read_bytes() == (tmp_path / "frames" / "frame_0001.ply").read_bytes()
    run("decompress", sequence, "-o", tmp_path / "frames").failed_in_one_line("exists")
    run("decompress", sequence, "-o", tmp_path / "one.ply").failed_in_one_line("folder", "--time")


def test_render_at_a_time(run, sequence, tmp_path):
    outcome = run("render", sequence, "--time", "0.1", "-o", tmp_path / "p", "--frames", "1", "--size", "32x24", "--json")
    assert outcome.json["splats"] == run("info", sequence, "--json").json["table"][2]["splats"]


def test_a_sequence_where_one_scene_is_expected_is_its_first_frame(run, sequence):
    outcome = run("compare", sequence, sequence, "--views", "2")
    assert outcome.code == 0
    assert "first" in outcome.err


def test_what_does_not_go_together(run, folder, sequence, gsz, tmp_path):
    run("compress", folder, "-o", tmp_path / "a.gsz", "--target-size", "1MB").failed_in_one_line("--target-size", "folder")
    run("compress", gsz, "-o", tmp_path / "a.gsz", "--fps", "3").failed_in_one_line("--fps", "folder")
    run("decompress", gsz, "-o", tmp_path / "a.ply", "--time", "1").failed_in_one_line("--time", "sequence")
    run("render", gsz, "-o", tmp_path / "p", "--time", "1").failed_in_one_line("--time", "sequence")
    (tmp_path / "empty").mkdir()
    run("compress", tmp_path / "empty", "-o", tmp_path / "a.gsz").failed_in_one_line("every frame")
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "a.ply").touch()
    (tmp_path / "mixed" / "a.spz").touch()
    run("compress", tmp_path / "mixed", "-o", tmp_path / "a.gsz").failed_in_one_line("one format")
