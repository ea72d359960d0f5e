"""Compact 3DGS's late start: distillation with codebooks for scales and rotations, trained along with their rate, beside without.

    python tools/bench/late_codebooks.py --scenes tile human --scene-folder DIR > tools/bench/results/late_codebooks.md

Both runs share everything but `Schedule.codebooks_from`. Bits are counted by the codec's own decisions, codebooks included,
nothing is rounded group by group afterwards (train/rounding.py). "cost" is distortion, in bits at the run's lambda, plus bits:
training minimises it, so it compares runs that end at other qualities.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from index_coder import codebook_bits, in_order, index_bits, neighbours
from residual_vq import GROUPS, LOG2_UNIT, psnr_of

from gscompress.draft import Draft
from gscompress.encoder import Encoder, plan
from gscompress.scene import Scene
from gscompress.train.distill import Distiller, Schedule
from gscompress.train.shapes import ShapeOptions, ShapeQuantiser
from gscompress.train.targets import renders
from scenes import cameras_of, load_scene

SIZES = ((6, 64), (6, 16))


def coded(encoder: Encoder, student: Scene, slope: float) -> tuple[Scene, np.ndarray, Draft]:
    """The format's own file of a student: decoded, bits by group, what was coded."""
    draft, predictor, run = encoder.of_student(student).code(student, slope)
    file = draft.file(run, draft.basis.shape[0], predictor, np.arange(len(student)))
    return file.decode(), run.bits, draft


def shape_bits(shapes: ShapeQuantiser, draft: Draft) -> float:
    """Bits of the indices of scales and rotations in the file's order, and of their codebooks."""
    layers = draft.layout.block_layers
    blocks = np.repeat(np.arange(len(layers)), [sum(block) for block in layers])
    near, order, total = neighbours(draft.codes, blocks), draft.layout.order, 0.0
    kinds = (("scales", shapes.scales), ("rotations", shapes.quats))
    for (part, books), indices, group in zip(kinds, shapes.indices, shapes.groups, strict=True):
        rounded = books.integers(LOG2_UNIT[part])
        renamed = in_order(rounded.words, indices.cpu().numpy())[order]
        arguments = (renamed, rounded.words.shape[1], group.cpu().numpy()[order], near, blocks)
        total += codebook_bits(rounded) + min(index_bits(*arguments, rich=rich) for rich in (False, True))
    return total


def runs(encoder: Encoder, slope: float, iterations: int, late: float) -> Iterator[tuple[str, int, float, float]]:
    """(name, splats, bits per splat, PSNR) of distillation without codebooks and with."""
    plain = Schedule(iterations=iterations)
    variants = [("the format", plain)]
    for stages, codes in SIZES:
        variants.append((f"{stages} x {codes}", replace(plain, codebooks_from=late, shapes=ShapeOptions(stages, codes))))
    for name, schedule in variants:
        trainer = Distiller(encoder, renders(encoder), slope, schedule)
        student = trainer.run()
        decoded, bits, draft = coded(encoder, student, slope)
        total = float(bits.sum())
        if trainer.shapes is not None:
            with torch.no_grad():
                trainer.shapes.assign(trainer.student.tensors)
                seen = {k: v.numpy()[draft.layout.order] for k, v in trainer.shapes.seen(trainer.student.tensors).items()}
            decoded = replace(decoded, **seen)
            total += shape_bits(trainer.shapes, draft) - float(bits[GROUPS["both"]].sum())
        yield name, len(student), total / len(student), psnr_of(encoder, decoded)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=["tile", "human"])
    parser.add_argument("--target", type=float, default=38.0, help="dB that the slope is estimated for")
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("--late", type=float, default=0.7, help="share of the iterations after which codebooks start")
    parser.add_argument("--scene-folder", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{args.iterations} iterations, codebooks after {args.late:.0%} of them, lambda for about {args.target:g} dB before training.\n")
    print("| scene | scales and rotations | splats | bits per splat | PSNR | cost, bits per splat |\n|---|---|---|---|---|---|")
    for name in args.scenes:
        scene = load_scene(args.scene_folder, name)
        views = replace(plan("normal", len(scene)), given=16, synthesised=4, width=480)
        encoder = Encoder.open(scene, views, cameras_of(name), lambda share: None)
        slope = encoder.slope(args.target)
        for variant, splats, bits, psnr in runs(encoder, slope, args.iterations, args.late):
            cost = bits + 10 ** (-psnr / 10) * encoder.weights.samples / slope / splats
            print(f"| {name} | {variant} | {splats:,} | {bits:.2f} | {psnr:.2f} dB | {cost:.2f} |", flush=True)
            print(name, variant, "done", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
