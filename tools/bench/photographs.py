"""`gscompress train` (plain 3DGS) for half a minute on each of three sets of photographs.

    python tools/bench/photographs.py -o tools/bench/results/photographs.json [--minutes 0.5] [--scenes bonsai fox lego]
    python tools/bench/photographs.py --table tools/bench/results/photographs.json > tools/bench/results/photographs.md

The sets are those of the data folder, made smaller as below; test views are never learnt from. `--pictures DIR` writes a test
photograph beside its render for every set: to look at, not to be committed, as the photographs are others'.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from gscompress.evaluate.png import write_png
from gscompress.render import render
from gscompress.train.photographs import load_photographs
from gscompress.train.process import settle_process
from gscompress.train.score import score
from gscompress.train.splatting_options import SplattingOptions
from scenes import DATA

SETS = {"bonsai": ("mipnerf360/bonsai", 2), "fox": ("fox", 3), "lego": ("lego", 2)}
"""Folder and how many times smaller."""


def measured(name: str, options: SplattingOptions, pictures: Path | None) -> dict:
    """One run."""
    from gscompress.train.splatting import SplatTrainer, Status

    folder, downscale = SETS[name]
    photographs = load_photographs(DATA / folder, downscale=downscale)
    trainer = SplatTrainer(photographs, options)
    seen: list[Status] = []
    before = score(trainer.scene(), photographs.test, photographs.background)
    scene = trainer.train(seen.append)
    after = score(scene, photographs.test, photographs.background)
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        middle = photographs.test[len(photographs.test) // 2]
        made = render(scene, [middle.camera], background=photographs.background)[0].image
        write_png(pictures / f"{name}.png", np.concatenate([middle.image.astype(np.float32) / 255, made.clip(0, 1)], axis=1))
    begun = min(len(photographs.train), len(seen)) // 4 or 1
    return {
        "width": photographs.train[0].camera.width, "height": photographs.train[0].camera.height,
        "train_views": len(photographs.train), "test_views": len(photographs.test), "downscale": downscale,
        "points": len(photographs.points), "splats_at_start": trainer.splats_at_start, "splats": len(scene),
        "iterations": trainer.iteration, "planned": trainer.schedule.iterations, "seconds": round(trainer.seconds, 2),
        "iterations_per_second": round(trainer.iteration / trainer.seconds, 2), "loss_at_start": round(seen[begun - 1].loss, 4),
        "loss": round(seen[-1].loss, 4), "train_psnr": round(seen[-1].psnr, 2), "test_psnr_at_start": round(before.psnr, 2),
        "test_psnr": round(after.psnr, 2), "test_psnr_worst": round(after.psnr_worst, 2), "test_ssim": round(after.ssim, 4),
    }  # fmt: skip


def table(results: dict) -> str:
    """Markdown."""
    lines = [
        f"{results['device']}, torch {results['torch']}, gsplat {results['gsplat']}, {results['threads']} threads; {results['note']}",
        "",
        "| set | size | views: train, test | splats: start, end | iterations | per second | loss: start, end | test PSNR: start, end | SSIM |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, r in results["sets"].items():
        lines.append(
            f"| {name} | {r['width']}×{r['height']} | {r['train_views']}, {r['test_views']} | {r['splats_at_start']:,}, {r['splats']:,}"
            f" | {r['iterations']:,} in {r['seconds']:.0f} s | {r['iterations_per_second']:.1f} | {r['loss_at_start']:.3f}, {r['loss']:.3f}"
            f" | {r['test_psnr_at_start']:.2f}, {r['test_psnr']:.2f} dB | {r['test_ssim']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=list(SETS), choices=list(SETS))
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=0.5)
    length.add_argument("--iterations", type=int)
    parser.add_argument("--points", type=int, default=SplattingOptions.points)
    parser.add_argument("--note", default="run alone", help="what else ran on the machine")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    settle_process()
    import gsplat  # pyright: ignore[reportMissingImports]
    import torch

    from gscompress._native import threads

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    results: dict = {
        "device": device, "torch": torch.__version__, "gsplat": gsplat.__version__, "threads": threads(), "note": args.note, "sets": {},
    }  # fmt: skip
    how = {"minutes": args.minutes} if args.iterations is None else {"iterations": args.iterations}
    for name in args.scenes:
        results["sets"][name] = found = measured(name, SplattingOptions(points=args.points, **how), args.pictures)
        print(name, found, file=sys.stderr, flush=True)
        if args.output:
            args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
