"""gscompress eval: scenes by codecs by operating points, measured as the field does."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ..errors import InputError
from ..train.process import settle_process
from .arguments import add_file, add_json
from .options import positive
from .output import print_json, say_notes
from .sizes import format_size

if TYPE_CHECKING:
    from ..evaluate.batch.models import Model
    from ..evaluate.batch.run import Check, Outcome
    from ..evaluate.batch.store import Cell

NAME = "eval"
SUMMARY = "evaluate codecs on a folder of scenes, as papers do on Mip-NeRF360"
EPILOG = """\
examples:
  gscompress eval mipnerf360 --data 360_v2 --dry-run
  gscompress eval mipnerf360 --data 360_v2 --models models --codec gsz --codec sog -o results
  gscompress eval mipnerf360 --data 360_v2 --scenes garden,kitchen --lambda 1e-5 --lambda 3e-5 -o results --resume
  gscompress eval folder scenes --protocol nerfbaselines -q 20 -q 50 -q 80 --jobs 4
  gscompress eval mipnerf360 --data 360_v2 --ray ray://head:10001 --gpus 1
  gscompress report results

mipnerf360 expects DATA/<scene> with sparse/0 and the photographs in images_4 (outdoor) or images_2 (indoor): tools/fetch_scenes.py gets them.
folder takes COLMAP folders, folders with a transforms.json, and .ply files without photographs. A trained scene is looked for in --models and
then in DATA, as <scene>.ply or <scene>/point_cloud/iteration_30000/point_cloud.ply; where there is none, plain 3DGS trains one, which is kept.
Every scene also has a row for the .ply itself. OUT has eval.json, a JSON file a cell (scene, codec and operating point) in cells, and the report.
A cell that fails is reported, and the others go on. With --ray, folders have to be where every node sees them.

