"""The report's tables, as text in cells; `writers` turns them into Markdown, LaTeX, HTML and plain text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from .published import PublishedResult
from .rates import ABOVE, APART, BELOW, Rate, Rates
from .summary import DELTA, PHOTOGRAPHS, RENDERS, MeanRow, SceneSet, Summary

UNKNOWN = "-"
SIZE, TIME, RATES = "size", "time and memory", "bytes at equal PSNR"
GROUPS = {PHOTOGRAPHS: "against the photographs", DELTA: "less the uncompressed .ply's", RENDERS: "against the source's renders"}


@dataclass(frozen=True)
class Column:
    """`key` of a figure, or a name; `head` is unique within a table; `part` 1 goes to a table of its own where pages are narrow."""

    key: str
    head: str
    group: str = ""
    digits: int = 0
    signed: bool = False
    text: bool = False
    part: int = 0

    def format(self, value: float | None) -> str:
        """The value's text; "-" where not measured."""
        if value is None or math.isnan(value):
            return UNKNOWN
        if math.isinf(value):
            return "equal"
        return f"{round(value, self.digits) + 0.0:{'+' if self.signed else ''},.{self.digits}f}"  # + 0.0 takes the sign off a zero


@dataclass(frozen=True)
class TableRow:
    """Text of every column; with a `remark`, which says why there are no figures, of the first columns only."""

    cells: tuple[str, ...]
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """`name` for links, `context` is what is printed above it, `notes` below."""

    name: str
    title: str
    context: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...] = ()


CODEC, POINT = Column("codec", "codec", text=True), Column("point", "point", text=True)


def figure_columns(nets: Sequence[str]) -> tuple[Column, ...]:
    """Every figure that tables show, in order."""
    quality = []
    for prefix, head, part in ((PHOTOGRAPHS, "{}", 0), (DELTA, "Δ{}", 0), (RENDERS, "{} r.", 1)):
        signed = prefix == DELTA
        quality.append(Column(f"{prefix}_psnr", head.format("PSNR"), GROUPS[prefix], 2, signed, part=part))
        quality.append(Column(f"{prefix}_ssim", head.format("SSIM"), GROUPS[prefix], 4, signed, part=part))
        quality += [
            Column(f"{prefix}_lpips_{net}", head.format(f"LPIPS {net}"), GROUPS[prefix], 4, signed, part=part) for net in nets
        ]
    return (
        Column("size_bytes", "bytes", SIZE), Column("size_mb", "MB", SIZE, 3), Column("bits_per_splat", "bits/splat", SIZE, 2),
        Column("ratio", "ratio", SIZE, 1), Column("splats", "splats", SIZE),
        *quality,
        Column("encode_seconds", "encode s", TIME, 2, part=1), Column("decode_seconds", "decode s", TIME, 2, part=1),
        Column("encode_memory_mb", "encode MB", TIME, 0, part=1), Column("decode_memory_mb", "decode MB", TIME, 0, part=1),
        Column("fps", "FPS", TIME, 1, part=1),
    )  # fmt: skip


