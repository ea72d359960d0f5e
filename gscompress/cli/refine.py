"""gscompress refine: a smaller .gsz of the same look, by training against renders of the scene itself, or photographs."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, OutputError
from ..files import atomic_write
from ..io.camera_files import read_cameras
from ..loading import read_scene
from ..render.frames import frame_notes
from ..train.process import settle_process
from .arguments import CAMERAS_HELP, FILE_HELP, add_file, add_json, add_output_flags, check_gsz, renamed
from .interrupts import interrupts
from .options import add_refine_options, refine_options
from .output import Progress, Stopwatch, check_output, peak_memory_bytes, print_json, say_notes, time_left
from .photographs import FIELDS, add_photograph_arguments, read_photographs
from .sizes import format_size

if TYPE_CHECKING:
    from ..train.distill import State

NAME = "refine"
SUMMARY = "compress a scene further, by training against renders of it (minutes; photographs help, but are not needed)"
EPILOG = """\
examples:
  gscompress refine scene.ply
  gscompress refine scene.ply -o small.gsz --target-size 1MB --cameras cameras.json
  gscompress refine scene.ply --target-psnr 40 --iterations 6000
  gscompress refine scene.ply --minutes 5
  gscompress refine scene.ply --photos bonsai --lambda 3e-5

Needs torch: pip install 'gscompress[train]'. With a CUDA GPU, gsplat trains; else the CPU does, which is for scenes of a few
hundred thousand Gaussians at most. Ctrl-C ends the training and writes the file of what there is by then; the state of the
last review stays in OUT.gsz.checkpoint while training, from where --resume goes on after a crash. With --photos the file is
trained, and its PSNR measured, against the photographs: those to learn from, which leaves out every 8th, as 'train' does.
--anchors always stores splats as children of anchors and trains what predicts them along; smaller does so where that takes fewer
bytes before values are rounded. Either trains the anchors, and takes up to half as long again.
"""

COLUMNS = ("iteration", "seconds", "splats", "bytes", "psnr")
JSON_KEYS = (
    "input, output, input_bytes, output_bytes, ratio, splats_in, splats_out, sh_degree, lambda, psnr, iterations, "
    "training_seconds, seconds, trained, anchors, stopped, peak_memory_bytes"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "input", help=FILE_HELP, metavar="IN")
    add_file(parser, "-o", "--output", help="the file to write (default: IN's name with .gsz)", metavar="OUT.gsz")
    add_refine_options(parser)
    add_file(parser, "--cameras", help=f"views to train and measure with: {CAMERAS_HELP}", metavar="FILE")
    add_file(parser, "--photos", help="photographs of the scene: COLMAP folder, or transforms.json or its folder", metavar="DATA")
    add_photograph_arguments(parser)
    add_file(parser, "--log", help="a file for a line of CSV every second of training: iteration, seconds, splats, bytes, psnr; --resume goes on with it", metavar="FILE")
    parser.add_argument("--resume", action="store_true", help="go on from OUT.gsz.checkpoint")
    parser.add_argument("--strict", action="store_true", help="refuse non-finite Gaussians instead of dropping them")
    add_json(parser, JSON_KEYS)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Trains, writes, and says what came of it."""
    watch = Stopwatch()
    options = refine_options(args)
    output: Path = args.output or renamed(args.input, ".gsz")
    check_gsz(output)
    check_output(output, args.input, args.overwrite)
    settle_process()  # before torch is there
    from ..train.checkpoint import CsvLog, read_checkpoint
    from ..train.devices import default_device
    from ..train.refine import KIND, refine_scene

    which = {name: value for name in FIELDS if (value := getattr(args, name)) is not None}
    if which and not args.photos:
        raise InputError(f"--{next(iter(which)).replace('_', '-')}: expected --photos as well, found none")
    photographs = read_photographs(args.photos, which, default_device(), args.quiet) if args.photos else None
    cameras = read_cameras(args.cameras, ignore_distortion=True) if args.cameras else None
    loaded = read_scene(args.input, args.strict)
    say_notes(loaded.notes, args.quiet)
    seen = cameras or [p.camera for p in photographs.train] if photographs else cameras
    if seen and not args.quiet:
        say_notes(frame_notes(loaded.scene, seen))
    checkpoint = output.with_name(output.name + ".checkpoint")
    if checkpoint.exists() and not (args.resume or args.overwrite):
        raise OutputError(f"{checkpoint}: is of an unfinished run; --resume goes on with it, --overwrite begins anew")
    if args.log:
        check_output(args.log, args.input, args.overwrite or args.resume)
        if any(path and args.log.absolute() == path.absolute() for path in (output, checkpoint, args.cameras)):
            raise InputError(f"--log: expected a file of its own, found {args.log}")
    begun = read_checkpoint(checkpoint, KIND)["iteration"] if args.resume else None
    with Progress(args.quiet) as progress, ExitStack() as stack:
        log = stack.enter_context(CsvLog(args.log, COLUMNS, begun)) if args.log else None
        second = 0.0
        asked = stack.enter_context(interrupts())

        def tell(stage: str, state: State) -> None:
            nonlocal second
            if asked:
                asked.clear()  # the next one interrupts the rounding
                raise KeyboardInterrupt
            progress.update(rate_stage(stage, state, watch.seconds), state.share)
            if log is not None and stage == "training" and watch.seconds >= second:
                second = watch.seconds + 1
                log.write(state.iteration, watch.seconds, state.splats, state.size_bytes, state.psnr)

        done = refine_scene(
            loaded.scene, options, cameras, photographs=photographs, checkpoint=checkpoint, resume=args.resume, progress=tell
        )
    size = atomic_write(output, done.data, args.overwrite)
    checkpoint.unlink(missing_ok=True)
    if done.stopped:
        say_notes([f"training ended early: {done.stopped}"], args.quiet)
    if not done.trained:
        say_notes(["the file is the closed form's, which so much training does not beat here"], args.quiet)
    report = {
        "input": args.input, "output": output, "input_bytes": loaded.size_bytes, "output_bytes": size,
        "ratio": loaded.size_bytes / size, "splats_in": len(loaded.scene) + loaded.dropped_rows, "splats_out": done.splats_out,
        "sh_degree": done.sh_degree, "lambda": done.lambda_, "psnr": done.psnr, "iterations": done.iterations,
        "training_seconds": round(done.seconds, 3), "seconds": round(watch.seconds, 3), "trained": done.trained,
        "anchors": done.anchors, "stopped": done.stopped, "peak_memory_bytes": peak_memory_bytes(),
    }  # fmt: skip
    if args.json:
        print_json(**report)
    elif not args.quiet:
        print(f"{report['input']} -> {report['output']}")
        print(f"  size    {format_size(loaded.size_bytes)} -> {format_size(size)}, ratio {report['ratio']:.1f}")
        print(f"  splats  {report['splats_in']:,} -> {report['splats_out']:,}, SH degree {report['sh_degree']}, lambda {done.lambda_:.3g}")
        print(f"  PSNR    {done.psnr:.2f} dB against {'the photographs' if photographs else 'renders of the input'}")
        print(f"  took    {report['seconds']:.1f} s, {done.iterations} iterations of training in {done.seconds:.1f} s")


def rate_stage(stage: str, state: State, seconds: float) -> str:
    """What the bar says while a scene is trained for rate and distortion; `seconds` since the training began."""
    rate = f" {format_size(state.size_bytes)}" if state.size_bytes else ""
    left = f", {time_left(seconds, state.share)}" if stage == "training" else ""
    return f"{stage}: {state.splats:,} splats{rate}, {state.psnr:.1f} dB{left}"
