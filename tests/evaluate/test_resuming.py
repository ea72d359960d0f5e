"""What a second run keeps of the first, and what it makes anew."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photographs_for_tests import SHAPES

import gscompress
from gscompress.errors import Corrupt, InputError, MissingWeights
from gscompress.evaluate.batch import context, protocols
from gscompress.evaluate.batch import run as batch
from gscompress.evaluate.batch.cells import CellTask
from gscompress.evaluate.batch.datasets import find_scenes
from gscompress.evaluate.batch.options import EvalOptions
from gscompress.evaluate.batch.run import Watcher, evaluate
from gscompress.evaluate.batch.store import (
    FAILED,
    OK,
    Cell,
    CellId,
    cell_path,
    read_cell,
    read_cells,
    read_plan,
)
from gscompress.evaluate.codecs import CODECS, Point, Source
from gscompress.evaluate.report import Published, write_report
from gscompress.io import write
from gscompress.scene import Scene

from .batch_for_tests import photographed, with_model

pytest.importorskip("PIL.Image")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two trained scenes without photographs, whose few cameras make cells cheap."""
    for name in ("ant", "bee"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "point_cloud.ply").write_bytes(SHAPES.read_bytes())
        pose = {"position": [0.0, 0.0, -4.0], "rotation": [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], "fx": 60.0, "fy": 60.0, "width": 64, "height": 48}
        poses = [pose | {"id": i, "img_name": f"{i:03}", "position": [0.05 * i, 0.0, -4.0]} for i in range(9)]
        (tmp_path / "data" / name / "cameras.json").write_text(json.dumps(poses))
    return tmp_path


def options(root: Path, **other: Any) -> EvalOptions:
    return EvalOptions(**{"kind": "folder", "data": root / "data", "output": root / "out", "codecs": ("own-spz", "zstd"), "backend": "cpu"} | other)


def interrupted_after(count: int) -> Watcher:
    def cell(_: object, done: int, total: int) -> None:
        if done == count:
            raise KeyboardInterrupt

    return Watcher(cell)


def test_an_interrupted_overwrite_shows_nothing_of_the_run_before(root):
    evaluate(options(root, keep_files=True))
    write_report(root / "out", Published())
    (root / "out" / "models").mkdir()
    (root / "out" / "models" / "ant.ply").write_bytes(b"trained")
    (root / "out" / "mine.txt").write_bytes(b"not of a run")
    with pytest.raises(KeyboardInterrupt):
        evaluate(options(root, overwrite=True), watcher=interrupted_after(2))
    assert [str(c.id) for c in read_cells(root / "out", read_plan(root / "out"))] == ["ant/ply@default", "ant/own-spz@default"]
    left = {p.relative_to(root / "out").as_posix() for p in (root / "out").rglob("*") if p.is_file()}
    assert left == {"eval.json", "cells/ant/ply@default.json", "cells/ant/own-spz@default.json", "models/ant.ply", "mine.txt"}


def test_a_run_that_cannot_begin_overwrites_nothing(root):
    evaluate(options(root))
    pytest.importorskip("ray")
    with pytest.raises(InputError, match="--ray"):
        evaluate(options(root, overwrite=True, ray="127.0.0.1:1"))
    assert evaluate(options(root, resume=True)).reused == 6


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"[]", b'{"schema": 1}', b"\xff\xfe", "another", "text"])
def test_a_cell_that_cannot_be_read(root, content):
    """Is named by the report, which has all the others, and done again."""
    evaluate(options(root))
    lost = cell_path(root / "out", CellId("bee", "zstd", "default"))
    record = json.loads(lost.read_text())
    if content == "another":
        content = json.dumps(record | {"scene": "ant"}).encode()
    elif content == "text":
        content = json.dumps(record | {"size_bytes": "many"}).encode()
    lost.write_bytes(content)
    cells = {str(c.id): c for c in read_cells(root / "out", read_plan(root / "out"))}
    assert [c.status for c in cells.values()] == [OK] * 5 + [FAILED]
    assert "zstd@default.json" in (cells["bee/zstd@default"].error or "")
    write_report(root / "out", Published())
    assert "cannot be read" in (root / "out" / "tables.md").read_text()
    again = evaluate(options(root, resume=True))
    assert again.reused == 5
    assert read_cell(root / "out", CellId("bee", "zstd", "default")) == again.cells[-1]
    assert again.cells[-1].ok


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 1}', b'{"schema": 1, "kind": 3, "codecs": [], "cells": [], "scenes": []}'])
def test_a_plan_that_cannot_be_read(root, content):
    """Ends the report with what to do, and --resume writes it anew."""
    evaluate(options(root))
    (root / "out" / "eval.json").write_bytes(content)
    with pytest.raises(Corrupt, match=r"eval\.json.*--resume"):
        write_report(root / "out", Published())
    assert evaluate(options(root, resume=True)).reused == 6
    assert len(read_plan(root / "out").cells) == 6


