"""`refine` beside the closed form: bytes at equal PSNR, ratio, iterations a second.

    python tools/bench/refine.py --scenes bonsai human tile --lambdas 2e-5 5e-6 [--targets 40] --scene-folder DIR -o tools/bench/results/refine.json
    python tools/bench/refine.py --table tools/bench/results/refine.json > tools/bench/results/refine.md

Every scene is refined with its camera file (made-up cameras where there is none) and measured on those views, as
closed_form.json was; the closed form's bytes at a PSNR are interpolated on its curve there.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from closed_form import bytes_at

from gscompress.codec import decompress
from gscompress.config import RefineOptions
from gscompress.evaluate.compare import DEFAULT_VIEWS, compare_scenes
from gscompress.render import synthesise
from gscompress.train.refine import refine_scene
from gscompress.version import VERSION
from scenes import FLOATS_PER_SPLAT, cameras_of, load_scene

CLOSED = Path(__file__).parent / "results" / "closed_form.json"


def point(name: str, folder: Path, lambda_: float | None, target: float | None, iterations: int) -> dict:
    """One refined file, measured; of a lambda, or with a target in dB."""
    scene, given = load_scene(folder, name), cameras_of(name)
    aim = RefineOptions(iterations=iterations, target_psnr=target) if lambda_ is None else RefineOptions(iterations=iterations, lambda_=lambda_)
    made = refine_scene(scene, aim, given)
    score = compare_scenes(scene, decompress(made.data), given or synthesise(scene, DEFAULT_VIEWS))
    return {
        "lambda": float(f"{made.lambda_:.3g}"), "target_psnr": target, "iterations": iterations, "bytes": len(made.data), "psnr": round(score.psnr, 3),
        "psnr_worst": round(float(score.psnr_worst), 3), "ssim": round(score.ssim, 5), "splats_in": made.splats_in,
        "splats": made.splats_out, "training_s": round(made.seconds, 1), "trained": made.trained,
    }  # fmt: skip


def table(results: dict) -> str:
    """Markdown."""
    closed = json.loads(CLOSED.read_text())["scenes"]
    lines = [
        f"gscompress {results['version']} on {results['device']}. Views of the scenes' camera files, which both encoders had.",
        "",
        "| scene | lambda | iterations | a second | splats | bytes | PSNR | ratio | bytes over the closed form's at that PSNR |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, points in results["scenes"].items():
        curve = closed[name]["points"]
        known = curve.get("cameras") or curve["none"]
        for p in points:
            other = bytes_at(known, p["psnr"])
            beside = f"{p['bytes'] / other:.3f}" if other else "outside of its curve"
            ratio = 4 * FLOATS_PER_SPLAT * p["splats_in"] / p["bytes"]
            lines.append(
                f"| {name} | {p['lambda']:g}{_target(p)} | {p['iterations']} | {p['iterations'] / p['training_s']:.1f} | {p['splats_in']:,} → {p['splats']:,}"
                f" | {p['bytes']:,} | {p['psnr']:.2f} dB | {ratio:.1f}× | {beside}{'' if p['trained'] else ' (the closed form itself)'} |"
            )
    return "\n".join(lines) + "\n"


def _target(p: dict) -> str:
    return f" (for {p['target_psnr']:g} dB)" if p.get("target_psnr") else ""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=["bonsai", "human", "tile"])
    parser.add_argument("--lambdas", nargs="*", type=float, default=[2e-5, 5e-6])
    parser.add_argument("--targets", nargs="*", type=float, default=[], help="dB; where there is one, lambda is sought")
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--scene-folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "two CPU cores"
    results = json.loads(args.output.read_text()) if args.output.exists() else {"version": VERSION, "device": device, "scenes": {}}
    for name in args.scenes:
        for lambda_, target in [*((lambda_, None) for lambda_ in args.lambdas), *((None, target) for target in args.targets)]:
            found = point(name, args.scene_folder, lambda_, target, args.iterations)
            print(name, found, file=sys.stderr, flush=True)
            kept = [p for p in results["scenes"].get(name, []) if any(p.get(key) != found[key] for key in ("lambda", "target_psnr", "iterations"))]
            results["scenes"][name] = sorted([*kept, found], key=lambda p: -p["lambda"])
            args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
