"""gscompress eval and report: what they print, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluate.batch_for_tests import photographed, with_model
from photographs_for_tests import SHAPES

pytest.importorskip("PIL.Image")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A photographed scene with a model."""
    photographed(tmp_path / "data" / "bonsai", count=9)
    with_model(tmp_path / "models", "bonsai")
    return tmp_path


def arguments(root: Path, *more: object) -> list[object]:
    return ["eval", "mipnerf360", "--data", root / "data", "--models", root / "models", "-o", root / "out", "--backend", "cpu", *more]


def test_from_a_folder_to_a_report(run, data):
    done = run(*arguments(data, "--codec", "gsz", "-q", 30, "-q", 70, "--codec", "own-spz", "--codec", "png"))
    assert done.code == 0
    assert "protocol inria: images_4 outdoor" in done.out
    assert "4 of 5 done, 0 failed; in process" in done.out
    assert "png: not installed: needs torchpq" in done.out
    assert "overhead" in done.out
    assert [line.split()[:3] for line in done.err.splitlines()] == [
        ["bonsai", "png", "default"], ["bonsai", "ply", "default"], ["bonsai", "gsz", "q30"], ["bonsai", "gsz", "q70"], ["bonsai", "own-spz", "default"],
    ]  # fmt: skip
    assert (data / "out" / "report.html").read_text().count("SPZ (ours)") > 1
    again = run(*arguments(data, "--codec", "gsz", "-q", 30, "-q", 70, "--codec", "own-spz", "--codec", "png", "--resume", "--json", "--quiet"))
    assert again.code == 0
    assert again.err == ""
    assert (again.json["cells"], again.json["done"], again.json["reused"], again.json["not_installed"]) == (5, 4, 4, ["png"])
    before = (data / "out" / "tables.md").read_bytes()
    (data / "out" / "tables.md").unlink()
    assert run("report", data / "out", "--quiet").code == 0
    assert (data / "out" / "tables.md").read_bytes().splitlines()[8:] == before.splitlines()[8:]
    run(*arguments(data)).failed_in_one_line("--resume", "--overwrite")


def test_a_dry_run_says_what_is_missing(run, data):
    whole = run(*arguments(data, "--dry-run"))
    assert whole.code == 0
    assert "bonsai       complete" in whole.out
    assert "iteration_30000/point_cloud.ply" in whole.out
    (data / "data" / "bonsai" / "images_2" / "004.png").unlink()
    (data / "data" / "garden").mkdir()
    done = run(*arguments(data, "--dry-run", "--json"))
    assert done.code == 1
    assert done.json["missing"] == 2
    garden, bonsai = done.json["scenes"]
    assert garden["scene"] == "garden"
    assert "garden" in garden["missing"][0]
    assert "1 of 9 photographs" in bonsai["missing"][0]
    assert not (data / "out").exists()


def test_cells_that_fail_are_in_the_exit_code(run, data):
    (data / "data" / "bonsai" / "images_2" / "008.png").write_bytes(b"none")
    (data / "data" / "alone.ply").write_bytes(SHAPES.read_bytes())
    done = run("eval", "folder", data / "data", "-o", data / "out", "--models", data / "models", "--images", "images_2", "--backend", "cpu", "--codec", "own-spz", "--json")
    assert done.code == 1
    assert done.json["done"] == 2
    assert {f["scene"] for f in done.json["failed"]} == {"bonsai"}
    assert "008.png" in done.json["failed"][0]["error"]
    assert (data / "out" / "report.html").exists()


def test_a_batch_in_which_nothing_works_has_a_report(run, data):
    (data / "data" / "bonsai" / "images_2" / "004.png").unlink()
    done = run(*arguments(data, "--codec", "own-spz"))
    assert done.code == 1
    assert "0 of 2 done, 2 failed" in done.out
    for name in ("report.html", "tables.md", "tables.tex", "cells.csv"):
        assert "1 of 9 photographs" in (data / "out" / name).read_text(), name


def test_ctrl_c_says_how_to_go_on(run, data, monkeypatch):
    from gscompress.evaluate.batch import cells

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cells, "measured", interrupted)
    done = run(*arguments(data, "--codec", "zstd"))
    assert done.code == 130
    assert "--resume" in done.err
    assert done.err.splitlines()[-1] == "gscompress: error: interrupted"
    monkeypatch.undo()
    assert run(*arguments(data, "--codec", "zstd", "--resume", "--quiet")).code == 0


def test_what_cannot_be_used(run, data, tmp_path):
    run("eval", "folder").failed_in_one_line("--data")
    run("eval", "folder", data / "none").failed_in_one_line("expected a folder")
    run("eval", "folder", data / "models" / "bonsai" / "point_cloud", "--data", data).failed_in_one_line("--data")
    run(*arguments(data, "--codec", "gif")).failed_in_one_line("--codec", "gsz", "gif")
    run(*arguments(data, "--protocol", "mine")).failed_in_one_line("inria, gsplat, nerfbaselines", "mine")
    run(*arguments(data, "--scenes", "lego")).failed_in_one_line("--scenes", "lego")
    (tmp_path / "empty").mkdir()
    run("eval", "folder", tmp_path / "empty").failed_in_one_line("found none")
    (tmp_path / "file").write_bytes(b"")
    run(*arguments(data, "-o", tmp_path / "file" / "out")).failed_in_one_line("file")
    run("report", tmp_path / "empty").failed_in_one_line("eval.json")
