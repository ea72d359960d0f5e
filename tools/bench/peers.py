"""Peers on a scene: bytes, and PSNR of renders of what they decode to against renders of the scene, on given views.

SOG is written by gaussforge, SPZ version 4 by gsply (8 bits of harmonics, where the reference library takes 5 and 4); both are
read back by gscompress. As in peers.json: quaternions normalised, bands that are zero throughout dropped.

    pip install gaussforge==0.6.0 gsply==0.4.6
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gscompress.cameras import Camera
from gscompress.evaluate.compare import compare_scenes
from gscompress.io import read, write
from gscompress.scene import Scene


def measure_peers(scene: Scene, cameras: Sequence[Camera], coders: Sequence[str] = ("sog", "spz4")) -> dict[str, dict]:
    """`bytes`, `psnr`, `psnr_worst` and `ssim` by coder."""
    lengths = np.linalg.norm(scene.quats, axis=1, keepdims=True)
    scene = Scene(
        scene.means, (scene.quats / lengths).astype(np.float32), scene.log_scales, scene.opacity_logits, scene.sh, scene.antialiased
    )
    out: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        ply = Path(folder) / "scene.ply"
        write(scene, ply)
        for coder in coders:
            path = WRITERS[coder](ply, Path(folder))
            score = compare_scenes(scene, read(path).scene, cameras)
            out[coder] = {
                "bytes": path.stat().st_size, "psnr": round(score.psnr, 3), "psnr_worst": round(float(score.psnr_worst), 3),
                "ssim": round(score.ssim, 5),
            }  # fmt: skip
    return out


def _sog(ply: Path, folder: Path) -> Path:
    import gaussforge  # pyright: ignore[reportMissingImports]

    path = folder / "scene.sog"
    path.write_bytes(gaussforge.GaussForge().convert(ply.read_bytes(), "ply", "sog")["data"])
    return path


def _spz(ply: Path, folder: Path) -> Path:
    import gsply  # pyright: ignore[reportMissingImports]

    path = folder / "scene.spz"
    gsply.write_spz(str(path), gsply.plyread(str(ply)), version=4)
    return path


WRITERS = {"sog": _sog, "spz4": _spz}
