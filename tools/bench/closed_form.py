"""Size against PSNR of `compress`, beside SOG and SPZ.

    python tools/bench/closed_form.py curve --scenes bonsai human ... --scene-folder DIR -o tools/bench/results/closed_form.json
    python tools/bench/closed_form.py table tools/bench/results/closed_form.json > tools/bench/results/closed_form.md

`curve` encodes every scene at some qualities, once with its camera file and once without (unless told otherwise), and measures
every file on the views of the camera file, as peers.json was: renders of the decoded scene against renders of the input, float,
black background. A scene without a camera file is measured on views that `compare` makes up, and those stand for its camera file. Peers'
figures are those of peers.json, or are measured here (peers.py). Figures at a PSNR are interpolated on the curve, log bytes over dB, never
extrapolated.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
from peers import measure_peers

from gscompress.codec import compress_scene, decompress
from gscompress.config import EFFORTS, CompressOptions
from gscompress.evaluate.compare import DEFAULT_VIEWS, compare_scenes
from gscompress.render import synthesise
from gscompress.version import VERSION
from scenes import FLOATS_PER_SPLAT, cameras_of, load_scene, peers_of

QUALITIES = (1.0, 15.0, 35.0, 55.0, 75.0, 97.0)
TUNED = ("bonsai", "human", "tile", "donut", "angel")
"""The encoder's constants were chosen on these."""

VIEWS = {(True, "cameras"): "given", (True, "none"): "new", (False, "cameras"): "made up", (False, "none"): "made up twice"}
"""What the table calls views by whether there is a camera file, and whether the encoder had them."""

SLOW_PALETTE = 200_000
"""SOG takes many minutes for so many Gaussians with harmonics, and is left out."""


def curve(name: str, folder: Path, qualities: tuple[float, ...], modes: tuple[str, ...], effort: str) -> dict:
    """Points of both modes, each: quality, bytes, psnr, psnr_worst, ssim, splats, encode and decode seconds."""
    scene, given = load_scene(folder, name), cameras_of(name)
    cameras = given or synthesise(scene, DEFAULT_VIEWS)
    coders = ("spz4",) if scene.sh_degree and len(scene) > SLOW_PALETTE else ("sog", "spz4")
    out: dict = {
        "splats": len(scene), "sh_degree": scene.sh_degree, "views": len(cameras), "camera_file": given is not None,
        "peers": peers_of(name) or measure_peers(scene, cameras, coders), "points": {},
    }  # fmt: skip
    for mode in modes:
        points = []
        for quality in qualities:
            start = time.perf_counter()
            made = compress_scene(scene, CompressOptions(quality=quality, effort=effort), cameras if mode == "cameras" else None)
            encoded = time.perf_counter()
            decoded = decompress(made.data)
            done = time.perf_counter()
            score = compare_scenes(scene, decoded, cameras)
            points.append({
                "quality": quality, "bytes": len(made.data), "psnr": round(score.psnr, 3), "psnr_worst": round(float(score.psnr_worst), 3),
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
        f"gscompress {results['version']}, effort {results['effort']}. Views: \"given\", those of the scene's camera file, which the encoder had too (so it",
        "pruned by them and fitted colours to them); \"new\", the same, but the encoder made up its own; \"made up\", there is no camera file,",
        "so that `compare` made up the views, which the encoder had too; \"made up twice\", the same, but the encoder made up its own.",
        f"The encoder's constants were chosen on {', '.join(TUNED)}; the other scenes were only measured.",
        "",
        "| scene | splats | SH | views | ratio at 40 dB | bytes over SOG's at its PSNR | bytes over SPZ v4's at its PSNR | rises with -q |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results["scenes"].items():
        for mode, points in row["points"].items():
            at40, lowest = bytes_at(points, 40.0), min(points, key=lambda p: p["psnr"])
            raw = 4 * FLOATS_PER_SPLAT * row["splats"]
            bound = f"at least {raw / lowest['bytes']:.1f}× (at {lowest['psnr']:.1f} dB, the lowest measured)"
            views = VIEWS[row["camera_file"], mode]
            cells = [name, f"{row['splats']:,}", str(row["sh_degree"]), views, f"{raw / at40:.1f}×" if at40 else bound]
            cells += [_beside(points, row["peers"].get(coder)) for coder in ("sog", "spz4")]
            ordered = sorted(points, key=lambda p: p["quality"])
            rises = all(p["bytes"] <= q["bytes"] and p["psnr"] <= q["psnr"] for p, q in itertools.pairwise(ordered))
            lines.append(f"| {' | '.join([*cells, 'yes' if rises else 'no'])} |")
    return "\n".join(lines) + "\n"


def _beside(points: list[dict], peer: dict | None) -> str:
    """Our bytes at a peer's PSNR over the peer's bytes."""
    if peer is None:
        return "not measured"
    ours, lowest = bytes_at(points, peer["psnr"]), min(points, key=lambda p: p["psnr"])
    if ours is not None:
        return f"{ours / peer['bytes']:.3f} (at {peer['psnr']:.1f} dB)"
    if peer["psnr"] < lowest["psnr"]:
        return f"< {lowest['bytes'] / peer['bytes']:.3f} (at {lowest['psnr']:.1f} dB, its {peer['psnr']:.1f})"
    return f"not reached ({peer['psnr']:.1f} dB)"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("curve")
    run.add_argument("--scenes", nargs="+", default=list(TUNED))
    run.add_argument("--modes", nargs="+", default=["cameras", "none"], choices=["cameras", "none"])
    run.add_argument("--qualities", nargs="+", type=float, default=list(QUALITIES))
    run.add_argument("--effort", default="normal", choices=EFFORTS)
    run.add_argument("--scene-folder", type=Path, required=True, help="where the unpacked .ply files are or go")
    run.add_argument("-o", "--output", type=Path, required=True)
    show = parts.add_parser("table")
    show.add_argument("results", type=Path)
    args = parser.parse_args()
    if args.part == "table":
        print(table(json.loads(args.results.read_text())), end="")
        return
    results = json.loads(args.output.read_text()) if args.output.exists() else {"version": VERSION, "effort": args.effort, "scenes": {}}
    for name in args.scenes:
        found = curve(name, args.scene_folder, tuple(args.qualities), tuple(args.modes), args.effort)
        if name in results["scenes"]:
            found["points"] = results["scenes"][name]["points"] | found["points"]
        results["scenes"][name] = found
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
