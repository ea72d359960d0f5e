"""Whole batches: what is kept, what is done again, and what goes wrong without taking the rest along."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photographs_for_tests import SHAPES

import gscompress
from gscompress.errors import InputError
from gscompress.evaluate import codecs
from gscompress.evaluate.batch import run as batch
from gscompress.evaluate.batch.options import EvalOptions
from gscompress.evaluate.batch.run import Outcome, Watcher, check, evaluate
from gscompress.evaluate.batch.store import (
    FAILED,
    NOT_INSTALLED,
    OK,
    CellId,
    cell_path,
    read_cells,
    read_plan,
)
from gscompress.io import write
from gscompress.scene import Scene

from .batch_for_tests import photographed, with_model

pytest.importorskip("PIL.Image")
FAST: dict[str, Any] = {"codecs": ("own-spz", "zstd"), "backend": "cpu", "images": "images", "downscale": 2}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two photographed scenes with a model each."""
    for name in ("bonsai", "room"):
        photographed(tmp_path / "data" / name, count=9)
        with_model(tmp_path / "models", name)
    return tmp_path


def options(root: Path, **other: Any) -> EvalOptions:
    return EvalOptions(**{"kind": "mipnerf360", "data": root / "data", "output": root / "out", "models": root / "models"} | FAST | other)


def statuses(outcome: Outcome) -> dict[str, str]:
    return {str(cell.id): cell.status for cell in outcome.cells}


def test_a_batch(data):
    seen: list[tuple[str, int, int]] = []
    watcher = Watcher(lambda cell, done, total: seen.append((str(cell.id), done, total)))
    found = evaluate(options(data, codecs=("gsz", "own-spz", "zstd", "png"), qualities=(20.0, 60.0)), "gscompress eval", watcher)
    assert seen[-1][0].startswith("bonsai/")
    assert sorted(done for _, done, _ in seen) == list(range(1, 13))
    assert {total for *_, total in seen} == {12}
    assert statuses(found) == {
        f"{scene}/{cell}": NOT_INSTALLED if cell.startswith("png") else OK
        for scene in ("room", "bonsai")
        for cell in ("ply@default", "gsz@q20", "gsz@q60", "own-spz@default", "zstd@default", "png@default")
    }
    plan = read_plan(data / "out")
    assert plan == found.plan
    assert plan.finished
    assert plan.protocol["line"].startswith("inria")
    assert "images, made 2 times smaller" in plan.protocol["line"]
    assert read_cells(data / "out", plan) == list(found.cells)
    cells = {c.id: c for c in found.cells}
    assert plan.work_seconds == pytest.approx(sum(c.seconds for c in found.cells))
    assert plan.seconds > plan.work_seconds
    base, small, large = (cells[CellId("bonsai", c, p)] for c, p in (("ply", "default"), ("gsz", "q20"), ("gsz", "q60")))
    assert base.size_bytes == base.source_bytes == SHAPES.stat().st_size
    assert base.lossless
    assert base.renders is not None
    assert base.renders.psnr is None
    assert small.renders is not None
    assert large.renders is not None
    assert small.size_bytes is not None
    assert large.size_bytes is not None
    assert small.size_bytes < large.size_bytes < SHAPES.stat().st_size
    assert (small.renders.psnr or 0) < (large.renders.psnr or 0)
    assert cells[CellId("bonsai", "zstd", "default")].lossless
    assert cells[CellId("bonsai", "zstd", "default")].photographs == base.photographs
    for cell in (base, small, large):
        assert len(cell.key) == len(cell.inputs["model"]) == len(cell.inputs["photographs"]) == 64
        assert cell.encode_seconds is not None
        assert cell.decode_seconds is not None
        assert (cell.fps or 0) > 0
        assert cell.machine["processor"]
        assert cell.splats_in == len(gscompress.load(SHAPES))
    assert not (data / "out" / "files" / "bonsai" / "gsz@q20.gsz").exists()