exit codes: 0 every cell is done, but for those of codecs that are not installed; 1 some failed or could not be kept, or the dry run found
something missing; 2 nothing could be evaluated; 130 interrupted
"""
FAILED_CELLS = 1
"""Exit code."""
JSON_KEYS = "output, scenes, codecs, protocol, cells, done, reused, failed (scene, codec, point, error), not_installed, seconds, work_seconds, report, notes, ignored"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    from ..evaluate.batch.options import EvalOptions  # the codecs' names are in the help

    parser.add_argument("kind", choices=("mipnerf360", "folder"), help="layout of the data")
    add_file(parser, "folder", help="the data; or --data", metavar="DIR", nargs="?")
    add_file(parser, "--data", help="the data", metavar="DIR")
    add_file(parser, "-o", "--output", help="folder of results (default: eval_KIND)", metavar="OUT")
    add_file(parser, "--models", help="folder of trained scenes", metavar="DIR")
    parser.add_argument("--scenes", type=_names, metavar="A,B", help="only these (default: all that are there)")
    known = {f.name: f for f in fields(EvalOptions)}

    def add(flag: str, name: str, **settings: Any) -> None:
        default, empty = known[name].default, (None, (), False)
        shown = "" if default in empty else f" (default: {', '.join(default) if isinstance(default, tuple) else default})"
        parser.add_argument(*flag.split(), dest=name, default=None, help=known[name].metadata["help"] + shown, **settings)

    add("--codec", "codecs", action="append", metavar="NAME")
    add("-q --quality", "qualities", action="append", type=float, metavar="Q")
    add("--lambda", "lambdas", action="append", type=float, metavar="L")
    add("--iterations", "iterations", type=positive, metavar="N")
    add("--train-iterations", "train_iterations", type=positive, metavar="N")
    add("--train-max-splats", "train_max_splats", type=positive, metavar="N")
    add("--protocol", "protocol")
    add("--images", "images", metavar="FOLDER")
    add("--downscale", "downscale", type=positive, metavar="N")
    add("--backend", "backend")
    add("--lpips-weights", "lpips_weights", metavar="DIR")
    add("--keep-files", "keep_files", action="store_true")
    add("--tool-timeout", "tool_timeout", type=float, metavar="S")
    where = parser.add_argument_group("where the work is done")
    for flag, name, kind in (("--jobs", "jobs", positive), ("--ray", "ray", str), ("--cpus", "cpus", float), ("--gpus", "gpus", float)):
        where.add_argument(flag, dest=name, type=kind, help=known[name].metadata["help"], metavar="ADDRESS" if name == "ray" else "N")
    add("--resume", "resume", action="store_true")
    add("--overwrite", "overwrite", action="store_true")
    parser.add_argument("--dry-run", action="store_true", help="only say what there is and what is missing, scene by scene")
    add_json(parser, JSON_KEYS)
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors (and the JSON object, if asked for)")


def run(args: argparse.Namespace) -> int:
    """Evaluates, writes the report, and says what came of it; returns the exit code."""
    settle_process()  # before torch is there
    from ..evaluate.batch.datasets import ignored
    from ..evaluate.batch.options import EvalOptions
    from ..evaluate.batch.run import Watcher, check, evaluate
    from ..evaluate.report import write_report

    if (args.folder is None) == (args.data is None):
        raise InputError("--data: expected the folder of the data, found " + ("none" if args.data is None else "two"))
    given: dict[str, Any] = {f.name: getattr(args, f.name, None) for f in fields(EvalOptions)}
    given |= {"data": args.data or args.folder, "output": args.output or Path(f"eval_{args.kind}"), "scenes": tuple(args.scenes or ())}
    known: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items() if v is not None}
    options = EvalOptions(**known)
    if args.dry_run:
        return _dry_run(check(options), ignored(options.wanted), args)
    with _Told(args.quiet) as told:
        try:
            done = evaluate(options, shlex.join(["gscompress", *sys.argv[1:]]), Watcher(told.cell, told.model, told.stage))
        except KeyboardInterrupt:
            say_notes([f"what is done is in {options.output}; the same command with --resume goes on"], args.quiet)
            raise
    report, notes = [], list(done.notes)
    try:
        report = [str(path) for path in write_report(options.output).paths]
    except OSError as error:  # a full disk: the cells are what counts
        notes.append(f"no report: {error}")
    if args.json:
        print_json(**_record(done, options.output, report, notes))
    else:
        say_notes(done.ignored, args.quiet)
        say_notes(notes)
        if not args.quiet:
            _summarise(done, options.output, report)
    return FAILED_CELLS if done.failed or notes else 0


class _Told:
    """A line a cell on stderr, and a bar below them on a terminal."""

    def __init__(self, quiet: bool):
        self._quiet = quiet
        self._bar = tqdm(
            total=1, leave=False, file=sys.stderr, disable=quiet or not sys.stderr.isatty(),
            bar_format="{desc} {n:.0f}/{total_fmt} |{bar}| {elapsed}",
        )  # fmt: skip

    def cell(self, cell: Cell, done: int, total: int) -> None:
        """Of a cell that is done."""
        self._bar.total, self._bar.n = total, done
        self._bar.set_description_str("evaluating")
        if not self._quiet:
            tqdm.write(_line(cell), file=sys.stderr)

    def model(self, scene: str, model: Model) -> None:
        """Of a scene that is trained."""
        what = model.error or ("trained before" if model.cached else f"trained in {model.seconds:.0f} s")
        if not self._quiet:
            tqdm.write(f"{scene:<12} {what}", file=sys.stderr)

    def stage(self, stage: str, share: float) -> None:
        """Of a training."""
        self._bar.set_description_str(f"{stage} {share:4.0%}")

    def __enter__(self) -> _Told:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _line(cell: Cell) -> str:
    start = f"{cell.scene:<12} {cell.codec:<15} {cell.point:<14}"
    if not cell.ok or cell.size_bytes is None:
        return f"{start} {cell.status}: {cell.error}"
    shown = cell.photographs and cell.photographs.psnr
    beside = "lossless" if cell.lossless else f"{cell.renders.psnr:6.2f} dB to the source" if cell.renders and cell.renders.psnr else ""
    photographs = "" if shown is None else f"{shown:6.2f} dB  "
    return f"{start} {format_size(cell.size_bytes):>9}  {cell.ratio or 0:6.1f}x  {photographs}{beside}  {cell.seconds:.1f} s"


def _dry_run(checks: list[Check], ignored: list[str], args: argparse.Namespace) -> int:
    lacking = [c for c in checks if c.missing]
    if args.json:
        rows = [{"scene": c.data.name, "photographs": c.data.photographs, "images": c.data.images, "model": c.data.model, "missing": c.missing} for c in checks]
        print_json(scenes=rows, missing=len(lacking), ignored=ignored)
    elif not args.quiet:
        for found in checks:
            model = found.data.model or "none: it will be trained"
            print(f"{found.data.name:<12} {'; '.join(f'missing: {m}' for m in found.missing) or 'complete'}")
            print(f"{'':<12} trained scene: {model}")
        for line in ignored:
            print(line)
        print(f"{len(checks) - len(lacking)} of {len(checks)} scenes can be evaluated")
    return FAILED_CELLS if lacking else 0


def _record(done: Outcome, output: Path, report: list[str], notes: list[str]) -> dict[str, Any]:
    cells = done.cells
    return {
        "output": output, "scenes": done.plan.scenes, "codecs": [c.name for c in done.plan.codecs], "protocol": done.plan.protocol["line"],
        "cells": len(done.plan.cells), "done": sum(c.ok for c in cells), "reused": done.reused,
        "failed": [{"scene": c.scene, "codec": c.codec, "point": c.point, "error": c.error} for c in done.failed],
        "not_installed": [c.name for c in done.plan.codecs if c.missing], "seconds": round(done.plan.seconds, 3),
        "work_seconds": round(done.plan.work_seconds, 3), "report": report, "notes": notes, "ignored": done.ignored,
    }  # fmt: skip


def _summarise(done: Outcome, output: Path, report: list[str]) -> None:
    plan, cells = done.plan, done.cells
    print(f"protocol {plan.protocol['line']}")
    again = f", {done.reused} of them before" if done.reused else ""
    print(f"  cells   {sum(c.ok for c in cells)} of {len(plan.cells)} done{again}, {len(done.failed)} failed; {plan.jobs}")
    for codec in plan.codecs:
        if codec.missing:
            print(f"  {codec.name}: not installed: {codec.missing}")
    overhead = f" (overhead {max(0.0, 1 - plan.work_seconds / plan.seconds):.1%})" if plan.jobs == "in process" and plan.seconds else ""
    print(f"  took    {plan.seconds:.1f} s, the cells {plan.work_seconds:.1f} s{overhead}")
    print(f"  report  {next((p for p in report if p.endswith('.html')), output)}")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("expected names, found nothing")
    return names
