"""Peers on a scene: bytes, and PSNR of renders of what they decode to against renders of the scene, on given views.

SOG is written by gaussforge, SPZ version 4 by gsply (8 bits of harmonics, where the reference library takes 5 and 4).

    pip install gaussforge==0.6.0 gsply==0.4.6
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from gscompress.cameras import Camera
from gscompress.evaluate.codecs import Point, Source, codec
from gscompress.evaluate.codecs.peer_input import normalised
from gscompress.evaluate.compare import compare_scenes
from gscompress.io import write
from gscompress.scene import Scene

CODECS = {"sog": "sog", "spz4": "spz-8bit"}
"""Names of codecs by those of peers.json."""


def measure_peers(scene: Scene, cameras: Sequence[Camera], coders: Sequence[str] = ("sog", "spz4")) -> dict[str, dict]:
    """`bytes`, `psnr`, `psnr_worst` and `ssim` by coder."""
    scene = normalised(scene)
    out: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        ply = Path(folder) / "scene.ply"
        write(scene, ply)
        for coder in coders:
            peer = codec(CODECS[coder])
            path = Path(folder) / f"scene{peer.suffix}"
            peer.encode(Source(ply, scene), Point(), path)
            score = compare_scenes(scene, peer.decode(path), cameras)
            out[coder] = {
                "bytes": path.stat().st_size, "psnr": round(score.psnr, 3), "psnr_worst": round(float(score.psnr_worst), 3),
                "ssim": round(score.ssim, 5),
            }  # fmt: skip
    return out
