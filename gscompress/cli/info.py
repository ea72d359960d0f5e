"""gscompress info: what is in a file."""

from __future__ import annotations

import argparse
from typing import Any

from .. import codec, io
from ..io.common import plural
from ..loading import is_gsz, is_sequence_at, open_sequence, read_bytes
from .arguments import FILE_HELP, add_file, add_json
from .frames import describe_sequence
from .output import print_json, say_notes
from .sizes import format_size

NAME = "info"
SUMMARY = "say what a scene file holds; of a .gsz file every section"
EPILOG = """\
examples:
  gscompress info scene.gsz
  gscompress info scene.ply --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "input", help=FILE_HELP, metavar="FILE")
    add_json(parser, "file, format, size_bytes, splats, sh_degree, antialiased, and more by format")


def run(args: argparse.Namespace) -> None:
    """Prints what the file holds. A .gsz file is not decoded for it."""
    if is_sequence_at(args.input):
        describe_sequence(open_sequence(args.input, partial=True), args.input, args.json)
    elif is_gsz(args.input):
        _gsz(args)
    else:
        _foreign(args)


def _gsz(args: argparse.Namespace) -> None:
    found = codec.describe(read_bytes(args.input), str(args.input))
    report: dict[str, Any] = {
        "file": args.input,
        "format": "gsz",
        "size_bytes": found.size_bytes,
        "splats": found.splats,
        "sh_degree": found.sh_degree,
        "antialiased": found.antialiased,
        "bytes_per_splat": found.size_bytes / found.splats if found.splats else None,
        "version": found.version,
        "blocks": found.blocks,
        "layers": found.layers,
        "anchors": found.anchors,
        "complete": found.complete,
        "about": found.about,
        "sections": [
            {
                "kind": s.kind, "block": s.block, "layer": s.layer, "splats": s.splats, "size_bytes": s.size_bytes,
                "present": s.present, "bits_per_splat": s.bits_per_splat, "share": s.share,
            }
            for s in found.sections
        ],
    }  # fmt: skip
    if args.json:
        print_json(**report)
        return
    _print_head(report)
    print(f"  version  {found.version}, {plural(found.blocks, 'block')} of {plural(found.layers, 'layer')}")
    if found.anchors is not None:
        print(f"  anchors  {found.anchors:,}")
    if found.about:
        print("  about    " + ", ".join(f"{key} {value}" for key, value in found.about.items()))
    present = sum(s.present for s in found.sections)
    print(f"  sections {present} of {len(found.sections)} are there" + ("" if found.complete else ": the file is cut"))
    print(f"\n  {'section':<18} {'block':>5} {'layer':>5} {'splats':>10} {'bytes':>12} {'bits/splat':>10} {'share':>7}")
    for s in found.sections:
        print(
            f"  {s.kind:<18} {s.block:>5} {s.layer:>5} {f'{s.splats:,}' if s.splats else '-':>10} {s.size_bytes:>12,} "
            f"{s.bits_per_splat:>10.2f} {s.share:>7.1%}" + ("" if s.present else "  missing")
        )


def _foreign(args: argparse.Namespace) -> None:
    loaded = io.read(args.input)
    scene = loaded.scene
    bounds = [scene.means.min(0).tolist(), scene.means.max(0).tolist()] if len(scene) else None
    report: dict[str, Any] = {
        "file": args.input,
        "format": loaded.format,
        "size_bytes": loaded.size_bytes,
        "splats": len(scene),
        "sh_degree": scene.sh_degree,
        "antialiased": scene.antialiased,
        "bytes_per_splat": loaded.size_bytes / len(scene) if len(scene) else None,
        "bounds": bounds,
        "dropped_rows": loaded.dropped_rows,
        "notes": loaded.notes,
    }
    if args.json:
        print_json(**report)
        return
    _print_head(report)
    if bounds:
        print("  bounds   " + ", ".join(f"{axis} {low:.4g} to {high:.4g}" for axis, low, high in zip("xyz", *bounds, strict=True)))
    say_notes(loaded.notes)


def _print_head(report: dict[str, Any]) -> None:
    each = report["bytes_per_splat"]
    print(f"{report['file']}")
    print(f"  format   .{report['format']}")
    print(f"  size     {format_size(report['size_bytes'])} ({report['size_bytes']:,} bytes)")
    print(f"  splats   {report['splats']:,}, SH degree {report['sh_degree']}" + (", antialiased" if report["antialiased"] else ""))
    if each is not None:
        print(f"  each     {each:.2f} bytes")
