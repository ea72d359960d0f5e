"""gscompress compress: a scene file to .gsz."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import codec
from ..files import atomic_write
from ..io.camera_files import read_cameras
from ..loading import read_scene
from ..render.frames import frame_notes
from .arguments import CAMERAS_HELP, FILE_HELP, add_file, add_json, add_output_flags, check_gsz, renamed
from .frames import add_sequence_options, check_no_sequence_options, compress_folder, is_frame_folder
from .options import add_compress_options, compress_options
from .output import Progress, Stopwatch, check_output, peak_memory_bytes, print_json, say_notes
from .sizes import format_size

NAME = "compress"
SUMMARY = "compress a scene, or a folder with one for every frame, to a .gsz file"
EPILOG = """\
examples:
  gscompress compress scene.ply
  gscompress compress scene.ply -o small.gsz -q 30 --effort max
  gscompress compress scene.ply --target-size 2.5MB --overwrite
  gscompress compress scene.ply --target-psnr 40 --cameras cameras.json --json
  gscompress compress frames/ -o walk.gsz --fps 25

PSNR is measured between renders of the input and of the output, from the given cameras or from made-up ones that look at
the scene from many sides. The same input, options and version give the same bytes.

A folder with a scene for every frame (frame_0.ply, frame_1.ply, ...) becomes one file. The frames may be trained one by one, with
other numbers of splats: most are told by the middle one of each --keyframe-every, and any can be had by itself.
"""

JSON_KEYS = (
    "input, output, input_bytes, output_bytes, ratio, splats_in, splats_out, sh_degree, quality, seconds, "
    "peak_memory_bytes, psnr_estimate; null where not measured; of a folder, frames, fps and bits_per_second in place of the splats"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "input", help=f"{FILE_HELP}, or a folder of them, one a frame", metavar="IN")
    add_file(parser, "-o", "--output", help="the file to write (default: IN's name with .gsz)", metavar="OUT.gsz")
    add_compress_options(parser)
    add_sequence_options(parser)
    add_file(parser, "--cameras", help=f"views of the training, to weigh and measure with: {CAMERAS_HELP}", metavar="FILE")
    parser.add_argument("--strict", action="store_true", help="refuse non-finite Gaussians instead of dropping them")
    add_json(parser, JSON_KEYS)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Compresses, writes, and says what came of it."""
    watch = Stopwatch()
    options = compress_options(args)
    output: Path = args.output or renamed(args.input, ".gsz")
    check_gsz(output)
    check_output(output, args.input, args.overwrite)
    if is_frame_folder(args.input):
        compress_folder(args, output)
        return
    check_no_sequence_options(args)
    cameras = read_cameras(args.cameras, ignore_distortion=True) if args.cameras else None
    loaded = read_scene(args.input, args.strict)
    say_notes(loaded.notes, args.quiet)
    if cameras and not args.quiet:
        say_notes(frame_notes(loaded.scene, cameras))
    with Progress(args.quiet) as progress:
        done = codec.compress_scene(loaded.scene, options, cameras, progress.update)
    size = atomic_write(output, done.data, args.overwrite)
    report = {
        "input": args.input,
        "output": output,
        "input_bytes": loaded.size_bytes,
        "output_bytes": size,
        "ratio": loaded.size_bytes / size,
        "splats_in": len(loaded.scene) + loaded.dropped_rows,
        "splats_out": done.splats_out,
        "sh_degree": done.sh_degree,
        "quality": done.quality,
        "seconds": round(watch.seconds, 3),
        "peak_memory_bytes": peak_memory_bytes(),
        "psnr_estimate": done.psnr_estimate,
    }
    if args.json:
        print_json(**report)
    elif not args.quiet:
        _summarise(report)


def _summarise(report: dict) -> None:
    psnr = report["psnr_estimate"]
    quality = "" if report["quality"] is None else f", quality {report['quality']:g}"
    print(f"{report['input']} -> {report['output']}")
    print(f"  size    {format_size(report['input_bytes'])} -> {format_size(report['output_bytes'])}, ratio {report['ratio']:.1f}")
    print(f"  splats  {report['splats_in']:,} -> {report['splats_out']:,}, SH degree {report['sh_degree']}{quality}")
    print(f"  PSNR    {'not measured' if psnr is None else f'{psnr:.2f} dB against renders of the input'}")
    memory = "" if report["peak_memory_bytes"] is None else f", at most {format_size(report['peak_memory_bytes'])} of memory"
    print(f"  took    {report['seconds']:.1f} s{memory}")