def test_what_codecs_write_can_be_kept(data):
    found = evaluate(options(data, scenes=("bonsai",), codecs=("gsz",), qualities=(30.0,), keep_files=True))
    kept = data / "out" / "files" / "bonsai" / "gsz@q30.gsz"
    assert kept.stat().st_size == found.cells[1].size_bytes
    assert len(gscompress.load(kept)) == found.cells[1].splats


def test_only_what_changed_is_done_again(data):
    first = evaluate(options(data))
    with pytest.raises(InputError, match="--resume"):
        evaluate(options(data))
    again = evaluate(options(data, resume=True))
    assert again.reused == len(first.cells) == 6
    assert again.cells == first.cells
    assert again.plan.seconds > first.plan.seconds
    lost = cell_path(data / "out", CellId("bonsai", "zstd", "default"))
    lost.write_text('{"half a fi')
    scene = gscompress.load(SHAPES)
    model = data / "models" / "room" / "point_cloud" / "iteration_30000" / "point_cloud.ply"
    write(scene.select(np.arange(len(scene) - 10)), model, "ply", overwrite=True)
    third = evaluate(options(data, resume=True))
    assert third.reused == 2
    assert statuses(third) == statuses(first)
    assert next(c for c in third.cells if c.scene == "room").splats_in == len(scene) - 10
    fourth = evaluate(options(data, resume=True, downscale=1))
    assert fourth.reused == 0
    assert evaluate(options(data, overwrite=True)).reused == 0


def test_a_killed_run_goes_on(data):
    arguments = ["eval", "mipnerf360", "--data", data / "data", "--models", data / "models", "-o", data / "out", "--backend", "cpu", "--images", "images"]
    command = [sys.executable, "-m", "gscompress", *map(str, [*arguments, "--codec", "gsz", "-q", 20, "-q", 40, "-q", 60])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=data)
    first = cell_path(data / "out", CellId("room", "gsz", "q20"))
    deadline = time.monotonic() + 120
    while not first.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert first.exists()
    started = json.loads(first.read_text())["started"]
    assert not read_plan(data / "out").finished
    done = subprocess.run([*command, "--resume", "--json"], capture_output=True, text=True, timeout=300, cwd=data)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["cells"], report["done"], report["failed"]) == (8, 8, [])
    assert report["reused"] >= 2
    assert json.loads(first.read_text())["started"] == started


def test_bad_scenes_are_reported_and_the_rest_goes_on(data):
    """Missing photographs, a corrupt one, a scene in another frame, and none at all."""
    photographed(data / "data" / "kitchen", count=9)
    with_model(data / "models", "kitchen")
    photographed(data / "data" / "counter", count=9)
    moved = with_model(data / "models", "counter")
    scene = gscompress.load(SHAPES)
    turned = Scene(scene.means @ np.diag([1, -1, -1]).astype(np.float32) * 2 + 3, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh)
    write(turned, moved, "ply", overwrite=True)
    (data / "data" / "room" / "images" / "003.png").unlink()
    broken = data / "data" / "kitchen" / "images" / "008.png"
    broken.write_bytes(broken.read_bytes()[:100])
    (data / "data" / "garden").mkdir()
    found = evaluate(options(data))
    errors = {scene: {c.error for c in found.cells if c.scene == scene} for scene in found.plan.scenes}
    assert errors["bonsai"] == {None}
    for scene, words in (
        ("room", ["1 of 9 photographs", "003.png"]), ("kitchen", ["008.png", "an image"]), ("counter", ["frame", "dB"]), ("garden", ["garden"]),
    ):  # fmt: skip
        (error,) = errors[scene]
        assert error is not None
        assert all(word in error for word in words), error
    assert {c.status for c in found.cells if c.scene != "bonsai"} == {FAILED}
    assert len(read_cells(data / "out", found.plan)) == len(found.plan.cells) == 15
    assert [c.data.name for c in check(options(data)) if c.missing] == ["garden", "room"]


