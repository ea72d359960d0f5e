"""gsplat's PngCompression: attributes sorted into images by PLAS, 16- and 8-bit PNG files, harmonics by k-means.

It drops the least opaque Gaussians until their number is a square. The folder that it writes is counted as one stored zip.
Its k-means draws 65,536 centres from the Gaussians: a scene with harmonics and fewer of them fails.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from contextlib import redirect_stdout
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...scene import Scene
from .base import Asked, Point, Source
from .peer_input import normalised, peer_errors

NEEDS = {"torch": "torch", "gsplat": "gsplat", "torchpq": "torchpq with cupy for a CUDA device", "plas": "PLAS from github.com/fraunhoferhhi/PLAS", "imageio": "imageio"}
"""Packages by module."""


class GsplatPng:
    """As gsplat's trainer has it with --compression png."""

    name, label, suffix = "png", "PNG (gsplat)", ".zip"

    def missing(self) -> str | None:
        lacking = [package for module, package in NEEDS.items() if not find_spec(module)]
        return f"needs {', '.join(lacking)}" if lacking else None

    def tool(self) -> str:
        return f"gsplat {metadata.version('gsplat')}"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        return (Point(),)

    def encode(self, source: Source, point: Point, path: Path) -> None:
        with peer_errors(self.name, path), tempfile.TemporaryDirectory(dir=path.parent) as folder:
            with redirect_stdout(io.StringIO()):  # it prints a warning, where JSON may be going
                _method().compress(folder, _splats(normalised(source.scene)))
            with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
                for file in sorted(Path(folder).iterdir()):
                    archive.write(file, file.name)

    def decode(self, path: Path) -> Scene:
        with peer_errors(self.name, path), tempfile.TemporaryDirectory(dir=path.parent) as folder:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            found = {name: np.asarray(tensor.cpu(), np.float32) for name, tensor in _method().decompress(folder).items()}
        sh = np.concatenate([found["sh0"], *([found["shN"]] if "shN" in found else [])], axis=1)
        return Scene(found["means"], found["quats"], found["scales"], found["opacities"], sh)


def _method() -> Any:
    from gsplat import PngCompression

    return PngCompression(verbose=False)


def _splats(scene: Scene) -> dict[str, Any]:
    """The scene as gsplat's trainer keeps it, on the device that k-means wants."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    arrays = {
        "means": scene.means, "scales": scene.log_scales, "quats": scene.quats, "opacities": scene.opacity_logits, "sh0": scene.sh[:, :1],
        **({"shN": scene.sh[:, 1:]} if scene.sh_degree else {}),
    }  # fmt: skip
    return {name: torch.tensor(array, device=device) for name, array in arrays.items()}
