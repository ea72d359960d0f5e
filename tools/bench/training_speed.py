"""Iterations a second of training for rate and distortion, and where the time goes.

    python tools/bench/training_speed.py --scene-folder DIR -o tools/bench/results/training_speed.json

The scene is cut to `--splats` and seen at `--size`; nothing is pruned. Nothing else should run on the machine. On CUDA the
rasteriser's share is not told apart.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from gscompress._native import threads
from gscompress.encoder import Encoder, plan
from gscompress.train.process import settle_process
from scenes import cameras_of, load_scene

COSTS = {
    "rasteriser, forward and backward": ("gradients.py", "squared_error"),
    "gradients of the bits": ("bits.py", "gradients"),
    "Adam": ("student.py", "step"),
    "adding gradients": ("student.py", "add_gradients"),
}
"""Cumulative time of these functions."""


def timed(work: Callable[[], None], steps: int) -> float:
    """Seconds of a step."""
    start = time.perf_counter()
    for _ in range(steps):
        work()
    return (time.perf_counter() - start) / steps


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", default="bonsai")
    parser.add_argument("--splats", type=int, default=100_000)
    parser.add_argument("--size", type=int, nargs=2, default=[320, 200], metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--scene-folder", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    settle_process()
    import torch

    from gscompress.train.distill import Distiller, Schedule
    from gscompress.train.targets import renders

    device = "cuda" if torch.cuda.is_available() else "cpu"
    scene = load_scene(args.scene_folder, args.scene)
    scene = scene.select(np.linspace(0, len(scene) - 1, min(args.splats, len(scene))).astype(int))
    cameras = [c.resized(*args.size) for c in cameras_of(args.scene) or []]
    encoder = Encoder.open(scene, replace(plan("normal", len(scene)), synthesised=1, width=args.size[0]), cameras, lambda share: None)
    schedule = Schedule(iterations=10_000, reviews=1, prune_bits=0.0, noise_from=0.0, noise_every=10_000)
    trainer = Distiller(encoder, renders(encoder), encoder.slope(40), schedule, device)
    trainer._review()
    timed(trainer._step, 8)
    seconds = timed(trainer._step, args.steps)
    profile = cProfile.Profile()
    profile.runcall(timed, trainer._step, args.steps)
    found = pstats.Stats(profile).stats  # pyright: ignore[reportAttributeAccessIssue]
    shares = {}
    for title, (file, function) in COSTS.items():
        spent = sum(row[3] for (path, _, name), row in found.items() if Path(path).name == file and name == function)
        shares[title] = round(spent / args.steps / seconds, 3)
    result = {
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{threads()} CPU threads", "scene": args.scene,
        "splats": len(trainer.student), "sh_degree": scene.sh_degree, "width": args.size[0], "height": args.size[1],
        "iterations_per_second": round(1 / seconds, 2), "shares": shares,
    }  # fmt: skip
    print(json.dumps(result))
    args.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