def test_workers_get_absolute_paths(root, monkeypatch):
    monkeypatch.chdir(root)
    given = options(Path(), models=Path("data"), lpips_weights="weights")
    paths = given.anywhere()
    for path in (paths.data, paths.output, paths.models, Path(paths.lpips_weights or "")):
        assert path is not None
        assert path.is_absolute()
    seen: list[Any] = []
    real = batch.run_cell
    monkeypatch.setattr(batch, "run_cell", lambda task: seen.append(task) or real(task))
    found = evaluate(options(Path(), codecs=("zstd",), scenes=("ant",)))
    assert all(path.is_absolute() for task in seen for path in (task.folder, task.model, task.data.cameras))
    assert (found.plan.data, len(seen)) == ("data", 2)


def test_cells_without_lpips_are_done_again_once_its_weights_are_there(root, monkeypatch):
    monkeypatch.setattr(protocols, "find_weights", missing_weights)
    assert evaluate(options(root)).reused == 0
    assert evaluate(options(root, resume=True)).reused == 6
    monkeypatch.setattr(batch.EvalOptions, "measured_by", property(lambda self: Here()))
    seen: list[CellTask] = []
    monkeypatch.setattr(batch, "run_cell", lambda task: seen.append(task) or Cell(task.data.name, task.codec, task.point.name, FAILED))
    assert evaluate(options(root, resume=True)).reused == 0
    assert len(seen) == 6


def missing_weights(net: str, folder: object) -> None:
    raise MissingWeights(f"LPIPS ({net})", {"weights": "somewhere"}, [str(folder)])


