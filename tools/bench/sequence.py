"""A sequence in one file against a file for every frame, at equal PSNR; and how long it takes to get any frame.

    python tools/bench/sequence.py --scene-folder DIR -o tools/bench/results/sequence.json
    python tools/bench/sequence.py --table tools/bench/results/sequence.json > tools/bench/results/sequence.md

The ten frames of `human`, each trained by itself, with the scene's cameras.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from gscompress import codec
from gscompress.config import CompressOptions
from gscompress.evaluate.bd_rate import bd_rate
from gscompress.evaluate.metrics import mean_psnr
from gscompress.sequence import SequenceOptions, SequenceReader, compress_frames
from scenes import cameras_of, load_scene

FRAMES = ("human", *(f"human_{i:02d}" for i in range(1, 10)))
QUALITIES = (15.0, 30.0, 45.0)
RUNS = 5


def singles(folder: Path, quality: float) -> tuple[dict, bytes]:
    """Bytes and PSNR of a file for every frame; the middle one."""
    made = [codec.compress_scene(load_scene(folder, name), CompressOptions(quality=quality), cameras_of(name)) for name in FRAMES]
    psnrs = [m.psnr_estimate for m in made if m.psnr_estimate is not None]
    return {"bytes": sum(len(m.data) for m in made), "psnr": mean_psnr(psnrs), "each": [len(m.data) for m in made]}, made[len(made) // 2].data


def sequence(folder: Path, quality: float, every: int) -> tuple[dict, bytes]:
    """The same of one file."""
    made = compress_frames([lambda name=name: load_scene(folder, name) for name in FRAMES], SequenceOptions(quality=quality, keyframe_every=every), cameras_of("human"))
    frames = [{"key": f.key, "bytes": f.size_bytes, "splats": f.splats_out, "psnr": f.psnr_estimate} for f in made.frames]
    return {"bytes": len(made.data), "psnr": made.psnr_estimate, "frames": frames}, made.data


def seconds(work) -> float:
    """Median over some runs."""
    out = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        out.append(time.perf_counter() - start)
    return median(out)


def seeks(data: bytes, single: bytes) -> dict:
    """Seconds to any frame from nothing, and of one frame's own file."""
    each = [seconds(lambda frame=frame: SequenceReader(data).scene(frame)) for frame in range(len(SequenceReader(data)))]
    return {"one_file": seconds(lambda: codec.decode(single)), "frames": each}


def table(results: dict) -> str:
    """Markdown."""
    lines = ["The ten frames of `human`, each trained by itself (SH 3): PSNR against each frame's own renders, bytes of all.", ""]
    lines += ["| quality | a file for every frame | one file | bytes | at equal PSNR |", "|---|---|---|---|---|"]
    curve = sorted((p["single"]["psnr"], p["single"]["bytes"]) for p in results["points"])
    for p in results["points"]:
        one, other = p["sequence"], p["single"]
        equal = one["bytes"] / 2 ** float(np.interp(one["psnr"], [c[0] for c in curve], [np.log2(c[1]) for c in curve]))
        inside = curve[0][0] <= one["psnr"] <= curve[-1][0]
        lines.append(f"| {p['quality']:g} | {other['bytes']:,} bytes, {other['psnr']:.2f} dB | {one['bytes']:,} bytes, {one['psnr']:.2f} dB | {one['bytes'] / other['bytes']:.3f} | {f'{equal:.3f}' if inside else '–'} |")
    rate = bd_rate([(p["sequence"]["bytes"], p["sequence"]["psnr"]) for p in results["points"]], [(b, psnr) for psnr, b in curve])
    lines += ["", f"BD-rate {'–' if rate is None else f'{100 * rate:+.1f} %'}.", ""]
    last = results["points"][-1]
    lines += [f"Frames at quality {last['quality']:g}:", "", "| frame | | splats | bytes | its own file | PSNR | seconds to it | over a file of its own |", "|---|---|---|---|---|---|---|---|"]
    for i, f in enumerate(last["sequence"]["frames"]):
        at = last["seek"]["frames"][i]
        lines.append(f"| {i} | {'key' if f['key'] else 'follows'} | {f['splats']:,} | {f['bytes']:,} | {last['single']['each'][i]:,} | {f['psnr']:.2f} | {at:.3f} | {at / last['seek']['one_file']:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene-folder", type=Path)
    parser.add_argument("--keyframe-every", type=int, default=SequenceOptions.keyframe_every)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    results: dict = {"keyframe_every": args.keyframe_every, "points": []}
    for quality in QUALITIES:
        one, data = sequence(args.scene_folder, quality, args.keyframe_every)
        other, single = singles(args.scene_folder, quality)
        results["points"].append({"quality": quality, "single": other, "sequence": one, "seek": seeks(data, single)})
        print(quality, other["bytes"], other["psnr"], one["bytes"], one["psnr"], file=sys.stderr, flush=True)
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
