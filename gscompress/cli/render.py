"""gscompress render: images and videos of a scene."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..cameras import Camera
from ..errors import InputError, OutputError
from ..evaluate.png import encode_png
from ..files import atomic_write
from ..io.camera_files import read_cameras
from ..render.frames import frame_notes
from ..render.images import BACKENDS, render_each, resolve
from ..render.paths import interpolated, orbit, orbit_like, reframed
from ..render.raster import MAX_SIDE
from ..scene import Scene
from .arguments import CAMERAS_HELP, FILE_HELP, add_file, add_json, add_output_flags
from .frames import add_time, read_at
from .options import positive
from .output import Progress, Stopwatch, check_output, peak_memory_bytes, print_json, say_notes
from .sizes import format_size
from .video import CODECS, check_video, open_video

NAME = "render"
SUMMARY = "render a scene to images or a video"
EPILOG = f"""\
examples:
  gscompress render scene.gsz -o images                                     an orbit around the scene
  gscompress render scene.ply -o images --cameras cameras.json              what the cameras saw
  gscompress render scene.ply --cameras cameras.json --path orbit --video orbit.mp4
  gscompress render scene.ply --cameras colmap --path interpolate --size 1280x720 --video fly.mp4

Images are named after their cameras. A video's ending chooses its kind: {', '.join(CODECS)} need ffmpeg, which
is looked for on PATH and in the package imageio-ffmpeg (pip install 'gscompress[video]'); .png is animated and needs
nothing. Another --size shows all that a camera saw, undistorted, and more beside it. The scene's file says whether it
is rendered antialiased.
"""

DEFAULT_FRAMES = 120
DEFAULT_FPS = 30.0
MAX_FRAMES = 100_000
DEFAULT_SIZE = (960, 540)
MAX_NAME = 100
IMAGE_ENDING = re.compile(r"\.(jpe?g|png|tiff?|bmp|webp|exr|heic)$", re.IGNORECASE)
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, with any ending."""
JSON_KEYS = "input, output, video, images, names, width, height, path, backend, splats, sh_degree, notes, seconds, peak_memory_bytes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "scene", help=FILE_HELP, metavar="SCENE")
    add_file(parser, "-o", "--output", help="folder for one image a view; made where missing", metavar="DIR")
    add_file(parser, "--video", help="a video of the views", metavar="FILE")
    add_time(parser)
    add_file(parser, "--cameras", help=f"views to look through: {CAMERAS_HELP}", metavar="FILE")
    parser.add_argument(
        "--path", choices=("given", "orbit", "interpolate"),
        help="the cameras of FILE as they are, a circle around what they look at, or a smooth path through them "
        "(default: given with --cameras, else orbit, around the scene)",
    )  # fmt: skip
    parser.add_argument("--frames", type=_frames, metavar="N", help=f"views of an orbit or a path (default: {DEFAULT_FRAMES})")
    parser.add_argument("--fps", type=_fps, metavar="N", help=f"frames a second of the video (default: {DEFAULT_FPS:g})")
    parser.add_argument(
        "--size", type=_size, metavar="WxH",
        help=f"px (default: the cameras' own, or {DEFAULT_SIZE[0]}x{DEFAULT_SIZE[1]} without --cameras)",
    )  # fmt: skip
    parser.add_argument("--sh-degree", type=int, choices=range(4), help="highest band of harmonics used (default: all there are)")
    parser.add_argument(
        "--background", type=color, default=(0.0, 0.0, 0.0), metavar="COLOR", help="black, white, #rrggbb or r,g,b of 0 to 1 (default: black)"
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, default="auto", help="gsplat needs a CUDA GPU; auto takes it where it can (default: auto)"
    )
    parser.add_argument("--format", choices=("png", "npy"), default="png", help="8-bit PNG or float32 [H, W, 3] NumPy (default: png)")
    add_json(parser, JSON_KEYS)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Renders, writes, and says what came of it."""
    watch = Stopwatch()
    path = _checked_path(args)
    if args.video:
        check_video(args.video)
        check_output(args.video, args.scene, args.overwrite)
    backend = resolve(args.backend)
    given = read_cameras(args.cameras, ignore_distortion=True) if args.cameras else None
    loaded = read_at(args.scene, args.time)
    scene = loaded.scene
    notes = [*loaded.notes, *frame_notes(scene, given or [])]
    say_notes(notes, args.quiet)
    cameras = _views(scene, given, path, args)
    names = [f"{name}.{args.format}" for name in safe_names(cameras)]
    if args.output:
        _check_names(args.output, names, args.video, args.overwrite)
        _make_folder(args.output)
    degree = None if args.sh_degree is None else min(args.sh_degree, scene.sh_degree)
    rendering = Stopwatch()
    images = render_each(scene, cameras, backend=backend, sh_degree=degree, background=args.background)
    first = cameras[0]
    with Progress(args.quiet) as progress, contextlib.ExitStack() as stack:
        video = stack.enter_context(open_video(args.video, first.width, first.height, args.fps or DEFAULT_FPS)) if args.video else None
        for done, (name, made) in enumerate(zip(names, images, strict=True), start=1):
            if args.output:
                atomic_write(args.output / name, _encoded(made.image, args.format), args.overwrite)
            if video is not None:
                video.write(np.rint(made.image.clip(0, 1) * 255).astype(np.uint8))
            progress.update("rendering", done / len(names))
    each = rendering.seconds / len(names)
    sizes = {(c.width, c.height) for c in cameras}
    width, height = sizes.pop() if len(sizes) == 1 else (None, None)
    report = {
        "input": args.scene, "output": args.output, "video": args.video, "images": len(names), "names": names if args.output else [],
        "width": width, "height": height, "path": path, "backend": backend, "splats": len(scene),
        "sh_degree": scene.sh_degree if degree is None else degree, "notes": notes, "seconds": round(watch.seconds, 3),
        "peak_memory_bytes": peak_memory_bytes(),
    }  # fmt: skip
    if args.json:
        print_json(**report)
    elif not args.quiet:
        _summarise(report, args.fps or DEFAULT_FPS, each)


def _checked_path(args: argparse.Namespace) -> str:
    """The kind of path.

    Raises:
        InputError: flags that do not go together.
    """
    if args.fps and not args.video:
        raise InputError("--fps: expected --video as well, found none")
    if not (args.output or args.video):
        raise InputError("-o, --video: expected at least one of them, found neither")
    path = args.path or ("given" if args.cameras else "orbit")
    if path != "orbit" and not args.cameras:
        raise InputError(f"--path {path}: expected --cameras as well, found none")
    if path == "given" and args.frames:
        raise InputError("--frames: expected --path orbit or interpolate, found the cameras as they are")
    return path


def _views(scene: Scene, given: list[Camera] | None, path: str, args: argparse.Namespace) -> list[Camera]:
    frames, size = args.frames or DEFAULT_FRAMES, args.size
    if given is None:
        width, height = size or DEFAULT_SIZE
        return orbit(scene, frames, width=width, height=height)
    if path == "orbit":
        given = orbit_like(given, frames)
    elif path == "interpolate":
        given = interpolated(given, frames)
    if size is None and args.video:  # whose frames are of one size
        size = (given[0].width, given[0].height)
    return given if size is None else [reframed(camera, *size) for camera in given]


def safe_names(cameras: Iterable[Camera]) -> list[str]:
    """A file's name, without ending, for every camera: of letters, digits, '.', '-' and '_', each only once."""
    names: list[str] = []
    taken: set[str] = set()
    for number, camera in enumerate(cameras):
        name = re.sub(r"[^\w.-]+", "_", IMAGE_ENDING.sub("", camera.name)).strip("._-")
        name = name.encode()[:MAX_NAME].decode(errors="ignore")
        if not name or RESERVED.fullmatch(name):
            name = f"view_{number:04d}" + (f"_{name}" if name else "")
        unique, again = name, 1
        while unique.casefold() in taken:  # names that differ by case are one file on some systems
            again += 1
            unique = f"{name}_{again}"
        taken.add(unique.casefold())
        names.append(unique)
    return names


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise OutputError(f"{folder}: cannot take images ({getattr(error, 'strerror', None) or error})") from error


