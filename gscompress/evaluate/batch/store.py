"""A folder of results: the run's plan in `eval.json`, and one JSON file a cell in `cells/<scene>/<codec>@<point>.json`.

Whoever reads them needs nothing else: every cell says what was measured, of what, by which version, with which options, where.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...errors import Corrupt, InputError
from ...files import atomic_write
from .records import as_json, built, read_json

PLAN = "eval.json"
CELLS = "cells"
FILES = "files"
"""Of codecs, while they are worked on or because they were to be kept."""
REPORT = ("report.html", "tables.md", "tables.tex", "cells.csv", "rd_*.png", "rd_*.svg")
OK, FAILED, NOT_INSTALLED = "ok", "failed", "not installed"


@dataclass(frozen=True)
class CellId:
    """Which cell: `point` is the operating point's name, such as "q50" or "lambda1e-05", or "default" where there is but one."""

    scene: str
    codec: str
    point: str

    def __str__(self) -> str:
        return f"{self.scene}/{self.codec}@{self.point}"


@dataclass(frozen=True)
class Quality:
    """How alike images are, as means over views; None where not measured, `psnr` in dB and None also where all views are equal."""

    psnr: float | None = None
    psnr_worst: float | None = None
    ssim: float | None = None
    lpips: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """What came of one scene, codec and operating point.

    Attributes:
        scene, codec, point: as in `CellId`.
        status: "ok", "failed" or "not installed".
        error: why it failed, or how to install it; None if ok.
        key: SHA-256 of all that the result depends on: inputs, codec, options, protocol, versions.
        size_bytes: of the file; of the `.ply` itself for the codec "ply".
        source_bytes: of the `.ply`.
        splats_in, splats: Gaussians of the source, and of what the file decodes to.
        encode_seconds, decode_seconds: wall clock, reading and writing files included.
        encode_memory_bytes, decode_memory_bytes: the most that was held on top of what was held before; None where unknown.
        fps: frames a second of rendering the decoded scene's test views, one after another, with `renderer`.
        views, width, height: of the test views (of the first).
        photographs: the decoded scene's renders against the test photographs; None without photographs.
        renders: against renders of the source.
        lossless: whether the decoded scene equals the source bit for bit.
        seconds: all of the work on this cell.
        tool: program and version that encoded, for example "gaussforge 0.6.0".
        options: of the codec at this point.
        protocol: `Protocol.record()`.
        inputs: SHA-256 by name: "model", "photographs", "cameras".
        machine: `machine.describe()`.
        notes: sentences for the reader.
        per_view: a dict a test view: "name", "psnr", "ssim", "psnr_renders", "ssim_renders" and LPIPS where measured.
        started: UTC, ISO 8601.
    """

    scene: str
    codec: str
    point: str
    status: str
    error: str | None = None
    key: str = ""
    size_bytes: int | None = None
    source_bytes: int | None = None
    splats_in: int | None = None
    splats: int | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    encode_memory_bytes: int | None = None
    decode_memory_bytes: int | None = None
    fps: float | None = None
    renderer: str = ""
    views: int | None = None
    width: int | None = None
    height: int | None = None
    photographs: Quality | None = None
    renders: Quality | None = None
    lossless: bool = False
    seconds: float = 0.0
    tool: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    per_view: tuple[dict[str, Any], ...] = ()
    started: str = ""

    @property
    def id(self) -> CellId:
        return CellId(self.scene, self.codec, self.point)

    @property
    def ok(self) -> bool:
        return self.status == OK

    @property
    def bits_per_splat(self) -> float | None:
        """Bits of the file over the Gaussians of the source."""
        return 8 * self.size_bytes / self.splats_in if self.size_bytes and self.splats_in else None

    @property
    def ratio(self) -> float | None:
        """Bytes of the `.ply` over those of the file."""
        return self.source_bytes / self.size_bytes if self.size_bytes and self.source_bytes else None


