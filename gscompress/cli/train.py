"""gscompress train: photographs to a scene, and the scene to a .gsz file."""

from __future__ import annotations

import argparse
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import codec, io
from ..errors import InputError, OutputError
from ..files import atomic_write
from ..scene import Scene
from ..train.photographs import Photographs
from ..train.process import settle_process
from ..train.score import PhotoScores, score
from ..train.splatting_options import SplattingOptions
from . import photographs as photographs_of
from .arguments import add_file, add_json, add_output_flags, check_gsz, renamed
from .goals import PHOTO_LAMBDA, PRESETS, Goal
from .interrupts import interrupts
from .options import add_anchors, add_compress_options, add_lambda
from .output import Progress, Stopwatch, check_output, peak_memory_bytes, print_json, say_notes, time_left
from .refine import rate_stage
from .sizes import format_size
from .unfinished import Unfinished, asked_for, given

if TYPE_CHECKING:
    from ..train.distill import State
    from ..train.refine import Refined
    from ..train.splatting import SplatTrainer, Status

NAME = "train"
SUMMARY = "train a scene from photographs"
EPILOG = """\
examples:
  gscompress train bonsai --iterations 7000                  writes bonsai.gsz
  gscompress train bonsai -o small.gsz --images images_4 --lambda 5e-5
  gscompress train bonsai --preset 3dgs --ply bonsai.ply -q 60
  gscompress train fox/transforms.json --downscale 4 --minutes 10
  gscompress train bonsai --resume

Plain 3DGS comes first. Preset 3dgs ends there and compresses the scene in closed form (-q, --effort); the default goes on and
trains it for rate and distortion against the photographs, two thirds as long again, at the price of a bit that --lambda sets.
DATA is a COLMAP folder (images, sparse/0), or a transforms.json of instant-ngp, nerfstudio or NeRF-synthetic, or its
folder. Lens distortion is taken out of the photographs. Every 8th of them, by name, is kept for testing, and so is all
that a transforms_test.json names. Beside OUT.gsz there are a log, OUT.csv, and, while a run is unfinished, what --resume
goes on from, OUT.gsz.checkpoint. Ctrl-C ends plain 3DGS with the scene so far in OUT.ply; later, it ends with the file so far.
A run that fails after plain 3DGS leaves its scene there too, and --resume may then name another aim. Once a run is done, OUT.ply
is gone, unless --ply asked for it.
A CUDA device is used where there is one; without, photographs of 300 to 600 px a side are what takes minutes, not hours.
"""

