"""Folders of frames in, sequences out; and one of their frames."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import atomic_write
from ..io import FORMATS, Loaded
from ..io.camera_files import read_cameras
from ..loading import is_sequence_at, open_sequence, read_scene
from ..render.frames import frame_notes
from ..sequence import SequenceOptions, SequenceReader, compress_frames
from .options import positive
from .output import Progress, Stopwatch, peak_memory_bytes, print_json, say_notes
from .sizes import format_size

SOG_MARKS = ("meta.json", "lod-meta.json")
OF_SEQUENCES = ("keyframe_every", "fps")
"""Flags of `compress` that only a folder of frames takes."""
NOT_OF_SEQUENCES = ("target_size", "target_psnr")


def add_sequence_options(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that a folder of frames takes beside those of a scene."""
    known = {f.name: f for f in fields(SequenceOptions)}
    for name, kind, metavar in (("keyframe_every", positive, "K"), ("fps", _rate, "N")):
        text = f"of a folder: {known[name].metadata['help']} (default: {known[name].default})"
        parser.add_argument("--" + name.replace("_", "-"), type=kind, metavar=metavar, help=text)


def is_frame_folder(path: Path) -> bool:
    """Whether a path is a folder of scenes rather than a scene."""
    return path.is_dir() and not any((path / mark).is_file() for mark in SOG_MARKS)


def check_no_sequence_options(args: argparse.Namespace) -> None:
    """Refuses what only a folder of frames takes.

    Raises:
        InputError
    """
    for name in OF_SEQUENCES:
        if getattr(args, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: expected a folder with a scene for every frame, found {args.input}")


def frame_files(folder: Path) -> list[Path]:
    """A folder's scenes, frame_2 before frame_10.

    Raises:
        InputError: there are none, or of several formats, where one may be made from the other.
    """
    found: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        kind = next((k for k in sorted(FORMATS, key=len, reverse=True) if path.name.lower().endswith("." + k)), None)
        if kind and path.is_file() and not path.name.startswith("."):
            found.setdefault(kind, []).append(path)
    if not found:
        raise InputError(f"{folder}: expected a scene file for every frame, found none")
    if len(found) > 1:
        raise InputError(f"{folder}: expected frames of one format, found {', '.join(sorted(found))}; move the others away")
    (frames,) = found.values()
    return sorted(frames, key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)])


def compress_folder(args: argparse.Namespace, output: Path) -> None:
    """`compress` of a folder of frames."""
    watch = Stopwatch()
    for name in NOT_OF_SEQUENCES:
        if getattr(args, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: expected a single scene, found a folder of frames; choose a quality with -q")
    given = {f.name: getattr(args, f.name) for f in fields(SequenceOptions)}
    options = SequenceOptions(**{name: value for name, value in given.items() if value is not None})
    cameras = read_cameras(args.cameras, ignore_distortion=True) if args.cameras else None
    paths = frame_files(args.input)
    sizes: dict[Path, int] = {}

    def scene_of(path: Path):
        loaded = read_scene(path, args.strict)
        notes = [*loaded.notes, *(frame_notes(loaded.scene, cameras) if cameras else ())]
        say_notes([f"{path.name}: {note}" for note in notes], args.quiet)
        sizes[path] = loaded.size_bytes
        return loaded.scene

    with Progress(args.quiet) as progress:
        made = compress_frames([lambda path=path: scene_of(path) for path in paths], options, cameras, progress.update)
    size = atomic_write(output, made.data, args.overwrite)
    frames = [{"file": path, "frame": f.frame, "key": f.key, "size_bytes": f.size_bytes, "splats_in": f.splats_in, "splats_out": f.splats_out,
               "psnr_estimate": f.psnr_estimate} for path, f in zip(paths, made.frames, strict=True)]  # fmt: skip
    report: dict[str, Any] = {
        "input": args.input, "output": output, "input_bytes": sum(sizes.values()), "output_bytes": size, "ratio": sum(sizes.values()) / size,
        "frames": frames, "fps": float(options.fps), "bits_per_second": 8 * size * float(options.fps) / len(paths), "quality": options.quality,
        "seconds": round(watch.seconds, 3), "peak_memory_bytes": peak_memory_bytes(), "psnr_estimate": made.psnr_estimate,
    }  # fmt: skip
    if args.json:
        print_json(**report)
    elif not args.quiet:
        _summarise(report)


def _summarise(report: dict) -> None:
    frames, psnr = report["frames"], report["psnr_estimate"]
    keys = sum(f["key"] for f in frames)
    print(f"{report['input']} -> {report['output']}")
    print(f"  size    {format_size(report['input_bytes'])} -> {format_size(report['output_bytes'])}, ratio {report['ratio']:.1f}, {report['bits_per_second'] / 1e6:.2f} Mbit/s")
    print(f"  frames  {len(frames)}, {keys} of them by themselves, {len(frames) / report['fps']:.2f} s at {report['fps']:g} a second")
    print(f"  PSNR    {'not measured' if psnr is None else f'{psnr:.2f} dB against renders of the input'}")
    print(f"  took    {report['seconds']:.1f} s")


def add_time(parser: argparse.ArgumentParser) -> None:
    """Adds --time."""
    parser.add_argument("--time", type=_seconds, metavar="S", help="of a sequence: the frame shown after S seconds (default: the first)")


def read_at(path: Path, seconds: float | None) -> Loaded:
    """A scene, or of a sequence the frame shown at a time.

    Raises:
        InputError: a time and no sequence.
    """
    if seconds is None or not is_sequence_at(path):
        if seconds is not None:
            raise InputError(f"--time: expected a sequence of frames, found {path}, which is one scene")
        return read_scene(path)
    reader = open_sequence(path)
    return Loaded(reader.scene(reader.at(seconds)), "gsz", reader.size_bytes, (), 0)


def describe_sequence(reader: SequenceReader, path: Path, as_json: bool) -> None:
    """`info` of a sequence."""
    frames = reader.coded()
    report: dict[str, Any] = {
        "file": path, "format": "gsz", "version": 2, "size_bytes": reader.size_bytes, "frames": len(reader), "fps": float(reader.fps),
        "seconds": reader.seconds, "complete": len(frames) == len(reader), "about": reader.about,
        "table": [{"frame": f.frame, "key": f.key, "splats": f.splats_out, "size_bytes": f.size_bytes} for f in frames],
    }  # fmt: skip
    if as_json:
        print_json(**report)
        return
    print(f"{path}")
    print("  format   .gsz, a sequence")
    print(f"  size     {format_size(reader.size_bytes)} ({reader.size_bytes:,} bytes)")
    print(f"  frames   {len(reader)}, {reader.seconds:.2f} s at {float(reader.fps):g} a second" + ("" if report["complete"] else f"; {len(frames)} are there: the file is cut"))
    if reader.about:
        print("  about    " + ", ".join(f"{key} {value}" for key, value in reader.about.items()))
    print(f"\n  {'frame':>5}  {'':<8} {'splats':>10} {'bytes':>12}")
    for f in frames:
        print(f"  {f.frame:>5}  {'key' if f.key else 'follows':<8} {f.splats_out:>10,} {f.size_bytes:>12,}")


def _rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"expected a number such as 30 or 30000/1001, found {text!r}") from None


def _seconds(text: str) -> float:
    try:
        if 0 <= float(text) < 1e9:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected seconds of 0 or more, found {text!r}")