class Here(protocols.Protocol):
    """INRIA's protocol, where the weights are."""

    def __init__(self) -> None:
        super().__init__(**asdict(protocols.protocol("inria")))

    def measurable(self, lpips_weights: str | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.lpips, ()


class Spy:
    """Keeps what encoders are shown."""

    name, label, suffix = "spy", "spy", ".ply"
    version, level = "spy 1", 1

    def __init__(self) -> None:
        self.sources: list[Source] = []

    def missing(self) -> None:
        return None

    def tool(self) -> str:
        return self.version

    def points(self, asked: object) -> tuple[Point, ...]:
        return (Point("one", {"level": self.level, "lambda": 1e-4}),)

    def encode(self, source: Source, point: Point, path: Path) -> None:
        self.sources.append(source)
        path.write_bytes(source.path.read_bytes())

    def decode(self, path: Path) -> Scene:
        return gscompress.load(path)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    made = Spy()
    monkeypatch.setitem(CODECS, "spy", made)
    return made


def test_another_tool_and_other_options_are_other_cells(root, spy, monkeypatch):
    def reused() -> int:
        return evaluate(options(root, codecs=("spy",), scenes=("ant",), resume=True)).reused

    assert [reused(), reused()] == [0, 2]
    spy.version = "spy 2"
    assert [reused(), reused()] == [1, 2]
    spy.level = 2
    assert [reused(), reused()] == [1, 2]
    monkeypatch.setattr(batch, "VERSION", "99")
    assert [reused(), reused()] == [0, 2]


@pytest.mark.parametrize("name", protocols.PROTOCOLS)
def test_encoders_never_see_what_is_for_testing(tmp_path, spy, name):
    photographed(tmp_path / "data" / "bonsai", count=17)
    with_model(tmp_path / "models", "bonsai")
    (tmp_path / "alone").mkdir()
    found = evaluate(options(tmp_path, kind="mipnerf360", models=tmp_path / "models", codecs=("spy",), protocol=name))
    assert [c.error for c in found.cells] == [None, None]
    (source,) = spy.sources
    tested = {row["name"] for row in found.cells[1].per_view}
    assert tested == {"000.png", "008.png", "016.png"}
    assert source.photographs is not None
    assert source.photographs.test == ()
    for cameras in (source.cameras, [p.camera for p in source.photographs.train]):
        assert {c.name for c in cameras} == {f"{i:03}.png" for i in range(17)} - tested


def test_encoders_never_see_test_cameras_of_scenes_without_photographs(root, spy):
    found = evaluate(options(root, codecs=("spy",), scenes=("ant",)))
    tested = {row["name"] for row in found.cells[1].per_view}
    assert len(tested) == 2
    assert len(spy.sources[0].cameras) == 7
    assert tested.isdisjoint(c.name for c in spy.sources[0].cameras)


def test_renders_are_rounded_where_the_protocol_says_so(tmp_path):
    """The photographs are renders in 8 bits: rounded ones are equal to them, but where halves go up or down."""
    photographed(tmp_path / "data" / "bonsai", count=9, noise=0.0)
    with_model(tmp_path / "models", "bonsai")
    how: dict[str, Any] = {"kind": "mipnerf360", "models": tmp_path / "models", "codecs": ("ply",), "images": "images", "downscale": 1}
    found = {}
    for name in ("nerfbaselines", "gsplat"):
        shown = evaluate(options(tmp_path, protocol=name, output=tmp_path / name, **how)).cells[0].photographs
        assert shown is not None
        found[name] = 1000.0 if shown.psnr is None else shown.psnr
    assert found["nerfbaselines"] > 75 > 65 > found["gsplat"] > 50


def test_a_frame_is_checked_once_a_scene_and_not_where_the_model_was_made_from_its_photographs(tmp_path, monkeypatch):
    photographed(tmp_path / "data" / "bonsai", count=9)
    moved = with_model(tmp_path / "models", "bonsai")
    scene = gscompress.load(SHAPES)
    write(Scene(scene.means + 50, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh), moved, "ply", overwrite=True)
    checked: list[object] = []
    real = context._check_frame
    monkeypatch.setattr(context, "_check_frame", lambda *given: checked.append(given) or real(*given))
    found = evaluate(options(tmp_path, kind="mipnerf360", models=tmp_path / "models", images="images"))
    assert [c.status for c in found.cells] == [FAILED] * 3
    assert all("frame" in (c.error or "") for c in found.cells)
    assert len(checked) == 1
    (data,) = find_scenes(options(tmp_path, kind="mipnerf360", images="images").wanted, protocols.protocol("inria"))
    trained = context.load_context(data, moved, context.Settings(protocols.protocol("inria"), "cpu"))
    assert (data.model, len(checked), len(trained.scores)) == (None, 1, 2)


def test_values_that_are_not_finite_are_noted(root):
    scene = gscompress.load(SHAPES)
    means = scene.means.copy()
    means[:3] = np.nan
    model = root / "data" / "ant" / "point_cloud.ply"
    broken = Scene(means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh)
    write(broken, model, "ply", overwrite=True)
    write(replace(broken, means=np.full_like(means, np.nan)), root / "data" / "bee" / "point_cloud.ply", "ply", overwrite=True)
    found = evaluate(options(root))
    ant, bee = (found.cells[:3], found.cells[3:])
    assert all(c.ok and any("3 Gaussians with non-finite values" in note for note in c.notes) for c in ant)
    assert all(c.status == FAILED and "finite" in (c.error or "") for c in bee), [c.error for c in bee]


def test_the_label_says_whose_test_views(root, monkeypatch):
    """And cells that are kept get the label of the run."""
    evaluate(options(root))
    monkeypatch.setattr(batch, "own_split", lambda scene: scene.name == "bee")
    again = evaluate(options(root, resume=True))
    assert again.reused == 6
    line = again.plan.protocol["line"]
    assert "but the test views of bee are those of transforms_test.json" in line
    assert {c.protocol["line"] for c in read_cells(root / "out", again.plan)} == {line}


def test_cells_of_several_machines_are_said_to_be(root):
    evaluate(options(root))
    path = cell_path(root / "out", CellId("bee", "zstd", "default"))
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"machine": {"line": "another"}, "renderer": "gsplat"}))
    notes = " ".join(write_report(root / "out", Published()).notes)
    assert "2 machines or sets of versions" in notes
    assert "rendered by cpu and gsplat" in notes


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere refuse such names")
def test_names_that_are_no_utf8(root):
    odd = os.fsdecode(b"caf\xe9")
    (root / "data" / "bee").rename(root / "data" / odd)
    found = evaluate(options(root, data=root / "data"))
    assert found.plan.scenes == ("ant", odd)
    assert not found.failed
    assert "cells.csv" in {p.name for p in write_report(root / "out", Published()).paths}
    assert evaluate(options(root, resume=True)).reused == 6