def test_a_codec_that_fails(data, monkeypatch):
    """With an error of its own, with a full disk, and with a file that cannot be decoded."""

    class Broken:
        name, label, suffix = "broken", "broken", ".bin"

        def missing(self) -> None:
            return None

        def tool(self) -> str:
            return "broken 1"

        def points(self, asked: object) -> tuple[codecs.Point, ...]:
            return tuple(codecs.Point(n) for n in ("raises", "full", "bad"))

        def encode(self, source: object, point: codecs.Point, path: Path) -> None:
            if point.name == "raises":
                raise RuntimeError("no idea")
            if point.name == "full":
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            path.write_bytes(b"nothing")

        def decode(self, path: Path) -> Scene:
            return gscompress.load(path)

    monkeypatch.setitem(codecs.CODECS, "broken", Broken())
    found = evaluate(options(data, codecs=("broken", "zstd"), scenes=("bonsai",)))
    assert [(c.point, c.status) for c in found.cells if c.codec != "broken"] == [("default", OK), ("default", OK)]
    raised, full, bad = (c.error or "" for c in found.failed)
    assert raised == "RuntimeError: no idea"
    assert "No space left" in full
    assert "broken@bad.bin" in bad
    assert list((data / "out" / "files" / "bonsai").iterdir()) == []


def test_a_disk_that_is_full(data, monkeypatch):
    """Results that cannot be kept count as failed; what comes later and can be kept is."""
    real, count = batch.write_cell, [0]

    def sometimes(out: Path, cell: Any) -> None:
        count[0] += 1
        if count[0] in (2, 3):
            raise OSError(errno.ENOSPC, "No space left on device", str(out))
        real(out, cell)

    monkeypatch.setattr(batch, "write_cell", sometimes)
    found = evaluate(options(data))
    assert [c.status for c in found.cells] == [OK, FAILED, FAILED, OK, OK, OK]
    assert all("No space left" in (c.error or "") for c in found.failed)
    monkeypatch.setattr(batch, "write_cell", real)
    assert evaluate(options(data, resume=True)).reused == 4


def test_processes_give_the_same(data):
    """But for times and memory."""
    here = evaluate(options(data))
    there = evaluate(options(data, output=data / "out2", jobs=2))
    assert there.plan.jobs == "2 processes"

    def plain(found: Outcome) -> list[Any]:
        unlike = dict.fromkeys(("encode_seconds", "decode_seconds", "encode_memory_bytes", "decode_memory_bytes", "fps"))
        return [replace(c, **unlike, seconds=0.0, started="", machine={}) for c in found.cells]

    assert plain(here) == plain(there)


def ancestors(pid: int) -> list[int]:
    """Of a process; none once it is gone."""
    found = []
    while pid > 1:
        try:
            pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return found
        found.append(pid)
    return found


def test_a_ray_worker_killed_mid_run_loses_nothing(data):
    pytest.importorskip("ray")
    killed: list[int] = []

    def killer() -> None:
        """Kills the first worker of this process's own cluster that is seen at work."""
        deadline = time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    title = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                if title.startswith(b"ray::_work") and os.getpid() in ancestors(int(process.name)):
                    os.kill(int(process.name), signal.SIGKILL)
                    killed.append(int(process.name))
                    return
            time.sleep(0.005)

    thread = threading.Thread(target=killer)
    thread.start()
    found = evaluate(options(data, ray="local", jobs=2, codecs=("gsz", "own-spz", "zstd"), qualities=(20.0, 60.0)))
    thread.join()
    assert killed
    assert found.plan.jobs == "Ray, 1 node, 2 CPUs"
    assert len(found.cells) == 10
    assert set(statuses(found).values()) == {OK}


