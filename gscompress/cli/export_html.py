"""gscompress export-html: a scene and its viewer in one file."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import codec
from ..cameras import Camera
from ..config import CompressOptions
from ..errors import InputError, Truncated
from ..files import atomic_write
from ..io.camera_files import read_cameras
from ..loading import is_gsz, read_scene
from ..serve.shown import ShownScene, measured, shown
from ..serve.single_page import single_page
from ..serve.site import site
from .arguments import CAMERAS_HELP, FILE_HELP, add_file, add_json, add_output_flags, renamed
from .output import Progress, check_output, print_json, say_notes
from .sizes import format_size

NAME = "export-html"
SUMMARY = "write a page that carries a scene and its viewer in one file"
EPILOG = """\
examples:
  gscompress export-html scene.gsz                       writes scene.html
  gscompress export-html scene.gsz scene.ply -o compare.html
  gscompress export-html scene.ply --cameras cameras.json

A scene that is no .gsz yet is compressed first, with the defaults of 'gscompress compress'; one to compare with is carried as it is.
The page needs no server and no network.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "scene", help=FILE_HELP, metavar="SCENE")
    add_file(parser, "other", help="a scene to compare it with", metavar="OTHER", nargs="?")
    add_file(parser, "-o", "--output", help="the page to write (default: SCENE's name with .html)", metavar="PAGE.html")
    add_file(parser, "--cameras", help=f"views to jump to: {CAMERAS_HELP}", metavar="FILE")
    add_json(parser, "input, other, output, scene_bytes, output_bytes, psnr")
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Writes the page, and says how large it is."""
    output: Path = args.output or renamed(args.scene, ".html")
    if output.suffix.lower() not in (".html", ".htm"):  # browsers go by it, and it keeps scenes from being replaced
        raise InputError(f"{output}: expected a name ending in .html, found {output.suffix or 'none'}")
    for source in filter(None, (args.scene, args.other, args.cameras)):
        check_output(output, source, args.overwrite)
    site()  # before the work, if it is missing
    cameras = read_cameras(args.cameras, ignore_distortion=True) if args.cameras else []
    scenes = [_compressed(args.scene, args.quiet)] + ([shown(args.other)] if args.other else [])
    for scene in scenes:
        say_notes((f"{scene.path}: {note}" for note in scene.notes), args.quiet)
    psnr = _measured(args.scene, args.other, cameras, args.quiet) if args.other and is_gsz(args.scene) else None
    size = atomic_write(output, single_page(scenes, cameras, psnr), args.overwrite)
    if args.json:
        print_json(input=args.scene, other=args.other, output=output, scene_bytes=len(scenes[0].content), output_bytes=size, psnr=psnr)
    elif not args.quiet:
        print(f"{args.scene} -> {output} ({format_size(size)}, of which the scene {format_size(len(scenes[0].content))})")


def _measured(scene: Path, other: Path, cameras: list[Camera], quiet: bool) -> float | None:
    """PSNR in dB; None where the two are equal, and of a file cut within a chunk, which the page shows nevertheless."""
    try:
        return measured(scene, other, cameras)
    except Truncated as error:
        say_notes([f"PSNR was not measured: {error}"], quiet)
        return None


def _compressed(path: Path, quiet: bool) -> ShownScene:
    """The scene as .gsz."""
    if is_gsz(path):
        return shown(path)
    loaded = read_scene(path)
    with Progress(quiet) as progress:
        made = codec.compress_scene(loaded.scene, CompressOptions(), None, progress.update)
    say_notes([f"{path}: compressed to {format_size(len(made.data))}"], quiet)
    return ShownScene(renamed(path, ".gsz"), "gsz", made.data, ".gsz", len(made.data), loaded.notes)