def _check_names(folder: Path, names: list[str], video: Path | None, overwrite: bool) -> None:
    """Refuses, before any image is made, a folder that has one of the name already (without `overwrite`), or will."""
    if video is not None and video.absolute() in {(folder / name).absolute() for name in names}:
        raise InputError(f"--video: expected a name that no image has, found {video}")
    taken = None if overwrite else next((folder / name for name in names if (folder / name).exists()), None)
    if taken is not None:
        raise OutputError(f"{taken}: exists already; --overwrite replaces it")


def _encoded(image: np.ndarray, kind: str) -> bytes:
    if kind == "png":
        return encode_png(image)
    buffer = io.BytesIO()
    np.save(buffer, image)
    return buffer.getvalue()


def _summarise(report: dict, fps: float, each: float) -> None:
    targets = [str(report[key]) for key in ("output", "video") if report[key]]
    size = "several sizes" if report["width"] is None else f"{report['width']} x {report['height']} px"
    print(f"{report['input']} -> {', '.join(targets)}")
    print(f"  images  {report['images']}, {size}, SH degree {report['sh_degree']}, by {report['backend']}")
    if report["video"]:
        print(f"  video   {format_size(report['video'].stat().st_size)}, {report['images'] / fps:.1f} s at {fps:g} frames a second")
    print(f"  took    {report['seconds']:.1f} s, {1000 * each:.0f} ms an image")


def _frames(text: str) -> int:
    if (number := positive(text)) > MAX_FRAMES:
        raise argparse.ArgumentTypeError(f"expected at most {MAX_FRAMES}, found {text!r}")
    return number


def _fps(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 1 <= float(text) <= 240:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number from 1 to 240, found {text!r}")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})\s*[x×,]\s*(\d{1,6})", text, re.ASCII)
    if match and all(1 <= int(side) <= MAX_SIDE for side in match.groups()):
        return int(match[1]), int(match[2])
    raise argparse.ArgumentTypeError(f"expected a size such as 1280x720, of at most {MAX_SIDE} px a side, found {text!r}")


def color(text: str) -> tuple[float, float, float]:
    """An argparse type: black, white, #rrggbb or r,g,b of 0 to 1, as numbers of 0 to 1."""
    lower = text.strip().lower()
    if lower in ("black", "white"):
        return (0.0, 0.0, 0.0) if lower == "black" else (1.0, 1.0, 1.0)
    if re.fullmatch(r"#[0-9a-f]{6}", lower):
        red, green, blue = (int(lower[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return red, green, blue
    with contextlib.suppress(ValueError):
        red, green, blue = (float(part) for part in lower.split(","))
        if all(0 <= part <= 1 for part in (red, green, blue)):
            return red, green, blue
    raise argparse.ArgumentTypeError(f"expected black, white, #rrggbb or three numbers of 0 to 1 such as 1,0.5,0, found {text!r}")
