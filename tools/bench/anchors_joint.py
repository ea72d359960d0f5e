"""What it is worth to train anchors along with the splats, under one loss: real files, PSNR of their renders, BD-rate to plain splats.

    python tools/bench/anchors_joint.py --scenes tile human --scene-folder DIR -o tools/bench/results/anchors_joint.json
    python tools/bench/anchors_joint.py --table tools/bench/results/anchors_joint.json > tools/bench/results/anchors_joint.md

All students are trained and rounded alike, with the views of the scenes' camera files. "fitted afterwards" are anchors whose networks are
trained for the bits of the plain student's splats.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gscompress.anchored import GROUPS, AnchorDraft, anchored
from gscompress.draft import Draft
from gscompress.encoder import Encoder, plan
from gscompress.evaluate.bd_rate import bd_rate
from gscompress.scene import Scene
from gscompress.train.anchors.fit import coded, fit
from gscompress.train.anchors.parts import Parts
from gscompress.train.distill import Distiller, Schedule
from gscompress.train.refine import ROUNDING_SHARE
from gscompress.train.rounding import Rounder
from gscompress.train.targets import renders
from scenes import cameras_of, load_scene

LAMBDAS = (4e-5, 1.5e-5)
PLAIN = "splats by themselves"
VARIANTS: dict[str, Parts] = {
    "slots alone": Parts(slots=2, coarser=0, hidden=0),
    "expectation per slot": Parts(slots=2, coarser=0, hidden=1, near=False),
    "network of latent and grid": Parts(slots=2, coarser=0, hidden=4, near=False, latent=1, resolutions=(4, 8), features=1),
    "network of what was coded nearby": Parts(slots=2, coarser=0, hidden=8),
}


def afterwards(parts: Parts) -> Callable[[Draft], AnchorDraft]:
    """Anchors of splats that are given."""
    return lambda draft: fit(anchored(draft, parts.slots, parts.coarser), parts)[0]


def trained(encoder: Encoder, slope: float, iterations: int, parts: Parts | None) -> tuple[Distiller, Scene]:
    """A student."""
    trainer = Distiller(encoder, renders(encoder), slope, Schedule(iterations=iterations, anchors=parts))
    return trainer, trainer.run()


def file(trainer: Distiller, student: Scene, arrange: Callable[[Draft], AnchorDraft] | None) -> dict:
    """The student's file, measured, and where its bits are before the rounding is made up for."""
    s, encoder = trainer.schedule, trainer.encoder.of_student(student)
    kept: list[AnchorDraft] = []

    def arranged(draft: Draft) -> AnchorDraft:
        if not kept and arrange is not None:
            kept.append(arrange(draft))
        return kept[0]

    rounder = Rounder(encoder, trainer.views, s.rates, trainer.distance, arrange=None if arrange is None else arranged)
    made = trainer.encoder.judge(rounder.file(trainer.slope, round(ROUNDING_SHARE * s.iterations)))
    bits = coded(kept[0])[0].bits if kept else encoder.code(student, trainer.slope)[2].bits
    assert made.psnr is not None
    return {
        "bytes": len(made.pack({})), "psnr": round(made.psnr, 3), "splats": len(student),
        "bits_per_splat": {g: round(float(b) / len(student), 2) for g, b in zip(GROUPS, bits, strict=False)},
    }  # fmt: skip


def measured(name: str, folder: Path, iterations: int, keep: Callable[[list[dict]], None]) -> None:
    """All variants at all lambdas."""
    scene = load_scene(folder, name)
    encoder = Encoder.open(scene, plan("normal", len(scene)), cameras_of(name), lambda share: None)
    out: list[dict] = []

    def add(lambda_: float, variant: str, found: dict, seconds: float) -> None:
        out.append({"lambda": lambda_, "variant": variant, "training_s": round(seconds, 1), **found})
        print(name, out[-1], file=sys.stderr, flush=True)
        keep(out)

    for lambda_ in LAMBDAS:
        slope = lambda_ * encoder.weights.samples / len(scene)
        start = time.perf_counter()
        trainer, student = trained(encoder, slope, iterations, None)
        seconds = time.perf_counter() - start
        add(lambda_, PLAIN, file(trainer, student, None), seconds)
        for variant, parts in VARIANTS.items():
            add(lambda_, f"{variant}, fitted afterwards", file(trainer, student, afterwards(parts)), seconds)
        for variant, parts in VARIANTS.items():
            start = time.perf_counter()
            trainer, student = trained(encoder, slope, iterations, parts)
            seconds = time.perf_counter() - start
            assert trainer.anchors is not None
            add(lambda_, f"{variant}, joint", file(trainer, student, trainer.anchors.settled), seconds)


def table(results: dict) -> str:
    """Markdown."""
    lines = [
        f"{results['iterations']} iterations, lambdas {', '.join(f'{v:g}' for v in LAMBDAS)}. BD-rate to {PLAIN} (positive: more bytes at equal"
        " PSNR); bits per splat at the last lambda, before the rounding is made up for.",
        "",
        f"| scene | | BD-rate | bytes, PSNR, splats by lambda | training | {' | '.join(GROUPS)} |",
        f"|---|---|---|---|---|{'---|' * len(GROUPS)}",
    ]
    for name, rows in results["scenes"].items():
        plain = [(r["bytes"], r["psnr"]) for r in rows if r["variant"] == PLAIN]
        for variant in dict.fromkeys(r["variant"] for r in rows):
            own = [r for r in rows if r["variant"] == variant]
            rate = bd_rate([(r["bytes"], r["psnr"]) for r in own], plain) if len(own) > 1 and len(plain) > 1 else None
            shown = "" if variant == PLAIN else "–" if rate is None else f"{100 * rate:+.1f} %"
            files = "; ".join(f"{r['bytes']:,} {r['psnr']:.2f} {r['splats']:,}" for r in own)
            bits = [f"{own[-1]['bits_per_splat'].get(group, 0):.2f}" for group in GROUPS]
            seconds = np.mean([r["training_s"] for r in own])
            lines.append(f"| {name} | {variant} | {shown} | {files} | {seconds:.0f} s | {' | '.join(bits)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=["tile", "human"])
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("--scene-folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    results = json.loads(args.output.read_text()) if args.output.exists() else {"iterations": args.iterations, "scenes": {}}

    def keep(name: str, rows: list[dict]) -> None:
        results["scenes"][name] = rows
        args.output.write_text(json.dumps(results, indent=1) + "\n")

    for name in args.scenes:
        measured(name, args.scene_folder, args.iterations, lambda rows, name=name: keep(name, rows))


if __name__ == "__main__":
    main()
