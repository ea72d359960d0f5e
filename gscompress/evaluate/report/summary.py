"""The numbers of a report: what every cell measured, its difference to the uncompressed scene, and means over scenes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..batch.store import FAILED, NOT_INSTALLED, OK, Cell, CellId, CodecRecord, Plan, Quality
from ..codecs.base import BASELINE
from ..metrics import mean_psnr

NOT_RUN = "not run"
"""Status of a cell of the plan that has no file yet."""
MIPNERF360 = ("bicycle", "flowers", "garden", "stump", "treehill", "room", "counter", "kitchen", "bonsai")
LEFT_OUT = ("flowers", "treehill")
"""By papers that give means over seven scenes."""
PHOTOGRAPHS, DELTA, RENDERS = "photographs", "delta", "renders"

Figures = dict[str, float | None]
"""By key, for example "size_bytes", "photographs_psnr", "delta_lpips_vgg"; None where not measured, `inf` where images are equal."""


@dataclass(frozen=True)
class Row:
    """A cell of the plan, measured or not: `remark` says why not, `figures` are empty then."""

    id: CellId
    label: str
    status: str
    remark: str
    figures: Figures
    cell: Cell | None

    @property
    def ok(self) -> bool:
        return self.status == OK


@dataclass(frozen=True)
class SceneSet:
    """Scenes that means are taken over.

    Attributes:
        name: for files.
        title: in words.
        scenes: in the plan's order.
        published: whether published means are over these.
        common: whether they are those that no row lacks.
    """

    name: str
    title: str
    scenes: tuple[str, ...]
    published: bool = False
    common: bool = False


@dataclass(frozen=True)
class Mean:
    """Over `count` scenes."""

    value: float
    count: int


@dataclass(frozen=True)
class MeanRow:
    """Means of one codec and point over the scenes of a set that are `done`; `absent` are the others, with what became of them."""

    codec: str
    label: str
    point: str
    done: tuple[str, ...]
    absent: dict[str, str]
    means: dict[str, Mean]
    remark: str

    @property
    def complete(self) -> bool:
        return not self.absent


@dataclass(frozen=True)
class Summary:
    """All of a report's numbers.

    Attributes:
        plan: of the run.
        rows: of every scene, in the plan's order of codecs and points.
        sets: what means are taken over; none where there is but one scene.
        means: by the set's name.
        nets: networks of LPIPS that were used.
    """

    plan: Plan
    rows: dict[str, tuple[Row, ...]]
    sets: tuple[SceneSet, ...]
    means: dict[str, tuple[MeanRow, ...]]
    nets: tuple[str, ...]

    @property
    def all_rows(self) -> tuple[Row, ...]:
        return tuple(row for rows in self.rows.values() for row in rows)


def summarise(plan: Plan, cells: Sequence[Cell]) -> Summary:
    """Everything that tables and plots show, from the cells that there are."""
    found = {cell.id: cell for cell in cells}
    rows = {scene: _rows(plan, scene, found) for scene in plan.scenes}
    qualities = [q for cell in cells for q in (cell.photographs, cell.renders) if q]
    nets = tuple(dict.fromkeys(_net(name) for q in qualities for name, value in q.lpips.items() if value is not None))
    sets = _sets(plan, rows)
    return Summary(plan, rows, sets, {s.name: _means(plan, rows, s) for s in sets}, nets)


def figures(cell: Cell, baseline: Cell | None) -> Figures:
    """What a cell measured, by key; differences are to `baseline`, the uncompressed scene's cell."""
    found: Figures = {
        "size_bytes": cell.size_bytes,
        "size_mb": None if cell.size_bytes is None else cell.size_bytes / 1e6,
        "bits_per_splat": cell.bits_per_splat,
        "ratio": cell.ratio,
        "splats": cell.splats,
        "encode_seconds": cell.encode_seconds,
        "decode_seconds": cell.decode_seconds,
        "encode_memory_mb": None if cell.encode_memory_bytes is None else cell.encode_memory_bytes / 1e6,
        "decode_memory_mb": None if cell.decode_memory_bytes is None else cell.decode_memory_bytes / 1e6,
        "fps": cell.fps,
    }
    here = _quality(PHOTOGRAPHS, cell.photographs, False)
    there = _quality(PHOTOGRAPHS, baseline.photographs if baseline else None, False)
    for key, value in here.items():
        found[key.replace(PHOTOGRAPHS, DELTA)] = _difference(value, there.get(key))
    return found | here | _quality(RENDERS, cell.renders, cell.lossless)


def codecs(plan: Plan) -> tuple[CodecRecord, ...]:
    """Of the plan, with those that only its cells name."""
    known = {codec.name for codec in plan.codecs}
    points: dict[str, dict[str, None]] = {}
    for cell in plan.cells:
        if cell.codec not in known:
            points.setdefault(cell.codec, {})[cell.point] = None
    return (*plan.codecs, *(CodecRecord(name, name, tuple(names)) for name, names in points.items()))


def _difference(value: float | None, other: float | None) -> float | None:
    if value is None or other is None or not (math.isfinite(value) and math.isfinite(other)):
        return None
    return value - other


def _net(name: str) -> str:
    return name.lower().removeprefix("lpips-").removeprefix("lpips_")


def _quality(prefix: str, quality: Quality | None, lossless: bool) -> Figures:
    """PSNR is `inf`, not None, where the images are known to be equal."""
    if quality is None:
        return {f"{prefix}_psnr": math.inf if lossless else None, f"{prefix}_ssim": None}
    equal = quality.psnr is None and (lossless or quality.ssim == 1)
    lpips = {f"{prefix}_lpips_{_net(name)}": value for name, value in quality.lpips.items()}
    return {f"{prefix}_psnr": math.inf if equal else quality.psnr, f"{prefix}_ssim": quality.ssim} | lpips


