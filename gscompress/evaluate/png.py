"""A writer of 8-bit RGB PNG files (https://www.w3.org/TR/png-3/), so that pictures need no extra package."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from ..errors import InputError


def encode_png(image: np.ndarray) -> bytes:
    """A PNG file's bytes of a float [H, W, 3] image; values are clamped to [0, 1] and rounded to 8 bits.

    Raises:
        InputError: another shape, or an empty image.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"image: expected [H, W, 3], found {image.shape}")
    height, width = image.shape[:2]
    pixels = np.rint(np.nan_to_num(image).clip(0, 1) * 255).astype(np.uint8).reshape(height, -1)
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels])  # filter type 0 in front of every row
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Writes `encode_png(image)` to `path`, over whatever is there."""
    Path(path).write_bytes(encode_png(image))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
