"""Codecs against one of them at equal PSNR: BD-rates of those with a curve, and bytes over its curve of those with one point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..batch.store import CodecRecord
from ..bd_rate import bd_rate, size_at
from ..codecs.base import BASELINE
from .summary import PHOTOGRAPHS, RENDERS, Mean, Row, Summary, codecs

BD_RATE, ONE_POINT = "BD-rate", "one point"
BELOW, ABOVE, APART, UNKNOWN = "below", "above", "no overlap", ""


@dataclass(frozen=True)
class Rate:
    """Bytes over the anchor's at equal PSNR, less 1; where there is no such figure, `word` says why: a point may lie below or above
    the anchor's curve, two curves may share no PSNR, and "" means that there is too little to compare."""

    value: float | None
    word: str = UNKNOWN


@dataclass(frozen=True)
class RateRow:
    """One codec against the anchor: `kind` is BD_RATE or ONE_POINT; `means` by the scene set's name, over the scenes that have a figure."""

    codec: str
    label: str
    kind: str
    rates: dict[str, Rate]
    means: dict[str, Mean | None]


@dataclass(frozen=True)
class Rates:
    """All codecs with a measured PSNR against "photographs" or "renders"."""

    against: str
    anchor: CodecRecord
    rows: tuple[RateRow, ...]


def rates(summary: Summary) -> tuple[Rates, ...]:
    """On PSNR against photographs and against renders, each where a codec has a curve to compare with."""
    return tuple(found for against in (PHOTOGRAPHS, RENDERS) if (found := _rates(summary, against)) is not None)


def _rates(summary: Summary, against: str) -> Rates | None:
    curves = {
        codec.name: {scene: _points(rows, codec.name, against) for scene, rows in summary.rows.items()}
        for codec in codecs(summary.plan) if codec.name != BASELINE
    }  # fmt: skip
    records = [codec for codec in codecs(summary.plan) if any(curves.get(codec.name, {}).values())]
    anchor = next((c for c in records if any(map(_is_curve, curves[c.name].values()))), None)
    if anchor is None:
        return None
    rows = []
    for codec in records:
        if codec.name == anchor.name:
            continue
        many = any(_is_curve(points) for points in curves[codec.name].values())
        compare = _curve_rate if many else _point_rate
        each = {scene: compare(points, curves[anchor.name][scene]) for scene, points in curves[codec.name].items()}
        means = {s.name: _mean([each[scene] for scene in s.scenes]) for s in summary.sets}
        rows.append(RateRow(codec.name, codec.label, BD_RATE if many else ONE_POINT, each, means))
    return Rates(against, anchor, tuple(rows)) if rows else None


def _points(rows: Sequence[Row], codec: str, against: str) -> list[tuple[float, float]]:
    """(bytes, PSNR); PSNR may be infinite."""
    points = [(row.figures["size_bytes"], row.figures[f"{against}_psnr"]) for row in rows if row.ok and row.id.codec == codec]
    return [(size, psnr) for size, psnr in points if size and psnr is not None]


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(size, psnr) for size, psnr in points if math.isfinite(psnr)]


def _is_curve(points: Sequence[tuple[float, float]]) -> bool:
    return len({psnr for _, psnr in _finite(points)}) >= 2


def _curve_rate(points: Sequence[tuple[float, float]], anchor: Sequence[tuple[float, float]]) -> Rate:
    if not (_is_curve(points) and _is_curve(anchor)):
        return Rate(None)
    value = bd_rate(_finite(points), _finite(anchor))
    return Rate(value, "" if value is not None else APART)


def _point_rate(points: Sequence[tuple[float, float]], anchor: Sequence[tuple[float, float]]) -> Rate:
    if not (points and _is_curve(anchor)):
        return Rate(None)
    size, psnr = min(points)
    curve = _finite(anchor)
    at = size_at(psnr, curve)
    if at is None:
        return Rate(None, ABOVE if psnr > max(p for _, p in curve) else BELOW)
    return Rate(size / at - 1)


def _mean(found: Sequence[Rate]) -> Mean | None:
    values = [rate.value for rate in found if rate.value is not None]
    return Mean(sum(values) / len(values), len(values)) if values else None