CHECKPOINT_SECONDS = 120.0
LOG_ROWS = 500
COLUMNS = ("iteration", "seconds", "loss", "psnr", "splats", "sh_degree")
JSON_KEYS = (
    "input, output, ply, log, preset, device, iterations, rate_iterations, lambda, splats, sh_degree, train_views, test_views, width, height, psnr, ssim, "
    "psnr_compressed, ssim_compressed, output_bytes, ply_bytes, splats_out, training_seconds, seconds, peak_memory_bytes, notes; "
    "psnr and ssim against the test photographs, null where there are none"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "data", help="COLMAP folder, or transforms.json or its folder", metavar="DATA")
    add_file(parser, "-o", "--output", help="the file to write (default: DATA's name with .gsz)", metavar="OUT.gsz")
    add_file(parser, "--ply", help="also write the scene as it was trained", metavar="OUT.ply")
    parser.add_argument(
        "--preset", choices=PRESETS, help="default: plain 3DGS, then training for rate and distortion; 3dgs: plain 3DGS, with gsplat's settings"
    )
    length = parser.add_mutually_exclusive_group()
    for known in fields(SplattingOptions):
        if "help" not in known.metadata:
            continue
        to = length if known.name in ("iterations", "minutes") else parser
        shown = "" if known.default is None else f" (default: {known.default:g})"
        to.add_argument(
            f"--{known.name.replace('_', '-')}", help=known.metadata["help"] + shown, metavar="N",
            type=float if known.name in ("minutes", "rates") else int,
        )  # fmt: skip
    photographs_of.add_photograph_arguments(parser)
    add_lambda(add_compress_options(parser), PHOTO_LAMBDA)
    add_anchors(parser)
    parser.add_argument("--resume", action="store_true", help="go on with an unfinished run, with its options; once plain 3DGS is done, with another aim if one is given")
    add_json(parser, JSON_KEYS)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Trains, writes, measures, and says what came of it."""
    watch = Stopwatch()
    settle_process()  # before torch is there
    from ..train.devices import default_device

    output: Path = args.output or renamed(args.data, ".gsz")
    log, unfinished = renamed(output, ".csv"), Unfinished.of(output, args.ply, args.resume)
    before = unfinished.before
    _check_outputs(args, output, log, unfinished)
    asked = asked_for(args, before)
    names = [f.name for f in fields(SplattingOptions) if f.name != "minutes"]
    how = SplattingOptions(**given(args, names, before and before["options"]))
    goal = Goal.of(asked, how.iterations)
    if before is None:
        how = replace(how, minutes=goal.minutes)
    which = given(args, list(photographs_of.FIELDS), before and before["data"])
    device = default_device()
    photographs = photographs_of.read_photographs(args.data, which, device, args.quiet)
    trainer = _trainer(photographs, how, device, before, args.quiet)
    unfinished.begin(asked)
    flags = {"data": which, "goal": asked}
    scene = _train(trainer, args, log, unfinished, flags)
    cameras = [p.camera for p in photographs.train]
    ply_bytes = None
    if unfinished.ply:
        io.write(scene, unfinished.rescue, overwrite=True)
        ply_bytes = unfinished.rescue.stat().st_size
    try:
        made = _compressed(scene, goal, photographs, unfinished.rate, args)
    except (Exception, KeyboardInterrupt):
        unfinished.rescued = True
        unfinished.save(trainer.state() | flags | {"done": True})
        unfinished.keep(scene, "the scene as it was trained; --resume goes on from there, with another aim if you name one")
        raise
    size = atomic_write(output, made.data, args.overwrite)
    unfinished.finish()
    plain, small = (_scored(s, photographs, args.quiet) for s in (scene, codec.decompress(made.data)))
    first = cameras[0]
    report: dict[str, Any] = {
        "input": args.data, "output": output, "ply": unfinished.rescue if unfinished.ply else None, "log": log, "preset": goal.preset, "device": device,
        "iterations": trainer.iteration, "rate_iterations": getattr(made, "iterations", 0), "lambda": getattr(made, "lambda_", None),
        "splats": len(scene), "sh_degree": scene.sh_degree, "train_views": len(cameras), "test_views": len(photographs.test), "width": first.width, "height": first.height, "psnr": plain and plain.psnr,
        "ssim": plain and plain.ssim, "psnr_compressed": small and small.psnr, "ssim_compressed": small and small.ssim,
        "output_bytes": size, "ply_bytes": ply_bytes, "splats_out": made.splats_out, "training_seconds": round(trainer.seconds, 3),
        "seconds": round(watch.seconds, 3), "peak_memory_bytes": peak_memory_bytes(), "notes": list(photographs.notes),
    }  # fmt: skip
    if args.json:
        print_json(**report)
    elif not args.quiet:
        _summarise(report, plain, small)


def _check_outputs(args: argparse.Namespace, output: Path, log: Path, unfinished: Unfinished) -> None:
    """Refuses, before any work, what could not be written in the end.

    Raises:
        InputError, OutputError.
    """
    check_gsz(output)
    rescue = unfinished.rescue
    if rescue.suffix.lower() != ".ply":
        raise InputError(f"--ply: expected a name ending in .ply, found {rescue}")
    check_output(output, args.data, args.overwrite)
    if unfinished.checkpoint.exists() and not (args.resume or args.overwrite):
        raise OutputError(f"{unfinished.checkpoint}: is of an unfinished run; --resume goes on with it, --overwrite begins anew")
    for path, what in ((log, "its log"), (rescue, "the scene as it was trained, should it end early")):
        try:
            check_output(path, args.data, args.overwrite or (args.resume if path == log else unfinished.own_rescue))
        except OutputError as error:
            raise OutputError(f"{error} (training writes {what} there; -o names another place)") from None


def _trainer(photographs: Photographs, how: SplattingOptions, device: str, state: dict | None, quiet: bool) -> SplatTrainer:
    from ..train.splatting import SplatTrainer

    trainer = SplatTrainer(photographs, how, device)
    if state is not None:
        trainer.load(state)
        say_notes([f"going on from iteration {trainer.iteration:,} of {trainer.schedule.iterations:,}"], quiet)
    return trainer


def _train(trainer: SplatTrainer, args: argparse.Namespace, log: Path, unfinished: Unfinished, flags: dict[str, Any]) -> Scene:
    """The trained scene; one that ends early is saved. `flags` go into the checkpoint.

    Raises:
        KeyboardInterrupt: after Ctrl-C, with the scene so far in the file for it.
        Diverged: with the last good one there.
    """
    from ..train.checkpoint import CsvLog
    from ..train.splatting import Diverged

    every = max(1, trainer.schedule.iterations // LOG_ROWS)
    saved = time.monotonic()
    with Progress(args.quiet) as progress, CsvLog(log, COLUMNS, trainer.iteration if args.resume else None) as rows, interrupts() as asked:

        def save() -> None:
            unfinished.save(trainer.state() | flags | {"done": trainer.done})

        def tell(status: Status) -> None:
            nonlocal saved
            progress.update(_stage(status), status.share)
            if status.iteration % every == 0 or status.share >= 1:
                rows.write(status.iteration, status.seconds, status.loss, status.psnr, status.splats, status.sh_degree)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save()
                saved = time.monotonic()

        try:
            scene = trainer.train(tell, lambda: bool(asked))
        except Diverged as diverged:
            unfinished.keep(diverged.scene, f"the scene of iteration {diverged.iteration:,}")
            raise
        unfinished.rescued |= not trainer.done
        save()
    if not trainer.done:
        unfinished.keep(scene, f"the scene of iteration {trainer.iteration:,}; --resume goes on from there")
        raise KeyboardInterrupt
    return scene


def _stage(status: Status) -> str:
    left = time_left(status.seconds, status.share)
    return f"loss {status.loss:.4f}  {status.psnr:.1f} dB  {status.splats:,} splats  {left}"


def _compressed(
    scene: Scene, goal: Goal, photographs: Photographs, checkpoint: Path, args: argparse.Namespace
) -> codec.Compressed | Refined:
    """The file, by the closed form, or trained for rate and distortion with `checkpoint` to go on from."""
    cameras = [p.camera for p in photographs.train]
    if goal.compressing is not None:
        with Progress(args.quiet) as progress:
            return codec.compress_scene(scene, goal.compressing, cameras, progress.update)
    from ..train.refine import refine_scene

    assert goal.refining is not None
    watch = Stopwatch()
    with Progress(args.quiet) as progress, interrupts() as asked:

        def tell(stage: str, state: State) -> None:
            if asked:
                asked.clear()  # the next one interrupts the rounding
                raise KeyboardInterrupt
            progress.update(rate_stage(stage, state, watch.seconds), state.share)

        resume = args.resume and checkpoint.exists()
        made = refine_scene(scene, goal.refining, photographs=photographs, checkpoint=checkpoint, resume=resume, progress=tell)
    if made.stopped:
        say_notes([f"training for rate and distortion ended early: {made.stopped}"], args.quiet)
    return made


def _scored(scene: Scene, photographs: Photographs, quiet: bool) -> PhotoScores | None:
    """Against the test photographs, if there are any."""
    if not photographs.test:
        return None
    with Progress(quiet) as progress:
        return score(scene, photographs.test, photographs.background, progress=lambda share: progress.update("testing", share))


def _summarise(report: dict[str, Any], plain: PhotoScores | None, small: PhotoScores | None) -> None:
    ply = f", {report['ply']} ({format_size(report['ply_bytes'])})" if report["ply"] else ""
    print(f"{report['input']} -> {report['output']} ({format_size(report['output_bytes'])}){ply}")
    size = f"{report['width']} x {report['height']} px"
    print(f"  learnt  {report['train_views']} photographs of {size}, {report['iterations']:,} iterations on {report['device']}")
    print(f"  splats  {report['splats']:,}, of which {report['splats_out']:,} in the file, SH degree {report['sh_degree']}")
    if plain and small:
        print(f"  tested  {plain.views} photographs: {plain.psnr:.2f} dB, SSIM {plain.ssim:.4f}; the file {small.psnr:.2f} dB, SSIM {small.ssim:.4f}")
    else:
        print("  tested  no photographs")
    memory = "" if report["peak_memory_bytes"] is None else f", at most {format_size(report['peak_memory_bytes'])} of memory"
    print(f"  took    {report['training_seconds']:.1f} s of training, {report['seconds']:.1f} s in all{memory}")
