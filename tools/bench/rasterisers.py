"""The CPU rasteriser: milliseconds beside others' on real scenes, agreement with the reference in torch, and what sizes cost.

    python tools/bench/rasterisers.py --scene-folder DIR -o tools/bench/results/rasterisers.json

The table goes into a .md beside the .json. Nothing else should run on the machine. Every part is measured in a process of its
own and kept as soon as it is done: the same command goes on where it was interrupted, `--again` names parts to be measured
anew, and other settings begin anew. Peers are those of raster_peers.py; each is timed in the process that times ours, on the same view.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from raster_agreement import camera_before, gradient_agreement, image_agreement, random_scene, windows
from raster_peers import NOT_MEASURED, PEERS, ours
from raster_table import table

from gscompress._native import core
from gscompress.cameras import Camera
from gscompress.evaluate import psnr
from gscompress.render import contributions, gradients, render_view
from gscompress.render.raster import native_arguments
from gscompress.scene import Scene
from gscompress.version import VERSION
from scenes import cameras_of, load_scene

SIZE, LARGE, PART = (640, 360), (1280, 720), (160, 90)
"""px; `PART` is the middle of a view of `SIZE`, for what is too slow or too large for all of it."""

VIEWS = 12
"""Of a scene at most, evenly from its camera file."""

COMPARED = ("playbot", "bonsai", "human")
SIZED = ("tile", "human", "bonsai", "playbot", "playbot500k", "flowers", "garden")
MANY = 5_000_000
PEER_SECONDS = 150
"""After so long a peer is given up on a scene."""


def views_of(name: str, size: tuple[int, int]) -> list[Camera]:
    """The views of the scene's camera file, as wide as they were, with square pixels and the axis in the middle."""
    found = cameras_of(name)
    assert found, f"{name} has no camera file"
    return [part_of(c.resized(size[0], round(size[0] * c.height / c.width)), size) for c in found]


def part_of(camera: Camera, size: tuple[int, int]) -> Camera:
    """The middle of a view, px for px."""
    return Camera(camera.world_to_camera, camera.fx, camera.fx, size[0] / 2, size[1] / 2, *size, camera.name)


def spread(views: list[Camera], count: int) -> list[Camera]:
    """At most `count`, evenly."""
    return [views[i] for i in np.linspace(0, len(views) - 1, min(count, len(views))).astype(int)]


def median_ms(steps: Sequence[Callable[[], object]], warm: int = 1) -> float:
    """Milliseconds of the steps, of which the first `warm` do not count."""
    times = []
    for step in steps:
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    return round(float(np.median(times[warm:])), 1)


def weights_for(camera: Camera) -> np.ndarray:
    """float32 [H, W, 3]: derivatives of a scalar by the image."""
    return np.random.default_rng(0).normal(0, 1, (camera.height, camera.width, 3)).astype(np.float32)


