"""`refine`: a smaller file of the same look, by training against renders of the scene itself, or against photographs."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..bitstream.container import ANCHORS
from ..cameras import Camera
from ..config import PSNR_RANGE, CompressOptions, RefineOptions
from ..draft import Encoded
from ..encoder import Encoder, check_scene, plan
from ..errors import InputError
from ..rate import search
from ..scene import Scene
from ..version import VERSION
from .anchors.parts import JOINT
from .checkpoint import read_checkpoint, write_checkpoint
from .devices import default_device
from .distill import Distiller, Diverged, Schedule, State
from .landing import Landing
from .photographs import Photographs
from .rounding import Rounder
from .student import Rates, Student
from .targets import Targets, photographed, renders
from .views import Views

KIND = "refine"
"""Of checkpoints."""
GAIN = 0.62
"""A refined file's size over the closed form's, about."""
LEAST_GAIN = 0.4
"""The same, of the smallest files there are, at the least."""
EASY_PSNR = 50.0
"""dB that every scene's file can have against the scene itself."""
TRAINING_SHARE = 0.6
"""Of the minutes that the user gave; rounding and the closed form take the rest."""
PROBES, SLOWDOWN = 7, 1.0
"""Iterations that are timed, and how much longer those of a run take on average: the coder's work, less what is pruned."""
MOST_ITERATIONS = 30_000
LEAST_SHARE = 0.05
"""Of the error that a target allows against photographs, at least this much comes from the file."""
ROUNDING_SHARE = 0.4
"""Iterations of the rounding over those of the training."""


@dataclass(frozen=True)
class Refined:
    """What `refine_scene` made.

    Attributes:
        data: the file.
        splats_in, splats_out: Gaussians of the input and of the file.
        sh_degree: of the file.
        lambda_: training minimised mean squared error + lambda_ * bits per input Gaussian.
        psnr: dB, mean over views of the file's renders against the input's, or against the photographs learnt from.
        iterations: steps of training that were made.
        seconds: of the training.
        trained: False where the closed form was no larger at equal quality, and is what `data` holds.
        anchors: whether the file is one of anchors.
        stopped: why training ended early, else None.
    """

    data: bytes
    splats_in: int
    splats_out: int
    sh_degree: int
    lambda_: float
    psnr: float
    iterations: int
    seconds: float
    trained: bool
    anchors: bool
    stopped: str | None


