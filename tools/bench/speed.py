"""Seconds and peak memory of encoding and decoding a million Gaussians of degree 3, each in a process of its own.

    python tools/bench/speed.py --scene-folder DIR -o tools/bench/results/speed.json

Nothing else should run on the machine. Decoding is the median of five; memory is the process's peak, interpreter and
input included, over the scene as float32 with normals.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gscompress.codec import compress_scene, decompress
from gscompress.config import CompressOptions
from gscompress.io import read, write
from gscompress.version import VERSION
from scenes import load_scene, million


def peak_bytes() -> int:
    """Of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def encode(ply: Path, out: Path, effort: str) -> dict:
    """One encode at the default quality."""
    start = time.perf_counter()
    scene = read(ply).scene
    ready = time.perf_counter()
    made = compress_scene(scene, CompressOptions(effort=effort))
    seconds = time.perf_counter() - ready
    out.write_bytes(made.data)
    return {
        "read_s": round(ready - start, 2), "encode_s": round(seconds, 2), "bytes": len(made.data), "splats_in": made.splats_in,
        "splats_out": made.splats_out, "psnr_estimate": made.psnr_estimate and round(made.psnr_estimate, 2),
        "peak_over_float32": round(peak_bytes() / scene.float32_size_bytes, 2),
    }  # fmt: skip


def decode(file: Path, splats_in: int) -> dict:
    """Five decodes."""
    data, times, peaks = file.read_bytes(), [], []
    for _ in range(5):
        start = time.perf_counter()
        scene = decompress(data)
        times.append(time.perf_counter() - start)
        peaks.append(peak_bytes() / scene.float32_size_bytes)
        del scene
    return {
        "decode_s": round(float(np.median(times)), 2), "decode_s_per_million_in": round(float(np.median(times)) / splats_in * 1e6, 2),
        "peak_over_float32": round(peaks[0], 2),
    }  # fmt: skip


def child(*args: str) -> dict:
    """Runs this script in a fresh process and returns what it printed."""
    return json.loads(subprocess.run([sys.executable, __file__, *args], check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene-folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--runs", nargs="+", default=["million", "bonsai", "playbot500k"])
    parser.add_argument("--encode", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--decode", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.encode:
        print(json.dumps(encode(Path(args.encode[0]), Path(args.encode[1]), args.encode[2])))
        return
    if args.decode:
        print(json.dumps(decode(Path(args.decode[0]), int(args.decode[1]))))
        return
    rows: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.runs:
            ply, out = Path(folder) / "scene.ply", Path(folder) / "scene.gsz"
            write(million(args.scene_folder) if name == "million" else load_scene(args.scene_folder, name), ply, overwrite=True)
            for effort in ("fast", "normal"):
                row = child("--encode", str(ply), str(out), effort)
                rows[f"{name} {effort}"] = row | {"decode": child("--decode", str(out), str(row["splats_in"]))}
                print(name, effort, rows[f"{name} {effort}"], file=sys.stderr, flush=True)
    args.output.write_text(json.dumps({"version": VERSION, "cores": len(os.sched_getaffinity(0)), "runs": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
