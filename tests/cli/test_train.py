"""gscompress train: files, report, interruptions, and what is refused."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from photographs_for_tests import colmap_of_shapes

import gscompress

torch = pytest.importorskip("torch")
pytest.importorskip("gsplat")
pytest.importorskip("PIL")

from gscompress.train.distill import Distiller  # noqa: E402
from gscompress.train.splatting import SplatTrainer  # noqa: E402

BRIEF = ("--preset", "3dgs", "--effort", "fast", "--iterations", 60)
LONGER = ("--preset", "3dgs", "--effort", "fast", "--iterations", 200)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COLMAP folder of the generated scene."""
    folder = tmp_path_factory.mktemp("data") / "shapes"
    colmap_of_shapes(folder)
    return folder


def interrupted_at(monkeypatch: pytest.MonkeyPatch, iteration: int) -> None:
    """From now on, Ctrl-C comes in the middle of an iteration."""
    step = SplatTrainer._step

    def interrupting(self: SplatTrainer) -> None:
        if self.iteration == iteration:
            os.kill(os.getpid(), signal.SIGINT)
        step(self)

    monkeypatch.setattr(SplatTrainer, "_step", interrupting)


def test_files_and_report(run, data, tmp_path):
    outcome = run("train", data, "-o", tmp_path / "a.gsz", "--ply", tmp_path / "a.ply", *BRIEF, "--json")
    assert outcome.code == 0, outcome.err
    report = outcome.json
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.gsz", "a.ply"]
    scene, small = gscompress.load(tmp_path / "a.ply"), gscompress.load(tmp_path / "a.gsz")
    assert (report["splats"], report["splats_out"], report["sh_degree"]) == (len(scene), len(small), 3)
    assert (report["train_views"], report["test_views"], report["width"], report["height"]) == (14, 2, 64, 48)
    assert (report["iterations"], report["preset"]) == (60, "3dgs")
    assert report["output_bytes"] == (tmp_path / "a.gsz").stat().st_size < report["ply_bytes"] == (tmp_path / "a.ply").stat().st_size
    assert report["psnr"] > 10
    assert abs(report["psnr_compressed"] - report["psnr"]) < 3
    assert 0 < report["ssim_compressed"] <= 1
    assert 0 < report["training_seconds"] < report["seconds"]
    rows = np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1)
    assert rows[:, 0].tolist() == list(range(1, 61))
    assert rows[-1, 4] == len(scene)
    run("train", data, "-o", tmp_path / "a.gsz", *BRIEF).failed_in_one_line("a.gsz", "exists already")
    outcome = run("train", data, "-o", tmp_path / "b.gsz", *BRIEF, "--test-every", 0, "--target-size", "9kB")
    assert outcome.code == 0, outcome.err
    assert "tested  no photographs" in outcome.out
    assert "16 photographs of 64 x 48 px, 60 iterations" in outcome.out
    assert (tmp_path / "b.gsz").stat().st_size <= 9000
    assert not (tmp_path / "b.ply").exists()


def test_ctrl_c_keeps_the_scene_and_resume_ends_alike(run, data, tmp_path, monkeypatch):
    assert run("train", data, "-o", tmp_path / "a.gsz", "--ply", tmp_path / "a.ply", *BRIEF, "--sh-degree", 1, "--quiet").code == 0
    command = ("train", data, "-o", tmp_path / "b.gsz", "--ply", tmp_path / "b.ply", "--preset", "3dgs", "--effort", "fast")
    with monkeypatch.context() as patch:
        interrupted_at(patch, 33)
        outcome = run(*command, "--iterations", 60, "--sh-degree", 1, "--json")
    assert (outcome.code, outcome.out) == (130, "")
    assert "b.ply holds the scene of iteration 34; --resume" in outcome.err
    assert sorted(p.name for p in tmp_path.iterdir() if p.name[0] == "b") == ["b.csv", "b.gsz.checkpoint", "b.ply"]
    assert len(gscompress.load(tmp_path / "b.ply")) > 0
    run(*command, "--overwrite", "--resume", "--iterations", 70).failed_in_one_line("--iterations: expected 60", "found 70")
    run(*command).failed_in_one_line("b.gsz.checkpoint", "--resume", "--overwrite")
    outcome = run(*command, "--resume")
    assert outcome.code == 0, outcome.err
    assert "going on from iteration 34 of 60" in outcome.err
    for ending in ("ply", "gsz"):
        assert (tmp_path / f"b.{ending}").read_bytes() == (tmp_path / f"a.{ending}").read_bytes()
    assert (tmp_path / "b.csv").read_text().count("\n") == 61
    assert not (tmp_path / "b.gsz.checkpoint").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_resume_remembers_whether_the_scene_was_asked_for(run, data, tmp_path, monkeypatch):
    stale = tmp_path / "a.gsz.rate.checkpoint"
    for ply in ((), ("--ply", tmp_path / "mine.ply")):
        out = ("train", data, "-o", tmp_path / "a.gsz", "--overwrite")
        stale.write_bytes(b"of another run")
        with monkeypatch.context() as patch:
            interrupted_at(patch, 8)
            assert run(*out, *ply, "--preset", "3dgs", "--effort", "fast", "--iterations", 20).code == 130
        assert not stale.exists()
        left = tmp_path / ("mine.ply" if ply else "a.ply")
        early = left.read_bytes()
        outcome = run(*out, "--resume", "--json")
        assert outcome.code == 0, outcome.err
        assert outcome.json["ply"] == (str(left) if ply else None)
        assert left.exists() == bool(ply)
        assert not ply or left.read_bytes() != early
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.gsz", *(["mine.ply"] if ply else [])]