def refine_scene(
    scene: Scene,
    options: RefineOptions,
    cameras: Sequence[Camera] | None = None,
    *,
    photographs: Photographs | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    finish: bool = True,
    progress: Callable[[str, State], None] = lambda stage, state: None,
) -> Refined:
    """Trains a student of `scene` and writes it to a file.

    Ctrl-C (KeyboardInterrupt, from `progress` too) while training or rounding ends either, and the file is made of what there is:
    one that meets the target, in closed form if the training has none by then. Without `finish` it ends everything.

    Args:
        scene: the teacher; finite values only.
        options: what to aim at, and for how long.
        cameras: views that matter most; None to synthesise all, or to take those of the photographs.
        photographs: what to learn from in place of renders; where none was taken, renders still count a little.
        checkpoint: a file to keep the state of the training in; remove it once the result is safe.
        resume: go on from `checkpoint`, which is there, with the same scene, options and cameras, to the same result.
        finish: make a file after Ctrl-C.
        progress: called with the stage's name and how far it is.

    Raises:
        KeyboardInterrupt: Ctrl-C, where that does not end in a file.
        InputError: a scene that no file holds, a target that can not be reached, or a checkpoint that is not there or of another training.
        Corrupt: the checkpoint is none.
        Diverged: before there was anything to fall back on.
    """
    if len(scene) == 0:
        raise InputError("scene: expected at least one Gaussian, found none")
    check_scene(scene)
    device = default_device()
    if photographs is not None and cameras is None:
        cameras = [p.camera for p in photographs.train]
    encoder = Encoder.open(scene, plan("normal", len(scene)), cameras, lambda share: None)
    targets = renders(encoder) if photographs is None else photographed(encoder, photographs)
    _reachable(encoder, options, targets)
    slope = _slope(encoder, options, targets)
    start = time.perf_counter()
    state = read_checkpoint(checkpoint, KIND) if resume and checkpoint is not None else None
    iterations, deadline = options.iterations, math.inf
    if options.minutes is not None:
        deadline = start + TRAINING_SHARE * 60 * options.minutes - (state.get("seconds", 0.0) if state else 0.0)
        iterations = state.get("iterations", 1) if state else _affordable(encoder, targets, device, deadline)
    schedule = Schedule(iterations=iterations, anchors=None if options.anchors == "never" else JOINT)
    trainer = Distiller(encoder, targets, slope, schedule, device)
    stamp = _stamp(encoder, targets, slope, schedule)
    if state is not None:
        if state.get("stamp") != stamp:
            raise InputError(f"{checkpoint}: expected a checkpoint of this scene, options and cameras, found another's; remove it to start anew")
        trainer.load(state)
    before, stopped = state.get("seconds", 0.0) if state else 0.0, None

    def tell(state: State) -> None:
        progress("training", state)
        if time.perf_counter() > deadline:
            raise _TimeUp

    def keep(state: dict) -> None:
        if checkpoint is not None:
            spent = time.perf_counter() - start + before
            write_checkpoint(checkpoint, KIND, {"stamp": stamp, "iterations": iterations, "seconds": spent, **state})

    try:
        student = trainer.run(tell, keep)
    except (KeyboardInterrupt, _TimeUp) as stop:
        if not (finish or isinstance(stop, _TimeUp)):
            raise
        student, stopped = trainer.student.scene(), "interrupted" if isinstance(stop, KeyboardInterrupt) else "out of time"
    except Diverged as failure:
        if failure.scene is None:
            raise
        student, stopped = failure.scene, str(failure)
    seconds = time.perf_counter() - start
    rounder = _rounder(encoder.of_student(student), trainer, slope, options)
    about = {"encoder": f"gscompress {VERSION}", "splats_in": len(scene), "iterations": trainer.iteration}
    steps = round(ROUNDING_SHARE * trainer.iteration)
    landing = Landing(rounder, targets.judge, slope, options, about)
    try:
        file = landing.settle(steps, lambda share: progress("rounding", State(trainer.iteration, share, len(student), 0, trainer.psnr)))
    except KeyboardInterrupt:  # no time for rounding well
        if not finish:
            raise
        file, stopped = landing.at_once(), "interrupted"
    try:
        file, trained = _smaller(encoder, targets, file, options, about)
    except KeyboardInterrupt:  # nor for the closed form
        if file is None or not finish:
            raise
        trained, stopped = True, "interrupted"
    assert file.psnr is not None
    return Refined(
        file.pack(about), len(scene), len(file.order), scene.sh_degree, slope * len(scene) / encoder.weights.samples, file.psnr,
        trainer.iteration, seconds, trained, any(section.kind == ANCHORS for section in file.sections), stopped,
    )  # fmt: skip


def _reachable(encoder: Encoder, options: RefineOptions, targets: Targets) -> None:
    """Refuses, before any training, a target that is far out of reach.

    Raises:
        InputError: says what could be reached.
    """
    if options.target_size is not None:
        smallest = len(encoder.encode(encoder.slope(PSNR_RANGE[0]), 0, lambda share: None).pack({}))
        if options.target_size < LEAST_GAIN * smallest:
            raise InputError(f"target_size: expected {round(LEAST_GAIN * smallest)} bytes or more for this scene, found {options.target_size}")
    elif options.target_psnr is not None and options.target_psnr > EASY_PSNR and not targets.photographs:
        search(encoder, CompressOptions(quality=None, target_psnr=options.target_psnr), {}, lambda share: None)


def _rounder(student: Encoder, trainer: Distiller, slope: float, options: RefineOptions) -> Rounder:
    """What rounds the student, into anchors if they were asked for, or if that is the smaller."""
    plain = Rounder(student, trainer.views, trainer.schedule.rates, trainer.distance)
    if trainer.anchors is None:
        return plain
    anchors = replace(plain, arrange=trainer.anchors.settled)
    return anchors if options.anchors == "always" or anchors.size(slope) < plain.size(slope) else plain


