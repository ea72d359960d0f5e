"""`gscompress train` for rate and distortion, beside plain 3DGS compressed in closed form and as SOG, on test photographs.

    python tools/bench/train_rates.py -o tools/bench/results/train_rates.json [--iterations 2500] [--scenes bonsai fox lego] [--lambdas 3e-5 1e-5]
    python tools/bench/train_rates.py --table tools/bench/results/train_rates.json > tools/bench/results/train_rates.md

Both get `--iterations`: the default preset some of them for plain 3DGS and the others for rate and distortion, plain 3DGS by
itself all. Its scene is then compressed at some qualities, with the cameras of the photographs, and written as SOG by this package.
Bytes at a test PSNR are interpolated on the closed form's curve, log bytes over dB, never extrapolated.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from closed_form import bytes_at

from gscompress.cli.goals import RATE_SHARE
from gscompress.codec import compress_scene, decompress
from gscompress.config import CompressOptions, RefineOptions
from gscompress.io import read, write
from gscompress.scene import Scene
from gscompress.train.photographs import Photographs, load_photographs
from gscompress.train.process import settle_process
from gscompress.train.score import score
from gscompress.train.splatting_options import SplattingOptions
from scenes import DATA

SETS = {"bonsai": ("mipnerf360/bonsai", 4), "fox": ("fox", 4), "lego": ("lego", 2)}
"""Folder and how many times smaller."""
QUALITIES = (10.0, 30.0, 50.0, 75.0)
LAMBDAS = (3e-5, 1e-5, 3e-6)


def tested(scene: Scene, photographs: Photographs) -> float:
    """PSNR on the test photographs, dB."""
    return round(score(scene, photographs.test, photographs.background).psnr, 3)


def plain(photographs: Photographs, iterations: int) -> Scene:
    """Plain 3DGS."""
    from gscompress.train.splatting import SplatTrainer

    return SplatTrainer(photographs, SplattingOptions(iterations=iterations)).train()


def measured(name: str, iterations: int, lambdas: Sequence[float]) -> dict:
    """One set of photographs."""
    from gscompress.train.refine import refine_scene

    folder, downscale = SETS[name]
    photographs = load_photographs(DATA / folder, downscale=downscale)
    cameras, further = [p.camera for p in photographs.train], round(RATE_SHARE * iterations)
    start, longer = plain(photographs, iterations - further), plain(photographs, iterations)
    first = cameras[0]
    out: dict = {
        "width": first.width, "height": first.height, "train_views": len(cameras), "test_views": len(photographs.test),
        "iterations": iterations, "further": further, "splats": len(longer), "test_psnr": tested(longer, photographs), "closed": [], "trained": [],
    }  # fmt: skip
    for quality in QUALITIES:
        data = compress_scene(longer, CompressOptions(quality=quality), cameras).data
        out["closed"].append({"quality": quality, "bytes": len(data), "psnr": tested(decompress(data), photographs)})
    with tempfile.TemporaryDirectory() as temporary:
        sog = Path(temporary) / "scene.sog"
        write(longer, sog)
        out["sog"] = {"bytes": sog.stat().st_size, "psnr": tested(read(sog).scene, photographs)}
    for lambda_ in lambdas:
        made = refine_scene(start, RefineOptions(lambda_=lambda_, iterations=further), photographs=photographs)
        out["trained"].append({
            "lambda": lambda_, "bytes": len(made.data), "psnr": tested(decompress(made.data), photographs), "splats": made.splats_out,
            "trained": made.trained,
        })  # fmt: skip
        print(name, out["trained"][-1], file=sys.stderr, flush=True)
    return out


def table(results: dict) -> str:
    """Markdown."""
    lines = [
        "Test photographs; iterations: of plain 3DGS + for rate and distortion. Plain 3DGS alone has the sum.",
        "",
        "| set | size | iterations | plain 3DGS | lambda | splats | bytes | test PSNR | over 3DGS, closed form, at that PSNR | over SOG of 3DGS |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, r in results.items():
        for t in r["trained"]:
            lines.append(
                f"| {name} | {r['width']}×{r['height']} | {r['iterations'] - r['further']:,} + {r['further']:,} | {r['splats']:,} splats, {r['test_psnr']:.2f} dB"
                f" | {t['lambda']:g} | {t['splats']:,} | {t['bytes']:,} | {t['psnr']:.2f} dB | {_beside(r['closed'], t)}"
                f" | {t['bytes'] / r['sog']['bytes']:.3f} (SOG: {r['sog']['psnr']:.2f} dB) |"
            )
    return "\n".join(lines) + "\n"


def _beside(closed: list[dict], trained: dict) -> str:
    """Bytes over the closed form's at the PSNR; where its curve never gets there, over its best point's."""
    other, best = bytes_at(closed, trained["psnr"]), max(closed, key=lambda p: p["psnr"])
    if other is not None:
        return f"{trained['bytes'] / other:.3f}"
    if trained["psnr"] > best["psnr"]:
        return f"< {trained['bytes'] / best['bytes']:.3f} (its best is {best['psnr']:.2f} dB)"
    return "below its curve"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--iterations", type=int, default=2500)
    parser.add_argument("--lambdas", nargs="+", type=float, default=LAMBDAS)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    settle_process()
    results = json.loads(args.output.read_text()) if args.output.exists() else {}
    for name in args.scenes:
        results[name] = measured(name, args.iterations, args.lambdas)
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
