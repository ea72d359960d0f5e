"""gscompress decompress: .gsz to any format that other viewers read."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import codec, io
from ..loading import cut_notes, read_bytes
from .arguments import add_file, add_json, add_output_flags, renamed
from .output import Stopwatch, check_output, peak_memory_bytes, print_json, say_notes
from .sizes import format_size

NAME = "decompress"
SUMMARY = "decompress a .gsz file to a .ply, .compressed.ply, .spz, .splat or .sog file"
EPILOG = """\
examples:
  gscompress decompress scene.gsz
  gscompress decompress scene.gsz -o scene.spz --overwrite

The ending of OUT chooses the format. A .gsz file that was cut where a chunk ends still decodes, at lower quality; stderr
says how many chunks are there. Of one cut anywhere else --partial decodes the chunks that are whole.
"""

JSON_KEYS = (
    "input, output, format, input_bytes, output_bytes, splats, sh_degree, chunks, chunks_total, seconds, peak_memory_bytes"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "input", help="a .gsz file", metavar="IN.gsz")
    add_file(parser, "-o", "--output", help="the file to write (default: IN's name with .ply)", metavar="OUT")
    parser.add_argument("--partial", action="store_true", help="decode what is whole of a file cut in the middle of a chunk")
    add_json(parser, JSON_KEYS)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Decodes, writes, and says what came of it."""
    watch = Stopwatch()
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