def measured_columns(summary: Summary) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Columns with a figure in any cell, and those without, which tables leave out and name instead."""
    columns = figure_columns(summary.nets)
    seen = {key for row in summary.all_rows for key, value in row.figures.items() if value is not None}
    return tuple(c for c in columns if c.key in seen), tuple(c for c in columns if c.key not in seen)


def legend(summary: Summary) -> tuple[str, ...]:
    """What the columns mean, once for all tables."""
    shown, hidden = measured_columns(summary)
    groups = {column.group for column in shown}
    lines = [
        "MB is 10^6 bytes. Bits/splat: bits of the file over the Gaussians of the source. Ratio: bytes of the .ply over those of the "
        "file. Splats: Gaussians that the file decodes to.",
        f'PSNR is in dB. "{UNKNOWN}" stands for what was not measured, "equal" for images that do not differ, whose PSNR is infinite.',
    ]
    if GROUPS[PHOTOGRAPHS] in groups:
        lines.append(
            "PSNR, SSIM and LPIPS are of the decoded scene's renders against the test photographs; Δ is their difference to those of "
            "the uncompressed .ply on the same views."
        )
    if GROUPS[RENDERS] in groups:
        lines.append('"r.": against renders of the uncompressed .ply in place of photographs.')
    lines.append(
        "Seconds are wall clock, reading and writing files included; memory is the most held on top of what was held before; FPS is of "
        "rendering the decoded scene's test views one after another."
    )
    if hidden:
        lines.append(f"Measured in no cell, and left out: {', '.join(f'{c.head} ({c.group})' for c in hidden)}.")
    return tuple(lines)


def scene_table(summary: Summary, scene: str, context: str) -> Table:
    """Every cell of a scene."""
    columns = measured_columns(summary)[0]
    rows = summary.rows[scene]
    notes: dict[str, list[str]] = {}
    for row in rows:
        for note in row.cell.notes if row.cell else ():
            notes.setdefault(note, []).append(f"{row.label} {row.id.point}")
    return Table(
        f"scene-{scene}", f"Scene {scene}", context, (CODEC, POINT, *columns),
        tuple(_row((row.label, row.id.point), row.remark, columns, lambda c, row=row: c.format(row.figures.get(c.key))) for row in rows),
        tuple(f"{', '.join(of) if len(of) < len(rows) else 'All'}: {note}" for note, of in notes.items()),
    )  # fmt: skip


def mean_table(summary: Summary, over: SceneSet, context: str) -> Table:
    """Means over a set of scenes, and over how many each row is."""
    shown = measured_columns(summary)[0]
    scenes = Column("scenes", "scenes", text=True)
    rows = summary.means[over.name]
    notes = []
    short = [row for row in rows if row.done and not row.complete]
    if short:
        notes.append("Rows over fewer scenes, not to be compared with the others: " + "; ".join(map(_short, short)) + ".")
    if any(mean.count < len(row.done) for row in rows for mean in row.means.values()):
        notes.append("[n]: mean over n scenes only, as the others have no such figure.")
    notes.append("Ratio and bits/splat are those of the sums. An equal image pair counts as 100 dB in a mean.")
    return Table(
        f"mean-{over.name}", f"Mean over {over.title}", context, (CODEC, POINT, scenes, *shown),
        tuple(
            _row((row.label, row.point, f"{len(row.done)} of {len(over.scenes)}"), row.remark, shown, partial(_mean, row)) for row in rows
        ),
        tuple(notes),
    )  # fmt: skip


def rates_table(summary: Summary, found: Rates, context: str) -> Table:
    """Codecs against the anchor, scene by scene."""
    scenes = tuple(Column(scene, scene, RATES, 1, True) for scene in summary.plan.scenes)
    means = tuple(Column(s.name, f"mean of {len(s.scenes)}{' common' if s.common else ''}", RATES, 1, True) for s in summary.sets)
    rows = []
    short = False
    for row in found.rows:
        cells = [_rate(row.rates[column.key], column) for column in scenes]
        for column, over in zip(means, summary.sets, strict=True):
            mean = row.means[over.name]
            part = f" [{mean.count} of {len(over.scenes)}]" if mean and mean.count < len(over.scenes) else ""
            cells.append(UNKNOWN if mean is None else column.format(100 * mean.value) + part)
            short = short or bool(part)
        rows.append(TableRow((row.label, row.kind, *cells)))
    notes = [
        f"-30 is 30 % fewer bytes than {found.anchor.label}'s. BD-rate: on average over the PSNRs "
        f"that both reach. One point: at that point's PSNR, on {found.anchor.label}'s curve, never beyond its ends; \"{ABOVE}\" and "
        f'"{BELOW}" say that the point\'s PSNR is higher or lower than all of the curve; "{APART}" that two curves share none.'
    ]
    if short:
        notes.append("[n of N]: mean over the n scenes that have a figure.")
    against = "the photographs" if found.against == PHOTOGRAPHS else "the source's renders"
    return Table(
        f"rates-{found.against}", f"Bytes over those of {found.anchor.label} at equal PSNR against {against}, %", context,
        (CODEC, Column("kind", "kind", text=True), *scenes, *means), tuple(rows), tuple(notes),
    )  # fmt: skip


def published_table(results: Sequence[PublishedResult], about: str, context: str) -> Table:
    """Published results that plots show."""
    columns = (
        Column("method", "method", text=True), Column("of", "of", text=True), Column("size_mb", "MB", SIZE, 2),
        Column("psnr", "PSNR", GROUPS[PHOTOGRAPHS], 2), Column("ssim", "SSIM", GROUPS[PHOTOGRAPHS], 3),
        Column("lpips", "LPIPS", GROUPS[PHOTOGRAPHS], 3), Column("source", "source", text=True, part=1),
    )  # fmt: skip
    rows = [
        TableRow((
            r.method, r.scene or f"mean of {r.scenes}", *(c.format(getattr(r, c.key)) for c in columns[2:-1]), r.source,
        ))
        for r in results
    ]  # fmt: skip
    notes = ("Published by others: their own training, views and full-size images. Not measured here.", *([about] if about else []))
    return Table("published", "Published results in these plots", context, columns, tuple(rows), notes)


def main_table(summary: Summary, context: str) -> Table:
    """The few columns that a terminal has room for: of the first means, or of the only scene."""
    table = mean_table(summary, summary.sets[0], context) if summary.sets else scene_table(summary, summary.plan.scenes[0], context)
    keys = {"codec", "point", "scenes", "size_mb", "ratio", f"{PHOTOGRAPHS}_psnr", f"{DELTA}_psnr", f"{RENDERS}_psnr", "encode_seconds", "decode_seconds"}
    keep = [i for i, column in enumerate(table.columns) if column.key in keys]
    rows = tuple(TableRow(tuple(row.cells[i] for i in keep), row.remark) for row in table.rows)
    return Table(table.name, table.title, context, tuple(table.columns[i] for i in keep), rows, table.notes)


def _row(first: tuple[str, ...], remark: str, columns: Sequence[Column], text: Callable[[Column], str]) -> TableRow:
    return TableRow((*first, *("" if remark else text(column) for column in columns)), remark)


def _mean(row: MeanRow, column: Column) -> str:
    """With over how many scenes, where that is not over all of the row's."""
    mean = row.means.get(column.key)
    if mean is None:
        return UNKNOWN
    return column.format(mean.value) + (f" [{mean.count}]" if mean.count < len(row.done) else "")


def _short(row: MeanRow) -> str:
    return f"{row.label} {row.point} without {', '.join(f'{scene} ({why})' for scene, why in row.absent.items())}"


def _rate(rate: Rate, column: Column) -> str:
    return (rate.word or UNKNOWN) if rate.value is None else column.format(100 * rate.value)
