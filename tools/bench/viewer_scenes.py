"""Scenes and cameras as the viewer's browser programs read them (viewer/tests/load.ts)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from gscompress.cameras import Camera
from gscompress.render import render_view
from gscompress.scene import Scene

VIEWER = Path(__file__).resolve().parents[2] / "viewer"


def write_scene(scene: Scene, path: Path) -> None:
    """Writes `path`.json and `path`.bin, the arrays one after the other."""
    about = {"count": len(scene), "shDegree": scene.sh_degree, "antialiased": scene.antialiased}
    Path(f"{path}.json").write_text(json.dumps(about))
    arrays = (scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh)
    Path(f"{path}.bin").write_bytes(b"".join(np.ascontiguousarray(a, np.float32).tobytes() for a in arrays))


def plain_camera(camera: Camera) -> dict[str, Any]:
    """As viewer/src/camera.ts has it."""
    return {
        "worldToCamera": np.asarray(camera.world_to_camera, np.float64).flatten().tolist(),
        "fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy, "width": camera.width, "height": camera.height,
    }  # fmt: skip


def draw(folder: Path, pictures: list[dict[str, Any]]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Has viewer/tests/pictures draw `pictures` of the scenes in `folder`; images uint8 [H, W, 3] by name, and its report."""
    (folder / "job.json").write_text(json.dumps({"data": str(folder), "pictures": pictures}))
    out = folder / "out"
    out.mkdir(exist_ok=True)
    program = VIEWER / "tests" / "pictures" / "pictures.mjs"
    subprocess.run(["node", str(program), str(folder / "job.json"), str(out)], check=True, cwd=VIEWER, timeout=120)
    images = {}
    for picture in pictures:
        camera = picture["camera"]
        pixels = np.fromfile(out / f"{picture['name']}.rgba", np.uint8)
        images[picture["name"]] = pixels.reshape(camera["height"], camera["width"], 4)[:, :, :3]
    return images, json.loads((out / "report.json").read_text())


def psnr(found: np.ndarray, scene: Scene, camera: Camera, **options: Any) -> float:
    """dB of an 8-bit image against the CPU rasteriser's, rounded to 8 bits as well."""
    wanted = np.rint(render_view(scene, camera, **options).image.clip(0, 1) * 255)
    return float(10 * np.log10(255**2 / max(np.mean((found - wanted) ** 2), 1e-12)))
