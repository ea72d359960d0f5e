"""gscompress compare: two scenes, seen from the same cameras."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ..cameras import Camera, thinned
from ..errors import InputError, OutputError
from ..evaluate import METRICS, Comparison, Scorer, compare_scenes
from ..evaluate.compare import DEFAULT_VIEWS
from ..evaluate.lpips import INPUT_RANGES
from ..evaluate.scores import DEFAULT_METRICS
from ..io import Loaded
from ..io.camera_files import read_cameras
from ..loading import read_scene
from ..render import synthesise
from ..render.frames import frame_notes
from .arguments import CAMERAS_HELP, FILE_HELP, add_file, add_json, add_output_flags
from .options import positive
from .output import Progress, print_json, say_notes
from .sizes import format_size

NAME = "compare"
SUMMARY = "measure how alike two scenes look: PSNR, SSIM, MS-SSIM and LPIPS between their renders"
EPILOG = """\
examples:
  gscompress compare scene.ply scene.gsz
  gscompress compare scene.ply scene.gsz --cameras cameras.json --views 30
  gscompress compare scene.ply scene.gsz --images side_by_side --json
  gscompress compare scene.ply scene.gsz --metrics psnr,ssim,lpips-vgg --eight-bit --lpips-range "[0,1]"

A is the reference. Without --cameras, made-up cameras look at A from many sides. An image pair that is equal counts as
100 dB in the mean; if all are, the text says "equal" and JSON, which knows no infinity, null.

LPIPS needs torch and weights that gscompress neither carries nor downloads; a message names the files that are missing.
Its networks were trained on images in [-1,1]. INRIA's metrics.py, and papers that use it, feed [0,1] to VGG, from 8-bit
files: the last example measures like that. The numbers of one range say nothing beside those of the other.
"""


JSON_KEYS = (
    "psnr, psnr_worst, ssim, views, bytes_a, bytes_b, splats_a, splats_b, null where not measured; where asked for also "
    "ms_ssim, lpips_vgg, lpips_alex, lpips_range, eight_bit"
)


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
    parser.add_argument(
        "--metrics", type=_metrics, action="extend", metavar="LIST",
        help=f"any of {', '.join(METRICS)}, separated by commas (default: {','.join(DEFAULT_METRICS)})",
    )  # fmt: skip
    parser.add_argument("--eight-bit", action="store_true", help="round renders to 8 bits, as files hold them, before measuring")
    add_file(parser, "--lpips-weights", help="folder of LPIPS's weights (default: torch's cache)", metavar="DIR")
    parser.add_argument(
        "--lpips-range", type=_range, metavar="RANGE",
        help=f'what LPIPS is fed, "{INPUT_RANGES[0]}" or "{INPUT_RANGES[1]}" (default: {INPUT_RANGES[0]})',
    )  # fmt: skip
    add_json(parser, JSON_KEYS)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Renders, measures, and prints."""
    if args.images:
        _check_images(args.images, args.overwrite)
    scorer = _scorer(args)
    given = read_cameras(args.cameras, ignore_distortion=True) if args.cameras else None
    a, b = (_read(path, args.quiet) for path in (args.a, args.b))
    cameras = synthesise(a.scene, args.views or DEFAULT_VIEWS) if given is None else _thinned(given, args)
    if given and not args.quiet:
        say_notes(frame_notes(a.scene, given))
    with Progress(args.quiet) as progress:
        found = compare_scenes(
            a.scene, b.scene, cameras, images_dir=args.images, scorer=scorer,
            progress=lambda done, total: progress.update("rendering", done / total),
        )  # fmt: skip
    if args.json:
        more = {name.replace("-", "_"): value for name, value in found.others.items()} | _settings(scorer)
        print_json(
            psnr=found.psnr, psnr_worst=found.psnr_worst, ssim=found.ssim, views=found.views,
            bytes_a=a.size_bytes, bytes_b=b.size_bytes, splats_a=len(a.scene), splats_b=len(b.scene), **more,
        )  # fmt: skip
    elif not args.quiet:
        for name, path, loaded in (("A", args.a, a), ("B", args.b, b)):
            print(f"{name}  {path}: {format_size(loaded.size_bytes)}, {len(loaded.scene):,} splats")
        rows = _rows(found, scorer) | ({"images": str(args.images)} if args.images else {})
        width = max(map(len, rows))
        for label, text in rows.items():
            print(f"  {label:<{width}}  {text}")


def _scorer(args: argparse.Namespace) -> Scorer:
    """What the flags ask to measure, ready before any scene is read."""
    metrics = args.metrics or DEFAULT_METRICS
    if not any(name.startswith("lpips") for name in metrics):
        for flag, value in (("--lpips-weights", args.lpips_weights), ("--lpips-range", args.lpips_range)):
            if value is not None:
                raise InputError(f"{flag}: expected an LPIPS among --metrics, found {','.join(metrics)}")
    return Scorer(
        metrics, eight_bit=args.eight_bit, lpips_weights=args.lpips_weights, lpips_range=args.lpips_range or INPUT_RANGES[0]
    )


def _settings(scorer: Scorer) -> dict[str, str | bool]:
    """What the numbers depend on, where it was asked for."""
    settings: dict[str, str | bool] = {}
    if any(name.startswith("lpips") for name in scorer.metrics):
        settings["lpips_range"] = scorer.lpips_range
    return settings | ({"eight_bit": True} if scorer.eight_bit else {})


def _rows(found: Comparison, scorer: Scorer) -> dict[str, str]:
    """What the text says, by label."""
    rows = {}
    for name in scorer.metrics:
        if name == "psnr":
            rows["PSNR"] = f"{_decibel(found.psnr)}, worst view {_decibel(found.psnr_worst)}"
            continue
        value = found.ssim if name == "ssim" else found.others[name]
        fed = f", fed {scorer.lpips_range}" if name.startswith("lpips") else ""
        rows[name.upper()] = "not measured" if math.isnan(value) else f"{value:.4f}{fed}"
    rows["views"] = str(found.views) + (", 8-bit" if scorer.eight_bit else "")
    return rows


def _read(path: Path, quiet: bool) -> Loaded:
    loaded = read_scene(path)
    say_notes((f"{path}: {note}" for note in loaded.notes), quiet)
    return loaded


def _thinned(cameras: list[Camera], args: argparse.Namespace) -> list[Camera]:
    """As many of the cameras as --views asks for, spread evenly over the file."""
    count = args.views or len(cameras)
    if count > len(cameras):
        raise InputError(f"--views: expected at most the {len(cameras)} cameras of {args.cameras}, found {count}")
    return thinned(cameras, count)


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


def _metrics(text: str) -> list[str]:
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in METRICS:
            raise argparse.ArgumentTypeError(f"expected some of {','.join(METRICS)}, found {name!r}")
    return names


def _range(text: str) -> str:
    if text not in INPUT_RANGES:
        raise argparse.ArgumentTypeError(f'expected "{INPUT_RANGES[0]}" or "{INPUT_RANGES[1]}", found {text!r}')
    return text
