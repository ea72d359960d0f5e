"""One cell: encode, decode, render, measure. Whatever goes wrong becomes part of the result."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import GSCompressError
from ...scene import Scene
from ..codecs import CODECS
from ..codecs.base import Codec, Point, Source
from ..codecs.usage import measured
from ..metrics import mean_psnr
from . import machine
from .context import Context, Settings, as_float, load_context, load_training
from .datasets import SceneData
from .renders import Renders
from .store import FAILED, FILES, NOT_INSTALLED, OK, Cell, CellId, Quality

NEEDS_PHOTOGRAPHS = "lambda"
"""Points with this option are trained, against the photographs where there are some."""


@dataclass(frozen=True)
class CellTask:
    """What a process needs to know to work on one cell.

    Attributes:
        data, model: the scene, and its `.ply`.
        codec, point: which cell.
        settings: of the run.
        folder: of the run, for files.
        key, inputs: for the result.
    """

    data: SceneData
    model: Path
    codec: str
    point: Point
    settings: Settings
    folder: Path
    key: str = ""
    inputs: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> CellId:
        return CellId(self.data.name, self.codec, self.point.name)


def run_cell(task: CellTask) -> Cell:
    """Works on one cell; never raises but KeyboardInterrupt."""
    start = time.perf_counter()
    codec = CODECS[task.codec]
    blank = Cell(
        task.data.name, task.codec, task.point.name, FAILED, key=task.key, options=dict(task.point.options), inputs=dict(task.inputs),
        protocol=task.settings.protocol.record(), machine=machine.describe(), started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )  # fmt: skip
    try:
        lacking = codec.missing()
        cell = replace(blank, status=NOT_INSTALLED, error=lacking) if lacking else _worked(task, codec, blank)
    except Exception as error:  # a peer's bug, a full disk, a broken scene: the batch goes on
        cell = replace(blank, error=reason(error))
    return replace(cell, seconds=time.perf_counter() - start)


def reason(error: BaseException) -> str:
    """An error in one sentence; one that is not ours is named by its kind."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    said = " ".join(str(error).split())
    if isinstance(error, OSError) and not isinstance(error, GSCompressError):
        name = error.filename if error.filename2 is None else error.filename2  # of a copy, where it was going
        where = f"{name}: " if name is not None else ""
        said = f"{where}{error.strerror or error}"
    return said if isinstance(error, (GSCompressError, OSError)) and said else f"{type(error).__name__}: {said}"


def _worked(task: CellTask, codec: Codec, blank: Cell) -> Cell:
    context = load_context(task.data, task.model, task.settings)
    photographs = load_training(task.data, task.settings.protocol) if NEEDS_PHOTOGRAPHS in task.point.options else None
    source = Source(context.path, context.scene, context.cameras, photographs)
    folder = task.folder / FILES / task.data.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{task.codec}@{task.point.name}{codec.suffix}"
    try:
        _, encoding = measured(lambda: codec.encode(source, task.point, path), task.settings.tool_timeout)
        size_bytes = path.stat().st_size
        decoded, decoding = measured(lambda: codec.decode(path), task.settings.tool_timeout)
    finally:
        if not task.settings.keep_files:
            path.unlink(missing_ok=True)
    notes = context.notes
    if decoded.antialiased != context.scene.antialiased:
        notes = (*notes, "the file does not say whether opacities make up for the dilation (antialiased): rendered as the source is")
        decoded = replace(decoded, antialiased=context.scene.antialiased)
    lossless = same(context.scene, decoded)
    renders = context.source if lossless else context.renders(decoded)
    shown, beside, per_view = measure(context, renders, lossless)
    first = context.views[0].camera
    return replace(
        blank, status=OK, size_bytes=size_bytes, source_bytes=context.path.stat().st_size, splats_in=len(context.scene), splats=len(decoded),
        encode_seconds=encoding.seconds, decode_seconds=decoding.seconds, encode_memory_bytes=encoding.memory_bytes,
        decode_memory_bytes=decoding.memory_bytes, fps=renders.fps, renderer=context.renderer, views=len(context.views), width=first.width,
        height=first.height, photographs=shown, renders=beside, lossless=lossless, tool=codec.tool(), notes=notes, per_view=per_view,
    )  # fmt: skip


def measure(context: Context, renders: Renders, lossless: bool) -> tuple[Quality | None, Quality, tuple[dict[str, Any], ...]]:
    """Quality against the photographs (None without), against the source's renders, and both view by view."""
    shown, beside = [], []
    for image, original, view in zip(renders, context.source, context.views, strict=True):
        beside.append(context.float_scorer(image, original))
        if view.photograph is not None and not lossless:
            shown.append(context.scorer(image, as_float(view.photograph)))
    if lossless:
        shown = list(context.scores)
    rows = []
    for i, view in enumerate(context.views):
        row: dict[str, Any] = {"name": view.camera.name}
        if shown:
            row |= _plain(shown[i])
        row |= {f"{name}_renders": value for name, value in _plain(beside[i]).items()}
        rows.append(row)
    return (quality(shown) if shown else None), quality(beside), tuple(rows)


def quality(scores: Sequence[dict[str, float]]) -> Quality:
    """Means over views."""
    values = [s["psnr"] for s in scores]
    mean = {name: float(np.mean([s[name] for s in scores])) for name in scores[0]}
    lpips = {name.removeprefix("lpips-"): _finite(value) for name, value in mean.items() if name.startswith("lpips-")}
    return Quality(_finite(mean_psnr(values)), _finite(min(values)), _finite(mean["ssim"]), lpips)


def same(a: Scene, b: Scene) -> bool:
    """Whether two scenes are equal bit for bit."""
    if a.antialiased != b.antialiased or len(a) != len(b):
        return False
    pairs = ((a.means, b.means), (a.quats, b.quats), (a.log_scales, b.log_scales), (a.opacity_logits, b.opacity_logits), (a.sh, b.sh))
    return all(x.shape == y.shape and x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in pairs)


def _plain(scores: dict[str, float]) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in scores.items()}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
