"""A whole batch: what there is to do, doing it, and keeping what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import Corrupt, GSCompressError, InputError, OutputError
from ...train.splatting_options import SplattingOptions
from ...version import VERSION
from ..codecs import CODECS
from ..codecs.base import Point
from .cells import CellTask, reason, run_cell
from .context import forget
from .datasets import SceneData, find_scenes, ignored, missing_of, own_split
from .inputs import file_hash, photographs_hash, record_hash
from .models import Model, ModelTask, train_model
from .options import LOCAL_RAY, EvalOptions
from .pools import InProcess, Job, Lost, Pool, Processes, useful_jobs
from .ray_pool import RayPool
from .schedule import Step, run_steps
from .store import (
    FAILED,
    NOT_INSTALLED,
    PLAN,
    Cell,
    CellId,
    CodecRecord,
    Plan,
    erase,
    holds_results,
    read_cell,
    read_plan,
    write_cell,
    write_plan,
)

MODELS = "models"


@dataclass(frozen=True)
class Check:
    """What a dry run says of a scene: `missing` are sentences, none where it can be evaluated."""

    data: SceneData
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a batch: `cells` in the plan's order, those done before included; `notes` on what could not be kept; `ignored` on what
    was in the folder and is no scene."""

    plan: Plan
    cells: tuple[Cell, ...]
    reused: int
    notes: tuple[str, ...]
    ignored: tuple[str, ...] = ()

    @property
    def failed(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.status == FAILED]


@dataclass(frozen=True)
class Watcher:
    """Who is told: of cells that are done (and how many of how many are), of scenes that are trained, and of how far training one is."""

    cell: Callable[[Cell, int, int], None] = lambda cell, done, total: None
    model: Callable[[str, Model], None] = lambda scene, model: None
    stage: Callable[[str, float], None] = lambda stage, share: None


def check(options: EvalOptions) -> list[Check]:
    """Every scene, and what it lacks; reads no pixels and trains nothing.

    Raises:
        InputError: as `find_scenes`.
    """
    scenes = find_scenes(options.wanted, options.measured_by)
    return [Check(scene, tuple(missing_of(scene, options.measured_by.test_every))) for scene in scenes]


def evaluate(options: EvalOptions, command: str = "", watcher: Watcher = Watcher()) -> Outcome:
    """Evaluates every cell, and writes them to `options.output`.

    Raises:
        InputError: no scenes; a folder that holds results, without `resume` or `overwrite`.
        OutputError: the folder does not take the plan.
        MissingExtra: Ray is asked for and not installed.
        KeyboardInterrupt: Ctrl-C; what is done is kept.
    """
    forget()  # what an earlier batch of this process read may have changed since
    batch = _Batch.of(options, command, watcher)
    try:
        run_steps(batch.steps(), batch.pool, batch.done)
    finally:
        batch.pool.close()
        batch.keep_plan(finished=len(batch.cells) == len(batch.plan.cells))
    return Outcome(batch.plan, tuple(batch.cells[c] for c in batch.plan.cells if c in batch.cells), batch.reused, tuple(batch.notes), tuple(ignored(options.wanted)))


