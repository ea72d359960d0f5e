"""Writer of SOG version 2; `sog` documents the layout.

Values are rounded to the nearest level (splat-transform 3.7 truncates, which costs up to 6 dB), quaternions are
normalised first, images are lossless WebP, and the same scene gives the same file: fixed seed, fixed zip dates.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from ..scene import Scene
from .common import opacity_to_bytes, require_finite, smallest_three
from .kmeans import palette, scalar_codebook
from .morton import morton_order
from .sog import ENTRIES_PER_ROW, QUAT_MODE
from .sog_files import META, pillow

_MAX_PALETTE = 65_536


def encode(scene: Scene, file: BinaryIO, palette_size: int | None = None, seed: int = 0) -> None:
    """Writes the scene as a SOG zip, in Morton order.

    Args:
        palette_size: entries of the harmonics palette, 1 to 65536; None for the format's own rule, 1024 times the
            power of two next below N / 1024, at least 1024 and at most 65536.
        seed: of the palette's k-means.

    Raises:
        InputError: no Gaussians (an image has at least one pixel), non-finite values, or an option out of range.
        MissingExtra: Pillow is not installed.
    """
    if not len(scene):
        raise InputError("scene: expected at least one Gaussian, found none: SOG images cannot be empty")
    if palette_size is not None and not 1 <= palette_size <= _MAX_PALETTE:
        raise InputError(f"palette_size: expected 1 to {_MAX_PALETTE}, found {palette_size}")
    require_finite(scene, ".sog")
    scene = scene.select(morton_order(scene.means))
    log_means = np.sign(scene.means) * np.log1p(np.abs(scene.means.astype(np.float64)))
    mins, maxs = log_means.min(axis=0), log_means.max(axis=0)
    levels = np.rint((log_means - mins) / np.where(maxs > mins, maxs - mins, 1.0) * 65535.0).astype(np.uint16)
    largest, three = smallest_three(scene.quats)
    parts = np.clip(np.rint((three / np.sqrt(2.0) + 0.5) * 255.0), 0, 255)
    scale_book, scale_index = scalar_codebook(scene.log_scales)
    colour_book, colour_index = scalar_codebook(scene.sh[:, 0])
    images = {
        "means_l.webp": _grid(levels & 255),
        "means_u.webp": _grid(levels >> 8),
        "quats.webp": _grid(np.column_stack([parts, largest + QUAT_MODE])),
        "scales.webp": _grid(scale_index),
        "sh0.webp": _grid(np.column_stack([colour_index, opacity_to_bytes(scene.opacity_logits)])),
    }
    meta = {
        "version": 2,
        "asset": {"generator": "gscompress"},
        "count": len(scene),
        "antialias": scene.antialiased,
        "means": {"mins": mins.tolist(), "maxs": maxs.tolist(), "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": _shortest(scale_book), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": _shortest(colour_book), "files": ["sh0.webp"]},
    }
    if scene.sh_degree:
        size = palette_size or default_palette_size(len(scene))
        entries, labels = palette(scene.sh[:, 1:].reshape(len(scene), -1), size, seed)
        book, index = scalar_codebook(entries)
        images["shN_centroids.webp"] = _palette_image(index, scene.sh.shape[1] - 1)
        images["shN_labels.webp"] = _grid(np.column_stack([labels & 255, labels >> 8, np.zeros_like(labels)]))
        files = ["shN_centroids.webp", "shN_labels.webp"]
        meta["shN"] = {"count": len(entries), "bands": scene.sh_degree, "codebook": _shortest(book), "files": files}
    members = {META: json.dumps(meta).encode()} | {name: _webp(pixels) for name, pixels in images.items()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)


def _shortest(values: np.ndarray) -> list[float]:
    """float32 values as the shortest decimals that name them, half as long in JSON as their float64 expansion."""
    return [float(str(value)) for value in values]


def default_palette_size(count: int) -> int:
    """Entries of the harmonics palette that the format's own tools take for so many Gaussians."""
    return 1024 * min(64, 2 ** max(0, math.floor(math.log2(max(count, 1) / 1024))))


def _grid(values: np.ndarray) -> np.ndarray:
    """uint8 [H, W, C] with the rows of `values` [N, C] as pixels; sides are multiples of four, about square."""
    width = 4 * math.ceil(math.sqrt(len(values)) / 4)
    height = 4 * math.ceil(len(values) / width / 4)
    pixels = np.zeros((height * width, values.shape[1]), np.uint8)
    pixels[: len(values)] = values
    return pixels.reshape(height, width, -1)


def _palette_image(index: np.ndarray, per_entry: int) -> np.ndarray:
    """uint8 [H, 64 (K - 1), 3] of palette indices [P, 3 (K - 1)]."""
    rows = math.ceil(len(index) / ENTRIES_PER_ROW)
    pixels = np.zeros((rows * ENTRIES_PER_ROW, per_entry, 3), np.uint8)
    pixels[: len(index)] = index.reshape(-1, per_entry, 3)
    return pixels.reshape(rows, ENTRIES_PER_ROW * per_entry, 3)


def _webp(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    # exact: without it the encoder may change the colour of pixels whose alpha (an opacity here) is zero.
    pillow("writing SOG").fromarray(pixels).save(out, "WEBP", lossless=True, exact=True, quality=80, method=4)
    return out.getvalue()


def limits(scene: Scene) -> list[str]:
    """What the format cannot hold of this scene: nothing is cut off, but harmonics share a palette."""
    size = default_palette_size(len(scene))
    if not scene.sh_degree or len(scene) <= size:
        return []
    return [f".sog keeps {size} distinct sets of spherical harmonics for {len(scene)} Gaussians"]
