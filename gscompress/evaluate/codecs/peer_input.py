"""A scene as peers want it, and their errors as ours."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ... import io
from ...errors import GSCompressError
from ...scene import SH_COEFFICIENTS, Scene
from .usage import ToolFailed

WORDS = 300
"""Characters of a peer's error that are kept."""


def normalised(scene: Scene) -> Scene:
    """Unit quaternions, which one peer takes for granted, and no bands of harmonics that are zero throughout, for which several pay."""
    lengths = np.linalg.norm(scene.quats.astype(np.float64), axis=1, keepdims=True)
    degree = scene.sh_degree
    while degree and not scene.sh[:, SH_COEFFICIENTS[degree - 1] : SH_COEFFICIENTS[degree]].any():
        degree -= 1
    quats = (scene.quats / lengths).astype(np.float32)
    return Scene(scene.means, quats, scene.log_scales, scene.opacity_logits, scene.sh[:, : SH_COEFFICIENTS[degree]], scene.antialiased)


@contextmanager
def ply_of(scene: Scene, beside: Path) -> Iterator[Path]:
    """A `.ply` of the normalised scene, in a folder of its own on the disk of `beside`, for as long as the context lasts."""
    with tempfile.TemporaryDirectory(dir=beside.parent) as folder:
        path = Path(folder) / "scene.ply"
        io.write(normalised(scene), path, "ply")
        yield path


@contextmanager
def peer_errors(name: str, path: Path) -> Iterator[None]:
    """Turns whatever another package raises into `ToolFailed` that names the codec, and makes sure that there is something at `path`."""
    try:
        yield
    except ToolFailed as error:
        raise ToolFailed(f"{name}: {error}") from error
    except (GSCompressError, OSError, MemoryError):
        raise
    except Exception as error:  # bindings of C++ raise anything
        said = " ".join(str(error).split())[:WORDS]
        raise ToolFailed(f"{name}: {type(error).__name__}: {said or 'said nothing'}") from error
    if not path.is_file() or not path.stat().st_size:
        raise ToolFailed(f"{name}: expected a file, found that it wrote nothing")