@dataclass(frozen=True)
class CodecRecord:
    """A codec of the run: `label` for tables and plots, `missing` how to install it where it is not (None where it is)."""

    name: str
    label: str
    points: tuple[str, ...]
    missing: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a run set out to do, and how far it got.

    Attributes:
        kind: "mipnerf360" or "folder".
        data: the folder, as the user named it.
        protocol: `Protocol.record()`, whose "line" says it in words for tables.
        scenes: in order.
        codecs: in order, the baseline first.
        cells: all of them, in order.
        version: of gscompress.
        command: as typed.
        jobs: "in process", "4 processes", "Ray, 2 nodes, 32 CPUs".
        seconds: wall clock of the run, of all its sittings.
        work_seconds: of the cells and of training models, summed; over `seconds` where several ran at once.
        finished: whether every cell was tried.
    """

    kind: str
    data: str
    protocol: dict[str, Any]
    scenes: tuple[str, ...]
    codecs: tuple[CodecRecord, ...]
    cells: tuple[CellId, ...]
    version: str
    command: str = ""
    jobs: str = "in process"
    seconds: float = 0.0
    work_seconds: float = 0.0
    finished: bool = False


def cell_path(out: Path, cell: CellId) -> Path:
    """Where the cell's file is."""
    return out / CELLS / cell.scene / f"{cell.codec}@{cell.point}.json"


def write_cell(out: Path, cell: Cell) -> None:
    """Writes one cell's file, replacing an older one.

    Raises:
        OutputError: the folder does not take it.
    """
    path = cell_path(out, cell.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, as_json(asdict(cell)), overwrite=True)


def read_cell(out: Path, cell: CellId) -> Cell | None:
    """The cell's file, None where there is none.

    Raises:
        Corrupt: it is not such a file.
    """
    path = cell_path(out, cell)
    if not path.is_file():
        return None
    record = read_json(path)
    for name in ("photographs", "renders"):
        if record.get(name) is not None:
            record[name] = built(Quality, record[name], path)
    for name in ("notes", "per_view"):
        record[name] = tuple(record.get(name) or ())
    found = built(Cell, record, path)
    if found.id != cell or (found.ok and not found.size_bytes):
        raise Corrupt(str(path), "cell", f"what came of {cell}", f"{found.id} of {found.size_bytes} bytes")
    return found


def write_plan(out: Path, plan: Plan) -> None:
    """Writes `eval.json`, replacing an older one.

    Raises:
        OutputError: the folder does not take it.
    """
    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / PLAN, as_json(asdict(plan)), overwrite=True)


def read_plan(out: Path) -> Plan:
    """`eval.json` of a folder of results.

    Raises:
        InputError: there is none.
        Corrupt: it is not such a file.
    """
    path = out / PLAN
    if not path.is_file():
        raise InputError(f"{out}: expected a folder of results of 'gscompress eval', found no {PLAN} in it")
    try:
        return _plan(path)
    except Corrupt as error:
        mend = "; the command that made it, with --resume, writes it anew and keeps the cells"
        raise Corrupt(error.file, error.field, error.expected, error.found + mend) from error


def _plan(path: Path) -> Plan:
    record = read_json(path)
    try:
        record["codecs"] = tuple(built(CodecRecord, c | {"points": tuple(c["points"])}, path) for c in record["codecs"])
        record["cells"] = tuple(built(CellId, c, path) for c in record["cells"])
        record["scenes"] = tuple(record["scenes"])
    except (KeyError, TypeError) as error:
        raise Corrupt(str(path), "plan", "scenes, codecs and cells", f"something else ({error})") from error
    return built(Plan, record, path)


def read_cells(out: Path, plan: Plan) -> list[Cell]:
    """Every cell of the plan that has a file, in the plan's order; one that cannot be read has failed, and says so."""
    found = (_readable(out, cell) for cell in plan.cells)
    return [cell for cell in found if cell is not None]


def holds_results(out: Path) -> bool:
    """Whether there is anything of a run."""
    return (out / PLAN).exists() or any((out / CELLS).glob("*/*@*.json"))


def erase(out: Path) -> None:
    """Removes what a run and its report left, but for trained models; the plan last, as without it nobody knows what the rest is.

    Raises:
        OSError: something cannot be removed.
    """
    for path in [*(out / CELLS).glob("*/*@*.json"), *(path for name in REPORT for path in out.glob(name))]:
        path.unlink()
    if (out / FILES).is_dir():
        shutil.rmtree(out / FILES)
    (out / PLAN).unlink(missing_ok=True)


def _readable(out: Path, cell: CellId) -> Cell | None:
    try:
        return read_cell(out, cell)
    except Corrupt as error:
        return Cell(cell.scene, cell.codec, cell.point, FAILED, error=f"its result cannot be read, and --resume does it again: {error}")
