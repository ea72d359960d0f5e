"""The trained scene of photographs that come without one: plain 3DGS, kept for the next run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ...files import atomic_write
from ...io import write
from ...train.photographs import Photographs
from ...train.process import settle_process
from ...train.splatting_options import SplattingOptions
from ...version import VERSION
from .cells import reason
from .context import load_training
from .datasets import SceneData
from .inputs import photographs_hash, record_hash
from .protocols import Protocol


@dataclass(frozen=True)
class ModelTask:
    """What to train: `path` is the `.ply` to write, and there is a JSON file of the same name beside it that says what made it."""

    data: SceneData
    protocol: Protocol
    options: SplattingOptions
    path: Path


@dataclass(frozen=True)
class Model:
    """What came of it: `path`, None where it failed; `error`, None where it did not; whether it was there already."""

    path: Path | None
    error: str | None
    seconds: float
    cached: bool = False


def train_model(task: ModelTask, tell: Callable[[str, float], None] = lambda stage, share: None) -> Model:
    """Trains, or finds what was trained before from the same photographs with the same options; raises nothing but KeyboardInterrupt."""
    start = time.perf_counter()
    try:
        key = record_hash({
            "photographs": photographs_hash(task.data, task.protocol.test_every), "images": task.data.images, "downscale": task.data.downscale,
            "resample": task.data.resample, "protocol": asdict(task.protocol), "options": asdict(task.options), "version": VERSION,
        })  # fmt: skip
        about = task.path.with_suffix(".json")
        if task.path.is_file() and about.is_file() and json.loads(about.read_bytes()).get("key") == key:
            return Model(task.path, None, time.perf_counter() - start, cached=True)
        photographs = load_training(task.data, task.protocol)
        assert photographs is not None
        seconds = _train(photographs, task, tell)
        record = {"key": key, "options": asdict(task.options), "version": VERSION, "training_seconds": round(seconds, 1)}
        atomic_write(about, (json.dumps(record, indent=1) + "\n").encode(), overwrite=True)
    except Exception as error:  # its cells fail, those of other scenes do not
        return Model(None, f"no trained scene: {reason(error)}", time.perf_counter() - start)
    return Model(task.path, None, time.perf_counter() - start)


def _train(photographs: Photographs, task: ModelTask, tell: Callable[[str, float], None]) -> float:
    """Seconds that training took."""
    settle_process()  # before torch is there
    from ...train.splatting import SplatTrainer

    trainer = SplatTrainer(photographs, task.options)
    scene = trainer.train(lambda status: tell(f"{task.data.name}: training, {status.splats:,} splats", status.share))
    task.path.parent.mkdir(parents=True, exist_ok=True)
    task.path.with_suffix(".json").unlink(missing_ok=True)
    write(scene, task.path, "ply", overwrite=True)
    return trainer.seconds
