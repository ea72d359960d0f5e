"""gscompress compare: two scenes, seen from the same cameras."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ..cameras import Camera
from ..errors import InputError, OutputError
from ..evaluate import compare_scenes
from ..evaluate.compare import DEFAULT_VIEWS
from ..io import Loaded
from ..io.camera_files import read_cameras
from ..loading import read_scene
from ..render import synthesise
from .arguments import CAMERAS_HELP, FILE_HELP, add_file, add_json, add_output_flags
from .options import positive
from .output import Progress, print_json, say_notes
from .sizes import format_size

NAME = "compare"
SUMMARY = "measure how alike two scenes look: PSNR and SSIM between their renders"
EPILOG = """\
examples:
  gscompress compare scene.ply scene.gsz
  gscompress compare scene.ply scene.gsz --cameras cameras.json --views 30
  gscompress compare scene.ply scene.gsz --images side_by_side --json

A is the reference. Without --cameras, made-up cameras look at A from many sides. An image pair that is equal counts as
100 dB in the mean; if all are, the text says "equal" and JSON, which knows no infinity, null.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "a", help=f"the reference: {FILE_HELP}", metavar="A")
    add_file(parser, "b", help="the other, of any of these formats", metavar="B")
    add_file(parser, "--cameras", help=f"views to look through: {CAMERAS_HELP}", metavar="FILE")
    parser.add_argument(
        "--views", type=positive, metavar="N",
        help=f"how many views (default: all of FILE, or {DEFAULT_VIEWS} made-up ones)",
    )  # fmt: skip
    add_file(parser, "--images", help="folder for one PNG a view: A, B and ten times their difference", metavar="DIR")
    add_json(parser, "psnr, psnr_worst, ssim, views, bytes_a, bytes_b, splats_a, splats_b")
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Renders, measures, and prints."""
    if args.images:
        _check_images(args.images, args.overwrite)
    given = read_cameras(args.cameras, ignore_distortion=True) if args.cameras else None
    a, b = (_read(path, args.quiet) for path in (args.a, args.b))
    cameras = synthesise(a.scene, args.views or DEFAULT_VIEWS) if given is None else _thinned(given, args)
    with Progress(args.quiet) as progress:
        found = compare_scenes(
            a.scene, b.scene, cameras, images_dir=args.images,
            progress=lambda done, total: progress.update("rendering", done / total),
        )  # fmt: skip
    if args.json:
        print_json(
            psnr=found.psnr, psnr_worst=found.psnr_worst, ssim=found.ssim, views=found.views,
            bytes_a=a.size_bytes, bytes_b=b.size_bytes, splats_a=len(a.scene), splats_b=len(b.scene),
        )  # fmt: skip
    elif not args.quiet:
        for name, path, loaded in (("A", args.a, a), ("B", args.b, b)):
            print(f"{name}  {path}: {format_size(loaded.size_bytes)}, {len(loaded.scene):,} splats")
        print(f"  PSNR    {_decibel(found.psnr)}, worst view {_decibel(found.psnr_worst)}")
        print("  SSIM    " + ("not measured" if math.isnan(found.ssim) else f"{found.ssim:.4f}"))
        print(f"  views   {found.views}")
        if args.images:
            print(f"  images  {args.images}")


def _read(path: Path, quiet: bool) -> Loaded:
    loaded = read_scene(path)
    say_notes((f"{path}: {note}" for note in loaded.notes), quiet)
    return loaded


def _thinned(cameras: list[Camera], args: argparse.Namespace) -> list[Camera]:
    """As many of the cameras as --views asks for, spread evenly over the file."""
    count = args.views or len(cameras)
    if count > len(cameras):
        raise InputError(f"--views: expected at most the {len(cameras)} cameras of {args.cameras}, found {count}")
    return [cameras[i * len(cameras) // count] for i in range(count)]


def _check_images(folder: Path, overwrite: bool) -> None:
    """Refuses a folder that cannot take the images before any is rendered.

    Raises:
        OutputError: it is a file, cannot be made, or has images already (without `overwrite`).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(folder.glob("*.png"), None)
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: cannot take images ({getattr(error, 'strerror', None) or error})") from error
    if taken is not None and not overwrite:
        raise OutputError(f"{folder}: has images already; --overwrite replaces them")


def _decibel(value: float) -> str:
    return f"{value:.2f} dB" if math.isfinite(value) else "equal"
