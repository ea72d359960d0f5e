"""The benchmark's scenes: trained `.ply` files unpacked from the shared data, their cameras, and peers' figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from gscompress.cameras import Camera
from gscompress.io import read
from gscompress.io.camera_files import read_cameras
from gscompress.scene import Scene

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GSCOMPRESS_DATA") or ROOT.parent / "shared" / "data")
FLOATS_PER_SPLAT = 62
"""Of the `.ply` that ratios are quoted against: degree 3 with normals, whatever the scene has."""


def unpacked(folder: Path, name: str) -> Path:
    """The scene's `.ply`, made by the data's own unpack.py where it is not there yet."""
    path = folder / f"{name}.ply"
    if not path.exists():
        scene = "human" if name.startswith("human") else name
        subprocess.run([sys.executable, str(DATA / "unpack.py"), str(folder), scene], check=True, stdout=subprocess.DEVNULL)
    return path


def load_scene(folder: Path, name: str) -> Scene:
    """The scene, without harmonics that are zero throughout (peers.json does the same)."""
    scene = read(unpacked(folder, name)).scene
    if scene.sh_degree and not scene.sh[:, 1:].any():
        scene = Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh[:, :1], scene.antialiased)
    return scene


def cameras_of(name: str) -> list[Camera] | None:
    """The cameras that peers.json was measured from; None for a scene without a camera file."""
    scene = {"playbot500k": "playbot"}.get(name, "human" if name.startswith("human") else name)
    path = DATA / "mipnerf360" / "bonsai" / "cameras.json" if name == "bonsai" else DATA / "cameras" / f"{scene}.json"
    return read_cameras(path) if path.exists() else None


def peers_of(name: str) -> dict:
    """peers.json's rows of the scene by coder; empty where there are none."""
    return json.loads((DATA / "peers.json").read_text())["scenes"].get(name, {}).get("coders", {})


def million(folder: Path) -> Scene:
    """A scene of 1,000,000 Gaussians of degree 3: playbot500k twice, side by side, the second copy and band 3 perturbed."""
    half = load_scene(folder, "playbot500k")
    rng = np.random.default_rng(0)
    sh = np.zeros((len(half), 16, 3), np.float32)
    sh[:, :9] = half.sh
    sh[:, 9:] = half.sh[:, 2:9] * rng.choice([-0.6, 0.6], (1, 7, 3)).astype(np.float32)
    width = np.percentile(half.means[:, 0], 99) - np.percentile(half.means[:, 0], 1)
    aside = np.array([1.1 * width, 0, 0], np.float32)
    scales = half.log_scales + rng.normal(0, 0.02, half.log_scales.shape).astype(np.float32)
    return Scene(
        np.concatenate([half.means, half.means + aside]),
        np.tile(half.quats, (2, 1)),
        np.concatenate([half.log_scales, scales]),
        np.tile(half.opacity_logits, 2),
        np.concatenate([sh, sh + rng.normal(0, 0.01, sh.shape).astype(np.float32)]),
    )
