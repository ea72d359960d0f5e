"""What the format tests share: writing to bytes, reading bytes, and comparing up to a quantiser's half step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gscompress import io
from gscompress.io.common import sigmoid, unit_quats
from gscompress.io.morton import morton_order
from gscompress.scene import Scene

FLOAT = 3e-6
"""Slack for float32 arithmetic on values of the size that `random_scene` makes."""


def written(scene: Scene, folder: Path, ending: str, **options: Any) -> bytes:
    """The bytes of the scene's file."""
    path = folder / f"scene.{ending}"
    size = io.write(scene, path, overwrite=True, **options)
    content = path.read_bytes()
    assert len(content) == size
    return content


def read_bytes(content: bytes, folder: Path) -> io.Loaded:
    """Reads bytes from a file whose name says nothing."""
    path = folder / "unnamed"
    path.write_bytes(content)
    return io.read(path)


def through(scene: Scene, folder: Path, ending: str, **options: Any) -> Scene:
    """The scene written and read again."""
    return read_bytes(written(scene, folder, ending, **options), folder).scene


def in_morton_order(scene: Scene) -> Scene:
    """The order in which .compressed.ply and .sog store a scene."""
    return scene.select(morton_order(scene.means))


def angles(a: Scene, b: Scene) -> np.ndarray:
    """Degrees [N] between the rotations of two scenes."""
    p, q = unit_quats(a.quats), unit_quats(b.quats)
    sign = np.where((p * q).sum(1, keepdims=True) < 0, -1.0, 1.0)
    return np.degrees(4.0 * np.arcsin(np.minimum(np.linalg.norm(p - sign * q, axis=1) / 2.0, 1.0)))


def opacity_error(a: Scene, b: Scene) -> float:
    """Greatest difference of opacities."""
    return float(np.abs(sigmoid(a.opacity_logits) - sigmoid(b.opacity_logits)).max(initial=0.0))


def error(a: np.ndarray, b: np.ndarray) -> float:
    """Greatest difference; the arrays must agree in shape."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(np.float64) - b).max(initial=0.0))


def assert_same(a: Scene, b: Scene) -> None:
    """Bitwise equality of two scenes (NaN equals NaN)."""
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert a.antialiased == b.antialiased


def assert_valid(loaded: io.Loaded) -> None:
    """The promises of `Loaded`."""
    assert loaded.scene.finite().all()
    assert loaded.format in io.FORMATS
    assert loaded.size_bytes > 0
