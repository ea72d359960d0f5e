"""gscompress decompress: .gsz to any format that other viewers read."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import codec, io
from ..errors import InputError, OutputError
from ..loading import cut_notes, is_sequence_at, open_sequence, read_bytes
from .arguments import add_file, add_json, add_output_flags, renamed
from .frames import add_time
from .output import Progress, Stopwatch, check_output, peak_memory_bytes, print_json, say_notes
from .sizes import format_size

NAME = "decompress"
SUMMARY = "decompress a .gsz file to a .ply, .compressed.ply, .spz, .splat or .sog file"
EPILOG = """\
examples:
  gscompress decompress scene.gsz
  gscompress decompress scene.gsz -o scene.spz --overwrite
  gscompress decompress walk.gsz -o frames/
  gscompress decompress walk.gsz --time 0.5 -o moment.ply

The ending of OUT chooses the format. A .gsz file that was cut where a chunk ends still decodes, at lower quality; stderr
says how many chunks are there. Of one cut anywhere else --partial decodes the chunks that are whole.

A sequence becomes a folder with a .ply for every frame, or with --time one file.
"""

JSON_KEYS = (
    "input, output, format, input_bytes, output_bytes, splats, sh_degree, chunks, chunks_total, seconds, peak_memory_bytes"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "input", help="a .gsz file", metavar="IN.gsz")
    add_file(parser, "-o", "--output", help="the file to write (default: IN's name with .ply)", metavar="OUT")
    add_time(parser)
    parser.add_argument("--partial", action="store_true", help="decode what is whole of a file cut in the middle of a chunk")
    add_json(parser, JSON_KEYS)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Decodes, writes, and says what came of it."""
    watch = Stopwatch()
    if is_sequence_at(args.input):
        _sequence(args, watch)
        return
    if args.time is not None:
        raise InputError(f"--time: expected a sequence of frames, found {args.input}, which is one scene")
    output: Path = args.output or renamed(args.input, ".ply")
    kind = io.format_of_name(output)
    check_output(output, args.input, args.overwrite)
    data = read_bytes(args.input)
    decoded = codec.decode(data, str(args.input), args.partial)
    scene = decoded.scene
    say_notes(cut_notes(decoded.chunks, decoded.chunks_total), args.quiet)
    say_notes(io.write_limits(scene, kind), args.quiet)
    size = io.write(scene, output, kind, args.overwrite)
    if args.json:
        print_json(
            input=args.input, output=output, format=kind, input_bytes=len(data), output_bytes=size, splats=len(scene),
            sh_degree=scene.sh_degree, chunks=decoded.chunks, chunks_total=decoded.chunks_total,
            seconds=round(watch.seconds, 3), peak_memory_bytes=peak_memory_bytes(),
        )  # fmt: skip
    elif not args.quiet:
        print(f"{args.input} -> {output}")
        print(f"  size    {format_size(len(data))} -> {format_size(size)}")
        print(f"  splats  {len(scene):,}, SH degree {scene.sh_degree}")
        print(f"  took    {watch.seconds:.1f} s")


def _sequence(args: argparse.Namespace, watch: Stopwatch) -> None:
    """One frame of a sequence to a file, or all to a folder."""
    reader = open_sequence(args.input, args.partial)
    if args.time is not None:
        frames = {reader.at(args.time): args.output or renamed(args.input, ".ply")}
    else:
        folder: Path = args.output or renamed(args.input, "")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: expected a folder for the frames, or a new name ({error.strerror}); --time S writes one of them") from error
        frames = {frame: folder / f"frame_{frame:04d}.ply" for frame in reader.present}
    for path in frames.values():
        io.format_of_name(path)
        check_output(path, args.input, args.overwrite)
    if len(reader.present) < len(reader):
        say_notes([f"the file is cut: {len(reader.present)} of {len(reader)} frames are there"], args.quiet)
    size = splats = 0
    with Progress(args.quiet) as progress:
        for done, (frame, path) in enumerate(frames.items(), start=1):
            scene = reader.scene(frame)
            kind = io.format_of_name(path)
            if done == 1:
                say_notes(io.write_limits(scene, kind), args.quiet)
            size += io.write(scene, path, kind, args.overwrite)
            splats += len(scene)
            progress.update("decoding", done / len(frames))
    if args.json:
        print_json(
            input=args.input, output=[str(path) for path in frames.values()], frames=list(frames), input_bytes=reader.size_bytes, output_bytes=size,
            splats=splats, seconds=round(watch.seconds, 3), peak_memory_bytes=peak_memory_bytes(),
        )  # fmt: skip
    elif not args.quiet:
        print(f"{args.input} -> {args.output or renamed(args.input, '.ply' if args.time is not None else '')}")
        print(f"  size    {format_size(reader.size_bytes)} -> {format_size(size)}")
        print(f"  frames  {len(frames)} of {len(reader)}, {splats:,} splats")
        print(f"  took    {watch.seconds:.1f} s")
