"""Native decoder against reference decoder."""

from __future__ import annotations

import numpy as np

from gscompress import codec, reference_decoder
from gscompress.scene import Scene

ARRAYS = ("means", "quats", "log_scales", "opacity_logits", "sh")


def assert_same_bytes(a: Scene, b: Scene) -> None:
    """All arrays have the same shapes and bits."""
    assert a.antialiased == b.antialiased
    for name in ARRAYS:
        x, y = getattr(a, name), getattr(b, name)
        assert (x.shape, x.dtype) == (y.shape, y.dtype), name
        assert x.tobytes() == y.tobytes(), f"{name}: {np.argwhere(x != y)[:3].tolist()}"


def assert_parity(data: bytes, partial: bool = False) -> Scene:
    """Both decode `data` to the same bytes; the scene."""
    native, reference = codec.decode(data, partial=partial), reference_decoder.decode(data, partial=partial)
    assert (native.chunks, native.chunks_total) == (reference.chunks, reference.chunks_total)
    assert_same_bytes(native.scene, reference.scene)
    return native.scene