@dataclass
class _Batch:
    """A run in progress."""

    options: EvalOptions
    watcher: Watcher
    checks: list[Check]
    points: dict[str, tuple[Point, ...]]
    missing: dict[str, str | None]
    plan: Plan
    pool: Pool
    cells: dict[CellId, Cell] = field(default_factory=dict)
    nets: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    reused: int = 0
    work: float = 0.0
    start: float = field(default_factory=time.perf_counter)

    @staticmethod
    def of(options: EvalOptions, command: str, watcher: Watcher) -> _Batch:
        """Finds scenes and codecs, and writes the plan."""
        start, named, options = time.perf_counter(), options.data, options.anywhere()
        checks = check(options)
        nets, _ = options.measured_by.measurable(options.lpips_weights)  # a cell without LPIPS is done again once its weights are there
        before = _plan_before(options)
        codecs = options.all_codecs
        missing = {name: CODECS[name].missing() for name in codecs}
        points = {name: CODECS[name].points(options.asked) for name in codecs}
        cells = [CellId(c.data.name, name, p.name) for c in checks for name in codecs for p in points[name]]
        records = [CodecRecord(name, CODECS[name].label, tuple(p.name for p in points[name]), missing[name]) for name in codecs]
        pool = _pool(options, sum(not missing[cell.codec] for cell in cells))
        plan = Plan(
            options.kind, str(named), options.protocol_record([c.data.name for c in checks if own_split(c.data)]), tuple(c.data.name for c in checks), tuple(records), tuple(cells), VERSION,
            command, pool.description, before.seconds if before else 0.0, before.work_seconds if before else 0.0,
        )  # fmt: skip
        try:
            if options.overwrite:  # only now, when nothing keeps the run from being done
                _erase(options.output)
            write_plan(options.output, plan)
        except OutputError:
            pool.close()
            raise
        except OSError as error:
            pool.close()
            raise OutputError(f"{options.output}: cannot be written ({error.strerror or error})") from error
        return _Batch(options, watcher, checks, points, missing, plan, pool, nets=nets, start=start)

    def steps(self) -> list[Step]:
        """What is to be done: a scene's model, where it has none, then its cells."""
        out = []
        for found in self.checks:
            scene = found.data
            if found.missing:
                for cell in self._cells_of(scene):
                    self._keep(Cell(*_names(cell), FAILED, "the scene lacks " + "; ".join(found.missing)))
                continue
            out.append(Step(scene.name, None, scene.name, partial(self._model_job, scene)))
            for name, points in self.points.items():
                for point in points:
                    cell = CellId(scene.name, name, point.name)
                    if self.missing[name]:
                        self._keep(Cell(*_names(cell), NOT_INSTALLED, self.missing[name]))
                    else:
                        out.append(Step(cell, scene.name, scene.name, partial(self._cell_job, scene, name, point)))
        return out

    def done(self, step: Step, result: Any) -> None:
        """Keeps what came of a step."""
        if isinstance(step.name, CellId):
            cell = Cell(*_names(step.name), FAILED, result.reason) if isinstance(result, Lost) else result
            self.work += cell.seconds
            self._keep(cell)
        else:
            model = Model(None, result.reason, 0.0) if isinstance(result, Lost) else result
            self.work += model.seconds
            self.watcher.model(str(step.name), model)

    def keep_plan(self, finished: bool) -> None:
        """Writes the plan anew with the time that it took, if the folder takes it."""
        seconds, work = self.plan.seconds + time.perf_counter() - self.start, self.plan.work_seconds + self.work
        self.plan = replace(self.plan, seconds=seconds, work_seconds=work, finished=finished)
        try:
            write_plan(self.options.output, self.plan)
        except OSError as error:
            self.notes.append(f"{self.options.output / PLAN}: cannot be written ({reason(error)})")

    def _cells_of(self, scene: SceneData) -> list[CellId]:
        return [cell for cell in self.plan.cells if cell.scene == scene.name]

    def _model_job(self, scene: SceneData, _: object) -> Job | None:
        if scene.model is not None:
            return None
        options = SplattingOptions(iterations=self.options.train_iterations, max_splats=self.options.train_max_splats)
        task = ModelTask(scene, self.options.measured_by, options, self.options.output / MODELS / f"{scene.name}.ply")
        here = isinstance(self.pool, InProcess)
        return Job(partial(train_model, tell=self.watcher.stage) if here else train_model, task, scene.name)

    def _cell_job(self, scene: SceneData, codec: str, point: Point, trained: Model | Lost | None) -> Job | None:
        """None where the cell is settled: done before, or without a model to do it with."""
        cell = CellId(scene.name, codec, point.name)
        if isinstance(trained, Lost) or (trained is not None and trained.path is None):
            self._keep(Cell(*_names(cell), FAILED, f"no trained scene: {trained.reason}" if isinstance(trained, Lost) else trained.error))
            return None
        model = scene.model if trained is None else trained.path
        assert model is not None
        try:
            inputs = self._inputs(scene, model)
            key = record_hash({
                "inputs": inputs, "codec": codec, "tool": CODECS[codec].tool(), "options": dict(point.options), "protocol": self.options.protocol_record(), "lpips": self.nets,
                "images": [scene.images, scene.downscale, scene.resample], "backend": self.options.backend, "version": VERSION,
            })  # fmt: skip
        except GSCompressError as error:
            self._keep(Cell(*_names(cell), FAILED, str(error)))
            return None
        if self.options.resume and (old := self._before(cell)) is not None and old.ok and old.key == key:
            self.reused += 1
            if old.protocol != self.plan.protocol:  # the same for this scene, in words for other ones
                self._keep(old)
                return None
            self.cells[cell] = old
            self.watcher.cell(old, len(self.cells), len(self.plan.cells))
            return None
        task = CellTask(scene, model, codec, point, self.options.settings, self.options.output, key, tuple(inputs.items()))
        return Job(run_cell, task, scene.name)

    def _inputs(self, scene: SceneData, model: Path) -> dict[str, str]:
        if scene.name not in self.hashes:
            found = {"model": file_hash(model), "photographs": photographs_hash(scene, self.options.measured_by.test_every)}
            found["cameras"] = file_hash(scene.cameras) if scene.cameras else None
            self.hashes[scene.name] = {name: value for name, value in found.items() if value is not None}
        return self.hashes[scene.name]

    def _before(self, cell: CellId) -> Cell | None:
        try:
            return read_cell(self.options.output, cell)
        except Corrupt:  # half a file of a machine that went down: the cell is done again
            return None

    def _keep(self, cell: Cell) -> None:
        """Writes a cell's file; one that the folder does not take counts as failed, and the batch goes on."""
        cell = replace(cell, protocol=self.plan.protocol)
        try:
            write_cell(self.options.output, cell)
        except OSError as error:
            cell = replace(cell, status=FAILED, error=f"done, but its result cannot be kept: {reason(error)}" if cell.ok else cell.error)
        self.cells[cell.id] = cell
        self.watcher.cell(cell, len(self.cells), len(self.plan.cells))


def _names(cell: CellId) -> tuple[str, str, str]:
    return cell.scene, cell.codec, cell.point


def _plan_before(options: EvalOptions) -> Plan | None:
    """The plan that is to be gone on with, None where there is none that can be read.

    Raises:
        InputError: there are results, and nobody said what to do with them.
    """
    out = options.output
    if options.overwrite or not holds_results(out):
        return None
    if not options.resume:
        raise InputError(f"{out}: holds results already; --resume goes on with them, --overwrite begins anew")
    try:
        return read_plan(out)
    except GSCompressError:  # only the time that it took so far is lost
        return None


def _erase(out: Path) -> None:
    """Removes what a run before left, where there was one.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        if holds_results(out):
            erase(out)
    except OSError as error:
        raise OutputError(f"{error.filename or out}: cannot be removed ({error.strerror or error})") from error


def _pool(options: EvalOptions, cells: int) -> Pool:
    jobs = useful_jobs(options.jobs, cells) if options.jobs else None
    if options.ray is not None:
        return RayPool(None if options.ray == LOCAL_RAY else options.ray, jobs, options.cpus or 1, options.gpus or 0)
    return Processes(jobs, options.jobs) if jobs else InProcess()