def ours_alone(folder: Path, name: str, repeats: int) -> dict:
    """Medians over the views of each view's median, and the slowest view."""
    scene, cameras = load_scene(folder, name), spread(views_of(name, SIZE), VIEWS)
    weights = weights_for(cameras[0])

    def direct(camera: Camera) -> None:
        render_view(scene, camera)
        gradients(scene, camera, weights)

    rows = {
        "forward": [median_ms([partial(render_view, scene, c)] * (1 + repeats)) for c in cameras],
        "forward_backward": [median_ms([partial(direct, c)] * (1 + repeats)) for c in cameras],
        "autograd": [median_ms([ours(scene, c, weights).both] * (1 + repeats)) for c in cameras],
    }
    typical = int(np.argsort(rows["forward"])[len(cameras) // 2])
    return {
        "splats": len(scene), "sh_degree": scene.sh_degree, "views": len(cameras), "typical_view": typical,
        "ms": {k: round(float(np.median(v)), 1) for k, v in rows.items()}, "slowest_ms": {k: round(max(v), 1) for k, v in rows.items()},
    }  # fmt: skip


def beside(folder: Path, name: str, peer: str, view: int, repeats: int) -> dict:
    """A peer and ours on one view: its middle forward and backward, and all of it forward."""
    scene, whole = load_scene(folder, name), spread(views_of(name, SIZE), VIEWS)[view]
    out: dict = {"status": "measured", "version": PEERS[peer].version, "view": view}
    for key, camera in (("part", part_of(whole, PART)), ("whole", whole)):
        weights = weights_for(camera)
        own, theirs = ours(scene, camera, weights), PEERS[peer].make(scene, camera, weights)
        mine, others = {"forward": median_ms([own.forward] * 6)}, {}
        if key == "part":
            out["psnr_between"] = round(psnr(own.forward(), theirs.forward()), 1)
            others["forward"] = median_ms([theirs.forward] * repeats, warm=0)
            mine["forward_backward"] = median_ms([own.both] * 6)
            others["forward_backward"] = median_ms([theirs.both] * (1 + repeats))
            out["lowest_cosine"] = lowest_cosine(own.both(), theirs.both()) if PEERS[peer].same_arrays else None
        else:  # warm by now
            others["forward"] = median_ms([theirs.forward], warm=0)
        ratio = {k: round(ms / mine[k], 1) for k, ms in others.items()}
        out[key] = {"size": [camera.width, camera.height], "ours_ms": mine, "theirs_ms": others, "ratio": ratio}
    return out


def lowest_cosine(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """Of two renderers' gradients, over the arrays."""
    pairs = [(a[name].astype(np.float64).ravel(), b[name].astype(np.float64).ravel()) for name in a]
    return round(min(float(x @ y / max(np.linalg.norm(x) * np.linalg.norm(y), 1e-30)) for x, y in pairs), 5)


def agreement(folder: Path, name: str, count: int) -> dict:
    """Images at every degree and gradients; `name` is a scene or "random"."""
    if name == "random":
        out: dict = {"images": {}, "gradients": {}}
        camera = camera_before(61, 45)
        for degree in range(4):
            for antialiased in (False, True):
                scene = random_scene(400, degree, degree, antialiased=antialiased)
                key = f"{degree}{' antialiased' if antialiased else ''}"
                out["images"][key] = image_agreement(scene, [camera])[str(degree)]
                out["gradients"][key] = gradient_agreement(scene, camera, degree)
        return out
    scene, cameras = load_scene(folder, name), list(windows(views_of(name, SIZE), count))
    return {
        "images": image_agreement(scene, cameras),
        "gradients": {f"window {i}": gradient_agreement(scene, c, scene.sh_degree) for i, c in enumerate(cameras[: max(1, count // 2)])},
    }


def sizes(folder: Path, name: str) -> dict:
    """Medians over three views of what the API does, once each after the first has warmed up, by image size."""
    scene, out = load_scene(folder, name), {}
    for size in (SIZE, LARGE):
        cameras = spread(views_of(name, size), 3)
        weights = weights_for(cameras[0])
        runs: dict[str, list[Callable[[], object]]] = {
            "project": [partial(project, scene, c) for c in cameras], "forward": [partial(render_view, scene, c) for c in cameras],
            "contributions": [partial(contributions, scene, [c]) for c in cameras],
            "gradients": [partial(gradients, scene, c, weights) for c in cameras],
            "autograd": [ours(scene, c, weights).both for c in cameras],
        }  # fmt: skip
        out["x".join(map(str, size))] = {stage: median_ms([steps[0], *steps]) for stage, steps in runs.items()}
    return {"splats": len(scene), "sh_degree": scene.sh_degree, "ms": out}


def project(scene: Scene, camera: Camera) -> None:
    """Centres and radii of all Gaussians."""
    centres, radii = np.empty((len(scene), 2), np.float32), np.empty((len(scene), 2), np.int32)
    core().project(**native_arguments(scene, camera, None), centres=centres, radii=radii, threads=int(os.environ["GSCOMPRESS_THREADS"]))


def many(count: int) -> dict:
    """Very many random Gaussians, once, a forward and a backward pass, without warming up."""
    scene, camera = random_scene(count, 1, 0, log_scale=-6.0), camera_before(*SIZE)
    start = time.perf_counter()
    image = render_view(scene, camera)
    middle = time.perf_counter()
    found = gradients(scene, camera, weights_for(camera))
    done = time.perf_counter()
    arrays = (image.image, image.alpha, *vars(found).values())
    return {
        "splats": count, "sh_degree": 1, "forward_ms": round(1e3 * (middle - start)), "gradients_ms": round(1e3 * (done - middle)),
        "finite": all(bool(np.isfinite(a).all()) for a in arrays), "mean_alpha": round(float(image.alpha.mean()), 3),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2), "scene_gb": round(scene.float32_size_bytes / 1e9, 2),
    }  # fmt: skip


def child(part: str, args: argparse.Namespace, view: int) -> dict:
    """Runs a part in a fresh process and returns what it printed, or how it failed."""
    threads = str(args.threads)
    environment = os.environ | {"GSCOMPRESS_THREADS": threads, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, __file__, "--scene-folder", str(args.scene_folder), "--child", part, "--view", str(view)]
    command += ["--repeats", str(args.repeats), "--windows", str(args.windows), "--many", str(args.many)]
    theirs = part.split()[0] in PEERS
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PEER_SECONDS if theirs else None)
    except subprocess.TimeoutExpired:
        return {"status": f"not done after {PEER_SECONDS} s"}
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    if not theirs:
        raise SystemExit(f"{part}:\n{done.stderr}")
    told = [line for line in done.stderr.splitlines() if "error" in line.lower() and not line.startswith(" ")]
    return {"status": f"failed: {told[-1][:200] if told else f'exit status {done.returncode}'}"}


def run_part(args: argparse.Namespace) -> dict:
    """The part that `--child` names."""
    kind, name = args.child.split(maxsplit=1)
    folder, repeats = args.scene_folder, args.repeats
    if kind in PEERS:
        return beside(folder, name, kind, args.view, repeats)
    if kind == "ours":
        return ours_alone(folder, name, repeats)
    if kind == "agreement":
        return agreement(folder, name, args.windows)
    return sizes(folder, name) if kind == "sizes" else many(args.many)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene-folder", type=Path, required=True, help="where the unpacked .ply files are or go")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--compared", nargs="+", default=list(COMPARED), help="scenes beside peers, and against the reference")
    parser.add_argument("--sized", nargs="*", default=list(SIZED), help="scenes at two sizes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2, help="of a view, after one to warm up")
    parser.add_argument("--windows", type=int, default=4, help="of each real scene that are compared with the reference")
    parser.add_argument("--many", type=int, default=MANY, help="random Gaussians")
    parser.add_argument("--again", nargs="*", default=[], help="parts that are measured anew, such as 'ours playbot'")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--view", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(run_part(args)))
        return
    if args.output is None:
        parser.error("-o is required")
    results: dict = {
        "version": VERSION, "cores": len(os.sched_getaffinity(0)), "threads": args.threads, "repeats": args.repeats, "windows": args.windows,
        "peers": {name: peer.what for name, peer in PEERS.items()}, "not_measured": NOT_MEASURED, "parts": {},
    }  # fmt: skip
    before = json.loads(args.output.read_text()) if args.output.exists() else {}
    if all(before.get(key) == results[key] for key in ("version", "cores", "threads", "repeats", "windows")):
        results["parts"] = before["parts"]
    parts = [f"{who} {name}" for name in args.compared for who in ("ours", *PEERS)]
    parts += [f"agreement {name}" for name in ("random", *args.compared)] + [f"sizes {name}" for name in args.sized] + ["many random"]
    for part in parts:
        if part not in args.again and results["parts"].get(part, {}).get("status", "not") == "measured":
            continue
        kind, name = part.split(maxsplit=1)
        load = os.getloadavg()[0]
        start = time.perf_counter()
        if kind in PEERS and PEERS[kind].version is None:
            row = {"status": "not installed: see raster_peers.py"}
        else:
            row = {"status": "measured"} | child(part, args, results["parts"].get(f"ours {name}", {}).get("typical_view", 0))
        results["parts"][part] = row | {"seconds": round(time.perf_counter() - start, 1), "load": round(load, 1)}
        print(part, results["parts"][part], file=sys.stderr, flush=True)
        args.output.write_text(json.dumps(results, indent=1) + "\n")
    args.output.with_suffix(".md").write_text(table(results))


if __name__ == "__main__":
    main()
