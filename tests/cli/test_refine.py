"""gscompress refine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from photographs_for_tests import SHAPES, colmap_of_shapes  # noqa: E402
from training_for_tests import PLAN, teacher  # noqa: E402

import gscompress  # noqa: E402
from gscompress.train import checkpoint, refine  # noqa: E402
from gscompress.train.distill import Distiller  # noqa: E402
from gscompress.train.photographs import load_photographs  # noqa: E402
from gscompress.train.score import score  # noqa: E402

from .conftest import Run  # noqa: E402


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(refine, "plan", lambda effort, splats: PLAN)
    path = tmp_path / "scene.ply"
    teacher(300).save(path)
    return path


def test_a_file_a_log_and_one_object(scene: Path, run: Run):
    log = scene.with_name("log.csv")
    done = run("refine", scene, "--lambda", "5e-5", "--iterations", 30, "--log", log, "--json")
    assert done.code == 0
    report = json.loads(done.out)
    output = scene.with_suffix(".gsz")
    assert report["output"] == str(output)
    assert report["output_bytes"] == output.stat().st_size
    assert report["splats_out"] == len(gscompress.load(output)) < report["splats_in"] == 300
    assert report["lambda"] == pytest.approx(5e-5)
    assert log.read_text().startswith("iteration,seconds,splats,bytes,psnr\n")
    assert not list(scene.parent.glob("*.checkpoint*"))
    again = run("refine", scene, "--iterations", 30)
    assert again.code == 2
    assert "exists already" in again.err


def test_a_run_that_goes_on_keeps_its_log(scene: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    class Killed(BaseException):
        pass

    review, reviews = Distiller._review, []

    def kill(self: Distiller) -> None:
        reviews.append(self.iteration)
        if len(reviews) == 4:
            raise Killed
        review(self)

    log = scene.with_name("log.csv")
    command = ("refine", scene, "--lambda", "5e-5", "--iterations", 30, "--log", log)
    with monkeypatch.context() as patch:
        patch.setattr(Distiller, "_review", kill)
        with pytest.raises(Killed):
            run(*command)
    assert reviews[-1] == 9
    before = log.read_text()
    assert before.count("\n") > 1
    log.write_text(before + "10,5,300,1000,20\n")  # of what the checkpoint does not know any more
    run(*command).failed_in_one_line("unfinished run")
    done = run(*command, "--resume")
    assert done.code == 0, done.err
    rows = [int(line.split(",")[0]) for line in log.read_text().splitlines()[1:]]
    assert log.read_text().startswith(before)
    assert rows == sorted(set(rows))
    assert rows[-1] > 9


def test_a_checkpoint_of_another_version(scene: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    state = scene.with_name("scene.gsz.checkpoint")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "VERSION", "0.0.7")
        checkpoint.write_checkpoint(state, "refine", {"iteration": 3})
    run("refine", scene, "--resume").failed_in_one_line("expected an unfinished run of gscompress", "found one of 0.0.7", "begins anew")
    torch.save({"kind": "refine", "iteration": 3}, state)
    run("refine", scene, "--resume").failed_in_one_line("an older one")
    assert state.exists()


def test_anchors(scene: Path, run: Run):
    done = run("refine", scene, "--iterations", 10, "--anchors", "always", "--json")
    assert done.code == 0
    assert json.loads(done.out)["anchors"] is True
    assert json.loads(run("info", scene.with_suffix(".gsz"), "--json").out)["anchors"] > 0
    assert run("refine", scene, "--overwrite", "--anchors", "some").code == 2


def test_words(scene: Path, run: Run):
    done = run("refine", scene, "--lambda", "5e-5", "--iterations", 20)
    assert done.code == 0
    for word in ("size", "splats", "PSNR", "20 iterations"):
        assert word in done.out


def test_paths_that_are_taken(scene: Path, run: Run):
    output, log = scene.with_suffix(".gsz"), scene.with_name("log.csv")
    log.write_text("mine")
    assert "exists already" in run("refine", scene, "--log", log).err
    assert log.read_text() == "mine"
    assert "a file of its own" in run("refine", scene, "--log", output).err
    checkpoint = output.with_name(output.name + ".checkpoint")
    checkpoint.write_bytes(b"of something")
    assert "unfinished run" in run("refine", scene).err
    assert "expected a checkpoint" in run("refine", scene, "--resume").err
    assert not output.exists()
    assert checkpoint.exists()


def test_photographs(scene: Path, run: Run, tmp_path: Path):
    pytest.importorskip("PIL")
    data, shapes = tmp_path / "data", tmp_path / "shapes.ply"
    colmap_of_shapes(data)
    gscompress.load(SHAPES).save(shapes)
    done = run("refine", shapes, "--photos", data, "--iterations", 20, "--lambda", "5e-5", "--json")
    assert done.code == 0, done.err
    made = gscompress.load(shapes.with_suffix(".gsz"))
    photographs = load_photographs(data)
    assert len(photographs.test) == 2
    assert json.loads(done.out)["psnr"] == pytest.approx(score(made, photographs.train, photographs.background).psnr, abs=1e-3)
    assert "--downscale: expected --photos" in run("refine", scene, "--downscale", 2).err
    assert "no such file" in run("refine", scene, "--photos", tmp_path / "none").err


def test_minutes_choose_the_iterations(scene: Path, run: Run):
    done = run("refine", scene, "--lambda", "5e-5", "--minutes", "0.02", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["iterations"] > 3
    assert run("refine", scene, "--minutes", 1, "--iterations", 5).code == 2


def test_without_torch(scene: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    for name in [n for n in sys.modules if n.startswith(("gscompress.train.", "gscompress.render.rasterization"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run("refine", scene)
    assert done.code == 2
    assert "gscompress[train]" in done.err
