"""What a second run keeps of the first, and what it makes anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from photographs_for_tests import SHAPES

from gscompress.errors import Corrupt
from gscompress.evaluate.batch import run as batch
from gscompress.evaluate.batch.options import EvalOptions
from gscompress.evaluate.batch.run import Watcher, evaluate
from gscompress.evaluate.batch.store import (
    FAILED,
    OK,
    CellId,
    cell_path,
    read_cell,
    read_cells,
    read_plan,
)
from gscompress.evaluate.report import Published, write_report

CELLS = ("ply@default", "own-spz@default", "zstd@default")


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
