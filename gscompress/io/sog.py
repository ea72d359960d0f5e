"""Reader of PlayCanvas' SOG (spatially ordered Gaussians), versions 1 and 2, as a zip, a folder or its meta.json.

meta.json names lossless images with one pixel per Gaussian, row by row from the top left; pixels past the count mean
nothing. Image values v are 8-bit:

| images | value |
|---|---|
| means (low and high byte) | u = min + (max - min) (v / 65535) per axis; centre = sign(u) (exp(|u|) - 1) |
| quats | red, green, blue: (v / 255 - 0.5) sqrt(2); alpha - 252 names the part of wxyz left out, the largest |
| scales | logarithm = codebook[v] (version 1: between mins and maxs per axis) |
| sh0 | f_dc = codebook[v]; alpha / 255 = opacity (version 1: mins and maxs of f_dc and of the opacity's logit) |
| shN labels | red + 256 green: entry of the palette |
| shN centroids | 64 entries a row, K - 1 pixels each: codebook[v] (version 1: between mins and maxs) |
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import Corrupt, Unsupported
from ..scene import SH_COEFFICIENTS, Scene
from .common import Parsed, from_smallest_three, opacity_from_bytes
from .sog_files import Source

ENTRIES_PER_ROW = 64
QUAT_MODE = 252
_BANDS = {k - 1: degree for degree, k in SH_COEFFICIENTS.items() if degree}


def decode(source: Source) -> Parsed:
    """Reads a scene from the files of a SOG.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported: the message names the image or the field of meta.json.
        MissingExtra: Pillow is not installed.
    """
    meta, file = source.meta, source.file
    version = meta.get("version", 1)
    if version not in (1, 2):
        raise Unsupported(file, "meta.version", "1 or 2", repr(version)[:40])
    modern = version == 2
    fields = _Fields(meta, file)
    count = fields.count("count") if modern else fields.count("means", "shape", 0)
    source.check_count(count)
    low, high = (source.image(name, count)[:count] for name in fields.names("means", 2))
    fraction = (low[:, :3].astype(np.float64) + 256.0 * high[:, :3]) / 65535.0
    log_means = _between(fraction, fields.numbers("means", "mins", 3), fields.numbers("means", "maxs", 3))
    means = np.sign(log_means) * np.expm1(np.abs(log_means))
    scales = source.image(fields.names("scales", 1)[0], count)[:count, :3]
    colours = source.image(fields.names("sh0", 1)[0], count)[:count]
    if modern:
        log_scales = fields.lookup("scales", scales)
        dc = fields.lookup("sh0", colours[:, :3])
        opacity_logits = opacity_from_bytes(colours[:, 3])
    else:
        log_scales = _between(scales / 255.0, fields.numbers("scales", "mins", 3), fields.numbers("scales", "maxs", 3))
        sh0 = _between(colours / 255.0, fields.numbers("sh0", "mins", 4), fields.numbers("sh0", "maxs", 4))
        dc, opacity_logits = sh0[:, :3], sh0[:, 3]
    quats = _quats(source.image(fields.names("quats", 1)[0], count)[:count], file)
    rest = _harmonics(source, fields, count, modern) if "shN" in meta else np.empty((count, 0, 3), np.float32)
    sh = np.concatenate([dc.astype(np.float32)[:, None, :], rest], axis=1)
    scene = Scene(means, quats, log_scales, opacity_logits, sh, bool(meta.get("antialias", False)))
    return Parsed(scene)


def _between(fraction: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return low + (high - low) * fraction


def _quats(pixels: np.ndarray, file: str) -> np.ndarray:
    largest = pixels[:, 3].astype(np.int64) - QUAT_MODE
    if (largest < 0).any():
        raise Corrupt(file, "quats image", f"alpha of {QUAT_MODE} to 255", f"{int(pixels[:, 3].min())}")
    return from_smallest_three(largest, (pixels[:, :3] / 255.0 - 0.5) * np.sqrt(2.0))


def _harmonics(source: Source, fields: _Fields, count: int, modern: bool) -> np.ndarray:
    """float32 [N, K - 1, 3]."""
    centroid_name, label_name = fields.names("shN", 2)
    labels = source.image(label_name, count)[:count, :2].astype(np.int64) @ np.array([1, 256])
    used = int(labels.max(initial=0)) + 1
    # A palette row is 64 entries; the width tells the degree, the height how many entries there are.
    pixels = source.palette_image(centroid_name)
    per_entry, remainder = divmod(pixels.shape[1], ENTRIES_PER_ROW)
    if remainder or per_entry not in _BANDS:
        raise Corrupt(source.file, "shN centroids image", "a width of 64 times 3, 8 or 15", f"{pixels.shape[1]}")
    bands = fields.value("shN", "bands") if modern else _BANDS[per_entry]
    if bands != _BANDS[per_entry]:
        raise Corrupt(source.file, "meta.shN.bands", f"{_BANDS[per_entry]} for that palette image", repr(bands)[:40])
    entries = pixels[..., :3].reshape(-1, per_entry, 3)
    if used > len(entries):
        raise Corrupt(source.file, "shN labels image", f"labels below {len(entries)}", f"{used - 1}")
    if modern:
        values = fields.lookup("shN", entries)
    else:
        values = _between(entries / 255.0, fields.numbers("shN", "mins", None), fields.numbers("shN", "maxs", None))
    return values.astype(np.float32)[labels]


class _Fields:
    """Checked access to meta.json."""

    def __init__(self, meta: dict[str, Any], file: str):
        self.meta, self.file = meta, file

    def value(self, *path: str | int) -> Any:
        """The value at a path of keys and indices; Corrupt if there is none."""
        node: Any = self.meta
        for key in path:
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                raise Corrupt(self.file, _dotted(path), "a value", "none") from None
        return node

    def count(self, *path: str | int) -> int:
        """A number of Gaussians."""
        value = self.value(*path)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 40:
            raise Corrupt(self.file, _dotted(path), "a number of Gaussians", repr(value)[:40])
        return value

    def names(self, group: str, expected: int) -> list[str]:
        """The image names of a group."""
        found = self.value(group, "files")
        if not isinstance(found, list) or len(found) != expected or not all(isinstance(name, str) for name in found):
            raise Corrupt(self.file, f"meta.{group}.files", f"{expected} names", repr(found)[:80])
        return found

    def numbers(self, group: str, key: str, expected: int | None) -> np.ndarray:
        """float64 [expected], or a single number for None (a list of one is accepted)."""
        found = self.value(group, key)
        values = found if isinstance(found, list) else [found]
        good = all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e300 for v in values)
        if not good or len(values) != (expected or 1):
            raise Corrupt(self.file, f"meta.{group}.{key}", f"{expected or 1} finite numbers", repr(found)[:80])
        return np.array(values, np.float64)

    def lookup(self, group: str, indices: np.ndarray) -> np.ndarray:
        """Values of a group's codebook at uint8 indices."""
        found = self.value(group, "codebook")
        size = len(found) if isinstance(found, list) else 0
        if not 1 <= size <= 256:
            raise Corrupt(self.file, f"meta.{group}.codebook", "1 to 256 numbers", repr(found)[:80])
        book = self.numbers(group, "codebook", size)
        if int(indices.max(initial=0)) >= size:
            raise Corrupt(self.file, f"{group} image", f"indices below {size}", f"{int(indices.max())}")
        return book[indices]


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(["meta", *map(str, path)])