def test_a_target_out_of_reach_loses_nothing(run, data, tmp_path):
    out = ("train", data, "-o", tmp_path / "a.gsz")
    outcome = run(*out, "--iterations", 60, "--target-size", 100)
    assert outcome.code == 2
    assert "a.ply holds the scene as it was trained; --resume" in outcome.err
    assert "target_size: expected" in outcome.err
    scene = gscompress.load(tmp_path / "a.ply")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.gsz.checkpoint", "a.ply"]
    run(*out, "--resume", "--iterations", 70).failed_in_one_line("--iterations: expected 60", "found 70")
    run(*out, "--resume", "--quality", 70).failed_in_one_line("--quality", "--preset 3dgs")
    run(*out, "--resume", "--sh-degree", 1).failed_in_one_line("--sh-degree")
    assert run(*out, "--resume").code == 2  # still out of reach
    outcome = run(*out, "--resume", "--lambda", "1e-4", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["lambda"] == pytest.approx(1e-4)
    assert outcome.json["splats"] == len(scene)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.gsz"]


def test_a_run_that_diverges(run, data, tmp_path, monkeypatch):
    step = SplatTrainer._step

    def diverging(self: SplatTrainer) -> None:
        if self.iteration == 5:
            with torch.no_grad():
                self.params["sh0"].fill_(float("nan"))
                self.iteration = 99
        step(self)

    monkeypatch.setattr(SplatTrainer, "_step", diverging)
    outcome = run("train", data, "-o", tmp_path / "a.gsz", *LONGER)
    assert outcome.code == 2
    assert "a.ply holds the scene of iteration 0" in outcome.err
    assert "diverged" in outcome.err
    assert len(gscompress.load(tmp_path / "a.ply")) == 630
    assert not (tmp_path / "a.gsz").exists()


def test_rate_and_distortion(run, data, tmp_path, monkeypatch):
    command = ("train", data, "--iterations", 60, "--lambda", "1e-4", "--json")
    outcome = run(*command, "-o", tmp_path / "a.gsz")
    assert outcome.code == 0, outcome.err
    report = outcome.json
    assert (report["preset"], report["iterations"], report["rate_iterations"]) == ("default", 60, 40)
    assert report["lambda"] == pytest.approx(1e-4)
    assert report["output_bytes"] == (tmp_path / "a.gsz").stat().st_size
    assert report["splats_out"] == len(gscompress.load(tmp_path / "a.gsz")) < report["splats"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.gsz"]

    class Killed(BaseException):
        pass

    review = Distiller._review

    def kill(self: Distiller) -> None:
        if self.iteration == 8:
            raise Killed
        review(self)

    with monkeypatch.context() as patch:
        patch.setattr(Distiller, "_review", kill)
        with pytest.raises(Killed):
            run(*command, "-o", tmp_path / "c.gsz")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name[0] == "c") == ["c.csv", "c.gsz.checkpoint", "c.gsz.rate.checkpoint"]
    assert run("train", data, "-o", tmp_path / "c.gsz", "--resume").code == 0
    assert (tmp_path / "c.gsz").read_bytes() == (tmp_path / "a.gsz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name[0] == "c") == ["c.csv", "c.gsz"]


def test_anchors_from_points(run, data, tmp_path):
    outcome = run("train", data, "--iterations", 30, "--anchors", "always", "-o", tmp_path / "a.gsz")
    assert outcome.code == 0, outcome.err
    assert run("info", tmp_path / "a.gsz", "--json").json["anchors"] > 0


def test_minutes(run, data, tmp_path):
    outcome = run("train", data, "-o", tmp_path / "a.gsz", "--minutes", 0.05, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["rate_iterations"] > 0


def test_what_is_refused(run, data, tmp_path, monkeypatch):
    out = ("-o", tmp_path / "a.gsz")
    run("train", tmp_path / "none", *out).failed_in_one_line("none", "no such file")
    run("train", data, "-o", tmp_path / "a.ply").failed_in_one_line("expected a name ending in .gsz")
    run("train", data, *out, "--ply", tmp_path / "a.splat").failed_in_one_line("--ply", ".ply")
    run("train", data, *out, "--resume").failed_in_one_line("a.gsz.checkpoint", "no such file")
    run("train", data, *out, "--iterations", 0).failed_in_one_line("iterations", "found 0")
    run("train", data, *out, "--sh-degree", 4).failed_in_one_line("sh_degree", "found 4")
    run("train", data, *out, "--minutes", 0.005).failed_in_one_line("--minutes: expected 0.017 to 100000, found 0.005")
    run("train", data, *out, "--minutes", 0.005, "--preset", "3dgs").failed_in_one_line("--minutes: expected 0.01 to", "found 0.005")
    run("train", data, *out, "--minutes", "inf").failed_in_one_line("--minutes", "found inf")
    run("train", data, *out, "-q", 50).failed_in_one_line("--quality", "--preset 3dgs")
    run("train", data, *out, "--preset", "3dgs", "--lambda", "1e-5").failed_in_one_line("--lambda", "--preset default")
    run("train", data, *out, "--preset", "3dgs", "--anchors", "always").failed_in_one_line("--anchors", "--preset default")
    run("train", data, *out, "--images", "images_8").failed_in_one_line("images_8")
    assert run("train", data, *out, "--iterations", 5, "--minutes", 1).code == 2
    assert run("train", data, *out, "--preset", "other").code == 2
    assert not list(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "gsplat.strategy", None)
    monkeypatch.delitem(sys.modules, "gscompress.train.splatting")
    run("train", data, *out, "--quiet").failed_in_one_line("gscompress[train]")
