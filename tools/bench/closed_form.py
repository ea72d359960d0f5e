"""Size against PSNR of `compress`, beside SOG and SPZ.

    python tools/bench/closed_form.py curve --scenes bonsai human ... -o tools/bench/results/closed_form.json
    python tools/bench/closed_form.py table tools/bench/results/closed_form.json > tools/bench/results/closed_form.md

`curve` encodes every scene at some qualities, once with its camera file and once without (unless told otherwise), and measures every file on the
views of the camera file, as peers.json was: renders of the decoded scene against renders of the input, float, black
background. Figures at a PSNR are interpolated on that curve, log bytes over dB, never extrapolated.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from gscompress.codec import compress_scene, decompress
from gscompress.config import CompressOptions
from gscompress.evaluate.compare import compare_scenes
from gscompress.version import VERSION
from scenes import FLOATS_PER_SPLAT, cameras_of, load_scene, peers_of

QUALITIES = (15.0, 35.0, 55.0, 75.0, 97.0)


def curve(name: str, folder: Path, qualities: tuple[float, ...], modes: tuple[str, ...]) -> dict:
    """Points of both modes, each: quality, bytes, psnr, psnr_worst, ssim, splats, encode and decode seconds."""
    scene, cameras = load_scene(folder, name), cameras_of(name)
    out: dict = {"splats": len(scene), "sh_degree": scene.sh_degree, "views": len(cameras), "points": {}}
    for mode in modes:
        points = []
        for quality in qualities:
            start = time.perf_counter()
            made = compress_scene(scene, CompressOptions(quality=quality), cameras if mode == "cameras" else None)
            encoded = time.perf_counter()
            decoded = decompress(made.data)
            done = time.perf_counter()
            score = compare_scenes(scene, decoded, cameras)
            points.append({
                "quality": quality, "bytes": len(made.data), "psnr": round(score.psnr, 3), "psnr_worst": round(score.psnr_worst, 3),
                "ssim": round(score.ssim, 5), "splats": made.splats_out, "psnr_estimate": round(made.psnr_estimate or 0, 3),
                "encode_s": round(encoded - start, 2), "decode_s": round(done - encoded, 3),
            })  # fmt: skip
            print(name, mode, points[-1], file=sys.stderr, flush=True)
        out["points"][mode] = points
    return out


def bytes_at(points: list[dict], psnr: float) -> float | None:
    """Bytes at `psnr` dB between the two nearest points, None outside of the measured range."""
    ordered = sorted(points, key=lambda p: p["psnr"])
    x, y = np.array([p["psnr"] for p in ordered]), np.log([p["bytes"] for p in ordered])
    if not x[0] <= psnr <= x[-1]:
        return None
    right = int(np.clip(np.searchsorted(x, psnr), 1, len(x) - 1))
    share = (psnr - x[right - 1]) / (x[right] - x[right - 1])
    return float(np.exp(y[right - 1] + share * (y[right] - y[right - 1])))


def table(results: dict) -> str:
    """Markdown."""
    lines = [
        f"gscompress {results['version']}, effort normal; measured on the views of the camera files as peers.json was. \"cameras\": the encoder",
        "had that file too, so the measured views are those that it pruned by and fitted colours to; \"none\": it made its own",
        "views, and the measured ones are new to it. The encoder's constants were chosen on these same five scenes.",
        "",
        "| scene | splats | SH | mode | ratio at 40 dB | bytes over SOG's at its PSNR | bytes over SPZ v4's at its PSNR |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in results["scenes"].items():
        for mode, points in row["points"].items():
            at40 = bytes_at(points, 40.0)
            lowest = min(points, key=lambda p: p["psnr"])
            raw = 4 * FLOATS_PER_SPLAT * row["splats"]
            cells = [f"{raw / at40:.1f}×" if at40 else f"at least {raw / lowest['bytes']:.1f}× (at {lowest['psnr']:.1f} dB, the lowest measured)"]
            for coder in ("sog", "spz4"):
                peer = peers_of(name).get(coder)
                ours = bytes_at(points, peer["psnr"]) if peer else None
                if peer is None:
                    cells.append("–")
                elif ours is None:
                    bound = lowest["bytes"] / peer["bytes"]
                    cells.append(f"< {bound:.3f} (at {lowest['psnr']:.1f} dB, its {peer['psnr']:.1f})" if peer["psnr"] < lowest["psnr"] else "not measured so high")
                else:
                    cells.append(f"{ours / peer['bytes']:.3f} (at {peer['psnr']:.1f} dB)")
            lines.append(f"| {name} | {row['splats']:,} | {row['sh_degree']} | {mode} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("curve")
    run.add_argument("--scenes", nargs="+", default=["bonsai", "human", "tile", "donut", "angel"])
    run.add_argument("--modes", nargs="+", default=["cameras", "none"], choices=["cameras", "none"])
    run.add_argument("--qualities", nargs="+", type=float, default=list(QUALITIES))
    run.add_argument("--scene-folder", type=Path, required=True, help="where the unpacked .ply files are or go")
    run.add_argument("-o", "--output", type=Path, required=True)
    show = parts.add_parser("table")
    show.add_argument("results", type=Path)
    args = parser.parse_args()
    if args.part == "table":
        print(table(json.loads(args.results.read_text())), end="")
        return
    results = json.loads(args.output.read_text()) if args.output.exists() else {"version": VERSION, "scenes": {}}
    for name in args.scenes:
        found = curve(name, args.scene_folder, tuple(args.qualities), tuple(args.modes))
        if name in results["scenes"]:
            found["points"] = results["scenes"][name]["points"] | found["points"]
        results["scenes"][name] = found
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