def test_a_scene_without_a_model_is_trained_once(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("gsplat")
    photographed(tmp_path / "data" / "bonsai", count=9)
    how: dict[str, Any] = {"models": None, "train_iterations": 30, "train_max_splats": 3000, "codecs": ("own-spz",)}
    stages: list[float] = []
    models: list[bool] = []
    watcher = Watcher(stage=lambda stage, share: stages.append(share), model=lambda scene, model: models.append(model.cached))
    found = evaluate(options(tmp_path, **how), watcher=watcher)
    assert statuses(found) == {"bonsai/ply@default": OK, "bonsai/own-spz@default": OK}
    assert stages[-1] == 1
    assert (found.cells[0].splats or 0) <= 3000
    model = tmp_path / "out" / "models" / "bonsai.ply"
    before = model.stat().st_mtime_ns
    again = evaluate(options(tmp_path, **how, resume=True), watcher=watcher)
    assert models == [False, True]
    assert again.reused == 2
    assert model.stat().st_mtime_ns == before
    longer = evaluate(options(tmp_path, **how | {"train_iterations": 40}, resume=True))
    assert longer.reused == 0
    assert model.stat().st_mtime_ns != before
    (tmp_path / "data" / "bonsai" / "images" / "001.png").write_bytes(b"no photograph")
    failed = evaluate(options(tmp_path, **how, resume=True))
    assert len(failed.failed) == 2
    assert all("no trained scene" in (c.error or "") for c in failed.failed)


def test_scenes_without_photographs(tmp_path):
    """Measured against their own renders: from the cameras beside them, or from made-up ones."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "alone.ply").write_bytes(SHAPES.read_bytes())
    found = evaluate(options(tmp_path, kind="folder", models=None, codecs=("own-spz",), images=None, downscale=None))
    base, spz = found.cells
    assert base.photographs is None
    assert spz.renders is not None
    assert (spz.renders.psnr or 0) > 30
    assert spz.views == 12
    assert any("made up" in note for note in spz.notes)


@pytest.mark.parametrize(
    ("codecs", "points", "meant"),
    [
        (("gsz",), {}, "ply gsz"), (("gsz",), {"qualities": (5.0,)}, "ply gsz"), (("zstd", "gsz"), {"lambdas": (1e-4,)}, "ply zstd gsz-trained"),
        (("gsz", "gsz-trained"), {"qualities": (5.0,), "lambdas": (1e-4,)}, "ply gsz gsz-trained"), (("gsz-trained", "ply"), {}, "ply gsz-trained"),
    ],
)  # fmt: skip
def test_which_codecs_are_meant(tmp_path, codecs, points, meant):
    assert " ".join(options(tmp_path, codecs=codecs, **points).all_codecs) == meant


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "nerf"}, "kind"), ({"codecs": ("gif",)}, "--codec"), ({"qualities": (0.0,)}, "--quality"), ({"lambdas": (1.0,)}, "--lambda"),
        ({"jobs": 0}, "--jobs"), ({"protocol": "x"}, "protocol"), ({"backend": "x"}, "--backend"), ({"resume": True, "overwrite": True}, "--resume"),
        ({"jobs": 2, "ray": "ray://host:1"}, "--jobs"), ({"ray": "local", "cpus": 0.0}, "--cpus"), ({"ray": "local", "gpus": -1.0}, "--gpus"),
        ({"cpus": 2.0}, "--cpus.*--ray"), ({"gpus": 1.0, "jobs": 2}, "--gpus.*--ray"),
    ],
)  # fmt: skip
def test_options_out_of_range(tmp_path, wrong, words):
    with pytest.raises(InputError, match=words):
        options(tmp_path, **wrong)


def test_a_format_that_does_not_know_of_antialiasing(data, tmp_path):
    """Is not held against its quality: the renderer is told."""
    pytest.importorskip("gaussforge")
    scene = gscompress.load(SHAPES)
    model = data / "models" / "bonsai" / "point_cloud" / "iteration_30000" / "point_cloud.ply"
    write(replace(scene, antialiased=True), model, "ply", overwrite=True)
    found = evaluate(options(data, scenes=("bonsai",), codecs=("sog",)))
    _, sog = found.cells
    assert sog.renders is not None
    assert (sog.renders.psnr or 0) > 40
    assert any("antialiased" in note for note in sog.notes)