def _smaller(
    encoder: Encoder, targets: Targets, file: Encoded | None, options: RefineOptions, about: dict
) -> tuple[Encoded, bool]:
    """The trained file, or the closed form's where that is no worse; with whether it is the trained one.

    Raises:
        InputError: there is no trained one, and the closed form does not reach the target either.
    """
    if file is None and targets.photographs and options.target_psnr is not None:
        own = targets.psnr_of(encoder.scene)
        raise InputError(f"target_psnr: expected less after so little training, found {options.target_psnr:g}; the scene itself has {own:.1f} dB")
    if file is None:  # too little training for the target
        aims = CompressOptions(quality=None, target_size=options.target_size, target_psnr=options.target_psnr)
        return targets.judge(search(encoder, aims, about, lambda share: None)), False
    assert file.psnr is not None
    if options.anchors == "always":
        return file, True
    if targets.photographs and file.psnr >= targets.psnr_of(encoder.scene):  # no closed form looks better than the scene itself
        return file, True
    by_size = options.target_size is not None or targets.photographs
    if by_size:
        aims = CompressOptions(quality=None, target_size=options.target_size or len(file.pack(about)))
    else:
        aims = CompressOptions(quality=None, target_psnr=min(max(file.psnr, PSNR_RANGE[0]), PSNR_RANGE[1]))
    try:
        closed = targets.judge(search(encoder, aims, about, lambda share: None))
    except InputError:  # out of its reach
        return file, True
    if closed.psnr is None or closed.psnr < file.psnr:
        return file, True
    wins = by_size or len(closed.pack(about)) <= len(file.pack(about))
    return (closed, False) if wins else (file, True)


def _stamp(encoder: Encoder, targets: Targets, slope: float, schedule: Schedule) -> str:
    """Tells whether a checkpoint is of this training."""
    scene, digest = encoder.scene, hashlib.sha256(repr((VERSION, slope, schedule)).encode())
    arrays = (scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, encoder.weights.energy)
    for array in (*arrays, *targets.images):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _affordable(encoder: Encoder, targets: Targets, device: str, deadline: float) -> int:
    """Iterations of training until `deadline` (of `time.perf_counter`), about."""
    views, student = Views(targets, device), Student(encoder.scene, Rates(), 1.0, device)
    spent = []
    for _ in range(PROBES):
        began = time.perf_counter()
        views.error(student.tensors, views.draw(), student.antialiased).backward()
        student.step(0.0)
        spent.append(time.perf_counter() - began)
    left = deadline - time.perf_counter()
    return max(1, min(MOST_ITERATIONS, round(left / (SLOWDOWN * sorted(spent)[PROBES // 2]))))


class _TimeUp(Exception):
    """The minutes that the user gave are over."""


def _slope(encoder: Encoder, options: RefineOptions, targets: Targets) -> float:
    """Lambda in distortion per bit."""
    if options.target_psnr is not None:
        if not targets.photographs:
            return encoder.slope(options.target_psnr)
        # What the target leaves beyond the teacher's own error, as far as errors add up; training may make up for some.
        allowed, own = (10 ** (-psnr / 10) for psnr in (options.target_psnr, targets.psnr_of(encoder.scene)))
        return encoder.slope(-10 * math.log10(max(allowed - own, LEAST_SHARE * allowed)))
    if options.target_size is not None:
        return _slope_of_size(encoder, options.target_size / GAIN)
    return options.lambda_ * encoder.weights.samples / len(encoder.scene)


def _slope_of_size(encoder: Encoder, size_bytes: float) -> float:
    """Where the closed form without its colour fit has about this size."""
    low, high = encoder.slope(65.0), encoder.slope(15.0)
    for _ in range(7):
        middle = math.sqrt(low * high)
        file = encoder.encode(middle, 0, lambda share: None)
        low, high = (middle, high) if len(file.pack({})) > size_bytes else (low, middle)
    return math.sqrt(low * high)