def _rows(plan: Plan, scene: str, found: dict[CellId, Cell]) -> tuple[Row, ...]:
    planned = {cell: None for cell in plan.cells if cell.scene == scene}
    baseline = next((found[c] for c in planned if c.codec == BASELINE and c in found and found[c].ok), None)
    rows = []
    for codec in codecs(plan):
        ids = [cell for cell in planned if cell.codec == codec.name]
        if not ids and codec.missing is not None:  # nothing was planned for it, and yet the reader is to see that it was wanted
            ids = [CellId(scene, codec.name, point) for point in codec.points or ("default",)]
        for id in sorted(ids, key=lambda c: codec.points.index(c.point) if c.point in codec.points else len(codec.points)):
            cell = found.get(id)
            if cell is not None and cell.ok:
                rows.append(Row(id, codec.label, OK, "", figures(cell, baseline), cell))
                continue
            status = cell.status if cell else NOT_INSTALLED if codec.missing is not None else NOT_RUN
            why = (cell.error if cell else None) or (codec.missing if status == NOT_INSTALLED else None)
            why = why or ("why was not recorded" if status == FAILED else None)
            rows.append(Row(id, codec.label, status, f"{status}: {why}" if why else status, {}, cell))
    return tuple(rows)


def _sets(plan: Plan, rows: dict[str, tuple[Row, ...]]) -> tuple[SceneSet, ...]:
    if len(plan.scenes) < 2:
        return ()
    sets = []
    if plan.kind == "mipnerf360":
        seven = tuple(scene for scene in MIPNERF360 if scene not in LEFT_OUT)
        for scenes, more in ((MIPNERF360, ""), (seven, f" (without {' and '.join(LEFT_OUT)})")):
            if set(scenes) <= set(plan.scenes):
                title = f"the {len(scenes)} scenes of Mip-NeRF360{more}"
                sets.append(SceneSet(str(len(scenes)), title, tuple(s for s in plan.scenes if s in scenes), True))
    if not sets:
        part = f" (of the {len(MIPNERF360)} of Mip-NeRF360)" if plan.kind == "mipnerf360" else ""
        sets.append(SceneSet("all", f"the {len(plan.scenes)} scenes of this run{part}", plan.scenes))
    common = _common(sets[0].scenes, rows)
    if 2 <= len(common) < len(sets[0].scenes):
        sets.append(SceneSet("common", f"the {len(common)} scenes that every row here has", common, common=True))
    return tuple(sets)


def _common(scenes: Sequence[str], rows: dict[str, tuple[Row, ...]]) -> tuple[str, ...]:
    """Scenes that every codec and point has, of those that have any."""
    done = {scene: {(row.id.codec, row.id.point) for row in rows[scene] if row.ok} for scene in scenes}
    every = set().union(*done.values())
    return tuple(scene for scene in scenes if every and done[scene] == every)


def _means(plan: Plan, rows: dict[str, tuple[Row, ...]], over: SceneSet) -> tuple[MeanRow, ...]:
    wanted = {(row.id.codec, row.id.point): row.label for scene in over.scenes for row in rows[scene]}
    order = [codec.name for codec in codecs(plan)]
    points = {codec.name: codec.points for codec in codecs(plan)}
    place = {key: i for i, key in enumerate(wanted)}

    def rank(key: tuple[str, str]) -> tuple[int, int, int]:
        of = points[key[0]]
        return order.index(key[0]), of.index(key[1]) if key[1] in of else len(of), place[key]

    found = []
    for codec, point in sorted(wanted, key=rank):
        here = {scene: next((r for r in rows[scene] if (r.id.codec, r.id.point) == (codec, point)), None) for scene in over.scenes}
        done = {scene: row for scene, row in here.items() if row and row.ok}
        absent = {scene: row.status if row else "not planned" for scene, row in here.items() if not (row and row.ok)}
        remark = "" if done else _remark([row for row in here.values() if row])
        means = _mean_figures([row.figures for row in done.values()], [row.cell for row in done.values() if row.cell])
        found.append(MeanRow(codec, wanted[codec, point], point, tuple(done), absent, means, remark))
    return tuple(found)


def _remark(rows: Sequence[Row]) -> str:
    """Of a codec and point that no scene has."""
    remarks = list(dict.fromkeys(row.remark for row in rows))
    return remarks[0] if len(remarks) == 1 else " / ".join(dict.fromkeys(row.status for row in rows)) + ": see the scenes' tables"


def _mean_figures(all_figures: Sequence[Figures], cells: Sequence[Cell]) -> dict[str, Mean]:
    """Plain means; ratio and bits per splat are those of the sums, as a large scene's bytes count for more."""
    means = {}
    for key in dict.fromkeys(key for each in all_figures for key in each):
        values = [value for each in all_figures if (value := each.get(key)) is not None]
        if not values:
            continue
        mean = mean_psnr(values) if key.endswith("_psnr") and not key.startswith(DELTA) else sum(values) / len(values)
        means[key] = Mean(mean, len(values))
    for key, over, under in (
        ("ratio", [c.source_bytes for c in cells], [c.size_bytes for c in cells]),
        ("bits_per_splat", [8 * c.size_bytes if c.size_bytes else None for c in cells], [c.splats_in for c in cells]),
    ):
        pairs = [(a, b) for a, b in zip(over, under, strict=True) if a and b]
        if pairs:
            means[key] = Mean(sum(a for a, _ in pairs) / sum(b for _, b in pairs), len(pairs))
    return means
