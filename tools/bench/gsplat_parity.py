"""gsplat on a CUDA device against the compiled CPU rasteriser, on real scenes: images, gradients, milliseconds.

    python tools/bench/gsplat_parity.py --scene-folder DIR -o tools/bench/results/gsplat_parity.json
    python tools/bench/gsplat_parity.py --table tools/bench/results/gsplat_parity.json > tools/bench/results/gsplat_parity.md

Views are those of the scene's camera file, evenly from it, at its size. Gradients are those of a random linear function of the
image and its alpha, by every argument of `rasterization` that has any.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gscompress.cameras import Camera
from gscompress.evaluate import psnr
from gscompress.render import render, synthesise
from gscompress.render.rasterization import rasterization
from gscompress.scene import Scene
from scenes import cameras_of, load_scene

PARAMETERS = ("means", "quats", "scales", "opacities", "colors")
REPEATS = 5


def parity(scene: Scene, cameras: list[Camera]) -> dict:
    """Worst PSNR and cosine over the views, and milliseconds a view of both backends."""
    theirs, ours = (render(scene, cameras, backend=b) for b in ("gsplat", "cpu"))
    worst = {"image_psnr": min(psnr(a.image, b.image) for a, b in zip(theirs, ours, strict=True))}
    worst["alpha_psnr"] = min(psnr(a.alpha[..., None], b.alpha[..., None]) for a, b in zip(theirs, ours, strict=True))
    cosines: dict[str, float] = {}
    milliseconds: dict[str, list[float]] = {"gsplat": [], "cpu": []}
    for camera in cameras:
        found = {}
        for backend, device in (("gsplat", "cuda"), ("cpu", "cpu")):
            step = step_of(scene, camera, device)
            found[backend] = step()
            for _ in range(REPEATS):
                start = time.perf_counter()
                step()
                torch.cuda.synchronize()
                milliseconds[backend].append(1e3 * (time.perf_counter() - start))
        for name, a in found["gsplat"].items():
            b = found["cpu"][name].to(a.device)
            cosine = float((a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-30))
            cosines[name] = min(cosines.get(name, 1.0), cosine)
    return {
        "splats": len(scene), "sh_degree": scene.sh_degree, "views": len(cameras), "width": cameras[0].width, "height": cameras[0].height,
        **{k: round(float(v), 2) for k, v in worst.items()}, "cosine": {k: round(v, 7) for k, v in cosines.items()},
        "forward_backward_ms": {k: round(float(np.median(v)), 2) for k, v in milliseconds.items()},
    }  # fmt: skip


def step_of(scene: Scene, camera: Camera, device: str) -> Callable[[], dict[str, torch.Tensor]]:
    """A function that renders and differentiates once, and gives the gradients as float64."""
    activated = {
        "means": scene.means, "quats": scene.quats, "scales": np.exp(scene.log_scales),
        "opacities": 1 / (1 + np.exp(-scene.opacity_logits.clip(-80, 80))), "colors": scene.sh,
    }  # fmt: skip
    leaves = {name: torch.tensor(values, device=device, requires_grad=True) for name, values in activated.items()}
    k = [[[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]]
    viewmats, ks = torch.tensor(camera.world_to_camera[None], device=device), torch.tensor(k, device=device)
    weights = torch.tensor(np.random.default_rng(0).normal(0, 1, (1, camera.height, camera.width, 4)), device=device, dtype=torch.float32)

    def step() -> dict[str, torch.Tensor]:
        for leaf in leaves.values():
            leaf.grad = None
        colors, alphas, _ = rasterization(
            **leaves, viewmats=viewmats, Ks=ks, width=camera.width, height=camera.height, sh_degree=scene.sh_degree,
            rasterize_mode="antialiased" if scene.antialiased else "classic",
        )  # fmt: skip
        ((colors * weights[..., :3]).sum() + (alphas * weights[..., 3:]).sum()).backward()
        return {name: leaf.grad.double() for name, leaf in leaves.items() if leaf.grad is not None}

    return step


def table(results: dict) -> str:
    """Markdown."""
    lines = [
        f"{results['device']}, gsplat {results['gsplat']}, torch {results['torch']}; CPU with {results['threads']} threads. Lowest of all views;",
        "milliseconds are medians of forward and backward together, one view.",
        "",
        "| scene | mode | splats | SH | size | image PSNR | alpha PSNR | lowest cosine of gradients | gsplat ms | CPU ms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for key, row in results["scenes"].items():
        name, _, mode = key.partition(" ")
        parameter, cosine = min(row["cosine"].items(), key=lambda item: item[1])
        ms = row["forward_backward_ms"]
        lines.append(
            f"| {name} | {mode} | {row['splats']:,} | {row['sh_degree']} | {row['width']}×{row['height']} | {row['image_psnr']:.1f} dB"
            f" | {row['alpha_psnr']:.1f} dB | {cosine:.6f} ({parameter}) | {ms['gsplat']:.1f} | {ms['cpu']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=["bonsai", "human", "tile"])
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--scene-folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    import gsplat  # pyright: ignore[reportMissingImports]

    from gscompress._native import threads

    results: dict = {
        "device": torch.cuda.get_device_name(), "gsplat": gsplat.__version__, "torch": torch.__version__, "threads": threads(), "scenes": {},
    }  # fmt: skip
    for name in args.scenes:
        scene = load_scene(args.scene_folder, name)
        cameras = cameras_of(name) or synthesise(scene, args.views)
        cameras = [cameras[i] for i in np.linspace(0, len(cameras) - 1, args.views).astype(int)]
        for antialiased in (False, True):
            mode = "antialiased" if antialiased else "classic"
            scene = Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, antialiased)
            results["scenes"][f"{name} {mode}"] = found = parity(scene, cameras)
            print(name, mode, found, file=sys.stderr, flush=True)
            args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
