"""Pictures and frame times of the viewer's WebGL2 renderer, in a browser without a GPU: results/viewer_render.{json,md}.

    (cd viewer && npm ci && cd bench && npm ci)
    GSCOMPRESS_DATA=folder python tools/bench/viewer_render.py --scenes folder

Pictures are compared with the CPU rasteriser's, both rounded to 8 bits. Frames of a camera that turns about the scene are timed in
turns with PlayCanvas' engine in the same browser.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import viewer_scenes as viewer

import scenes
from gscompress.cameras import Camera
from gscompress.scene import Scene

NAMES = ("bonsai", "human", "tile", "donut", "playbot")
OUT = Path(__file__).parent / "results" / "viewer_render"
BENCH = viewer.VIEWER / "bench"


def views(name: str, count: int) -> list[Camera]:
    """Evenly from the scene's cameras, about 800 px wide at most."""
    cameras = scenes.cameras_of(name)
    assert cameras
    chosen = [cameras[k] for k in np.linspace(0, len(cameras) - 1, count).astype(int)]
    # bonsai's photographs are stored small
    return [camera.resized(2 * camera.width, 2 * camera.height) if camera.width < 500 else camera for camera in chosen]


def vga(camera: Camera) -> Camera:
    """The view at 640 x 480, with square pixels and a centred principal point."""
    focal = camera.fx * 640 / camera.width
    return Camera(camera.world_to_camera, focal, focal, 320, 240, 640, 480)


def turn(scene: Scene, camera: Camera, frames: int, degrees: float = 2.0) -> list[Camera]:
    """The camera on a circle about the middle of what it sees."""
    depths = scene.means @ camera.world_to_camera[2, :3] + camera.world_to_camera[2, 3]
    middle = float(np.median(depths[depths > 0]))
    there, back, out = np.eye(4), np.eye(4), []
    there[2, 3], back[2, 3] = middle, -middle
    for angle in np.deg2rad(degrees * np.arange(frames)):
        rotation = np.eye(4)
        rotation[0, :3:2] = np.cos(angle), np.sin(angle)
        rotation[2, :3:2] = -np.sin(angle), np.cos(angle)
        out.append(replace(camera, world_to_camera=there @ rotation @ back @ camera.world_to_camera))
    return out


def pictures(folder: Path, loaded: dict[str, Scene], count: int) -> dict[str, dict[str, list[float]]]:
    """dB by scene and bits of the floats in which splats are blended."""
    jobs, cameras = [], {}
    for name in loaded:
        for number, camera in enumerate(views(name, count)):
            for bits in (16, 32):
                key = f"{name}_{number}_{bits}"
                cameras[key] = (name, str(bits), camera)
                plain = viewer.plain_camera(camera)
                jobs.append({"name": key, "scene": name, "camera": plain, "options": {"precision": bits}})
    images, _ = viewer.draw(folder, jobs)
    out: dict[str, dict[str, list[float]]] = {name: {"16": [], "32": []} for name in loaded}
    for key, (name, bits, camera) in cameras.items():
        out[name][bits].append(round(viewer.psnr(images[key], loaded[name], camera), 2))
    return out


def frames(folder: Path, loaded: dict[str, Scene], count: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of frames by scene and renderer, and dB of each one's picture."""
    stills = {name: vga(views(name, 1)[0]) for name in loaded}
    runs = [
        {
            "scene": name, "still": viewer.plain_camera(camera), "rounds": rounds,
            "cameras": [viewer.plain_camera(c) for c in turn(loaded[name], camera, count)],
        }
        for name, camera in stills.items()
    ]  # fmt: skip
    (folder / "frames_job.json").write_text(json.dumps({"data": str(folder), "runs": runs}))
    out = folder / "frames"
    out.mkdir(exist_ok=True)
    program = [str(BENCH / "frames.mjs"), str(folder / "frames_job.json"), str(out)]
    subprocess.run(["node", *program], check=True, cwd=viewer.VIEWER)
    report = json.loads((out / "frames.json").read_text())
    result: dict[str, Any] = {"browser": report["browser"], "scenes": {}}
    for run in report["runs"]:
        name = run["scene"]
        row: dict[str, Any] = {"splats": len(loaded[name]), "sh_degree": loaded[name].sh_degree}
        for renderer, times in run["times"].items():
            pixels = np.fromfile(out / f"{name}_{renderer}.rgba", np.uint8).reshape(480, 640, 4)[::-1, :, :3]
            row[renderer] = {
                "psnr_db": round(viewer.psnr(pixels, loaded[name], stills[name]), 2),
                "median_ms": round(float(np.median(times)), 1),
                "fastest_ms": round(min(times), 1),
                "frames": len(times),
            }
        row["ratio"] = round(row["own"]["median_ms"] / row["playcanvas"]["median_ms"], 3)
        result["scenes"][name] = row
    return result


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    timed = results["frames"]
    lines = [
        "# The viewer's WebGL2 renderer", "",
        "`GSCOMPRESS_DATA=folder python tools/bench/viewer_render.py --scenes folder`", "",
        f"Headless Chromium {timed['browser']} that draws on the CPU (SwiftShader). Two cores, which other work shared: what counts is",
        "the ratio.", "",
        "## Pictures", "",
        "PSNR in dB against `gscompress.render.render_view`, both rounded to 8 bits: worst and mean view. Floats of 32 bits are",
        "what screenshots and figures may ask for, and what is used where there is no GPU; floats of 16 bits are for GPUs.", "",
        "| scene | views | 16 bits, worst | mean | 32 bits, worst | mean |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in results["pictures"].items():
        halves, floats = row["16"], row["32"]
        cells = (min(halves), np.mean(halves), min(floats), np.mean(floats))
        lines.append(f"| {name} | {len(halves)} | " + " | ".join(f"{value:.1f}" for value in cells) + " |")
    lines += [
        "", "## Frames", "",
        "640 x 480, a camera that turns by 2 degrees a frame, milliseconds from the start of a frame to its last pixel; medians of",
        "rounds in turns with PlayCanvas 2.23.3 (webgl2, as it is set by default: it widens splats by less than 0.3 px², drops small",
        "ones and keeps colours in 11-11-10 bits, hence its dB).",
        "", "| scene | splats | degree | ms | PlayCanvas, ms | ratio | dB | PlayCanvas, dB |", "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in timed["scenes"].items():
        own, other = row["own"], row["playcanvas"]
        lines.append(
            f"| {name} | {row['splats']:,} | {row['sh_degree']} | {own['median_ms']:.0f} | {other['median_ms']:.0f} | "
            f"{row['ratio']:.2f} | {own['psnr_db']:.1f} | {other['psnr_db']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, required=True, help="folder of unpacked .ply files")
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args()
    loaded = {name: scenes.load_scene(args.scenes, name) for name in NAMES}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, scene in loaded.items():
            viewer.write_scene(scene, folder / name)
        results = {
            "pictures": pictures(folder, loaded, args.views),
            "frames": frames(folder, loaded, args.frames, args.rounds),
        }
    OUT.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    OUT.with_suffix(".md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
