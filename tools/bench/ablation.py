"""What each part of training is worth: the same training without it, as BD-rate to all of it; real files, PSNR of their renders.

    python tools/bench/ablation.py --scenes tile human --scene-folder DIR -o tools/bench/results/ablation.json
    python tools/bench/ablation.py --table tools/bench/results/ablation.json > tools/bench/results/ablation.md

Views are those of the scenes' camera files. Residual VQ has its own benchmark (late_codebooks.py), and so have anchors with what
predicts them (anchors.py, anchors_joint.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from gscompress.encoder import Encoder, plan
from gscompress.evaluate.bd_rate import bd_rate
from gscompress.train.bits import BitModel
from gscompress.train.distill import Distiller, Schedule
from gscompress.train.refine import ROUNDING_SHARE
from gscompress.train.rounding import Rounder
from gscompress.train.targets import renders
from scenes import cameras_of, load_scene

LAMBDAS = (4e-5, 1.5e-5, 5e-6)
ALL = "all"
ROUNDED_AT_ONCE = "values rounded at once, nothing makes up for it"
NO_RATE = "no rate in the loss (pruned and coded at lambda)"
VARIANTS: dict[str, Callable[[Schedule], Schedule]] = {
    ALL: lambda s: s,
    NO_RATE: lambda s: s,
    "no pruning while training": lambda s: replace(s, prune_until=0.0),
    "learned masks in place of weighing": lambda s: replace(s, mask_rate=0.1),
    "the coder's errors seen in the second half of training": lambda s: replace(s, noise_from=0.5),
    "bits' gradient every 8 iterations": lambda s: replace(s, rate_every=8),
}


def files(encoder: Encoder, slope: float, name: str, iterations: int) -> list[dict]:
    """The files of one training: of the variant, and of all of it also the one that is rounded at once."""
    trainer = Distiller(encoder, renders(encoder), slope, VARIANTS[name](Schedule(iterations=iterations)))
    if name == NO_RATE:
        with patch.object(BitModel, "gradients", lambda self, tensors: {}):
            student = trainer.run()
    else:
        student = trainer.run()
    rounder = Rounder(encoder.of_student(student), trainer.views, trainer.schedule.rates, trainer.distance)
    out = []
    for variant, steps in ((name, round(ROUNDING_SHARE * iterations)), (ROUNDED_AT_ONCE, 0))[: 2 if name == ALL else 1]:
        file = encoder.judge(rounder.file(slope, steps))
        assert file.psnr is not None
        out.append({"variant": variant, "bytes": len(file.pack({})), "psnr": round(file.psnr, 3), "splats": len(file.order)})
    return out


def measured(name: str, folder: Path, iterations: int, variants: Sequence[str]) -> list[dict]:
    """Some variants at all lambdas."""
    scene = load_scene(folder, name)
    encoder = Encoder.open(scene, plan("normal", len(scene)), cameras_of(name), lambda share: None)
    out = []
    for lambda_ in LAMBDAS:
        for variant in variants:
            for found in files(encoder, lambda_ * encoder.weights.samples / len(scene), variant, iterations):
                out.append({"lambda": lambda_, **found})
                print(name, out[-1], file=sys.stderr, flush=True)
    return out


def table(results: dict) -> str:
    """Markdown."""
    names = list(results["scenes"])
    lines = [
        f"Refined files, {results['iterations']} iterations, lambdas {', '.join(f'{v:g}' for v in LAMBDAS)}: BD-rate to all parts together"
        " (positive: more bytes at equal PSNR).",
        "",
        f"| | {' | '.join(names)} | bytes, PSNR by lambda |",
        f"|---|{'---|' * (len(names) + 1)}",
    ]
    for variant in (*VARIANTS, ROUNDED_AT_ONCE):
        rates, details = [], []
        for name in names:
            points = {v: [(p["bytes"], p["psnr"]) for p in results["scenes"][name] if p["variant"] == v] for v in (variant, ALL)}
            rate = bd_rate(points[variant], points[ALL])
            rates.append("no overlap" if rate is None else f"{100 * rate:+.1f} %")
            details.append(f"{name}: " + ", ".join(f"{size:,} {psnr:.2f}" for size, psnr in points[variant]))
        lines.append(f"| {variant} | {' | '.join(rates)} | {'; '.join(details)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=["tile", "human"])
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), help="measured anew; the others stay")
    parser.add_argument("--scene-folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    results = json.loads(args.output.read_text()) if args.output.exists() else {"iterations": args.iterations, "scenes": {}}
    for name in args.scenes:
        found = measured(name, args.scene_folder, args.iterations, args.variants)
        anew = {p["variant"] for p in found}
        results["scenes"][name] = [p for p in results["scenes"].get(name, []) if p["variant"] not in anew] + found
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
