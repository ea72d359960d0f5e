"""Where a SOG's meta.json and images come from: a zip or a folder; and the bounds they are read under."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import BadMagic, Corrupt, MissingExtra, Truncated
from .common import foreign_errors

META = "meta.json"
MAX_META_BYTES = 16 << 20
_PIXELS_PER_BYTE = 64
"""Lossless images of real scenes take bytes per pixel, not pixels per byte; beyond this a count is a lie."""
_FREE_PIXELS = 65_536
_PADDING = 4
"""An image may have this many times the pixels it needs (some writers pad to powers of two)."""
_MAX_PALETTE_PIXELS = 64 * 15 * 1024
"""65,536 entries, the most that 16-bit labels name, of degree 3."""


def pillow(purpose: str) -> ModuleType:
    """Pillow's Image module, or MissingExtra if it is not there or was built without WebP."""
    try:
        from PIL import Image, features
    except ImportError as error:
        raise MissingExtra("pillow", "formats", purpose) from error
    if not features.check("webp"):
        raise MissingExtra("a Pillow built with WebP", "formats", purpose)
    return Image


class Source:
    """The files of one SOG.

    Attributes:
        file: name for messages.
        meta: the parsed meta.json, a JSON object.
        size_bytes: bytes of the zip, or of meta.json and the images it names.
    """

    def __init__(self, path: Path):
        self.file = str(path)
        self._archive: zipfile.ZipFile | None = None
        self._folder = path if path.is_dir() else path.parent
        if path.is_dir() or path.name == META:
            raw = self._read(META, MAX_META_BYTES)
        else:
            try:
                self._archive = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise Truncated(self.file, "zip", "a whole archive, ending in its directory", str(error)) from error
            except (ValueError, NotImplementedError, OverflowError) as error:
                raise Corrupt(self.file, "zip", "a readable directory", str(error)) from error
            if META not in self._archive.namelist():
                raise BadMagic(self.file, "zip", f"a member {META}", f"{self._archive.namelist()[:5]}")
            raw = self._read(META, MAX_META_BYTES)
        with foreign_errors(self.file, META, "JSON"):
            meta = json.loads(raw)
        if not isinstance(meta, dict):
            raise Corrupt(self.file, META, "a JSON object", type(meta).__name__)
        self.meta: dict[str, Any] = meta
        self.size_bytes = path.stat().st_size if self._archive else len(raw) + self._named_bytes()

    def close(self) -> None:
        """Closes the zip."""
        if self._archive:
            self._archive.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check_count(self, count: int) -> None:
        """Raises Truncated if so many Gaussians cannot be in so few bytes; to be called before any allocation."""
        if count > _FREE_PIXELS + _PIXELS_PER_BYTE * self.size_bytes:
            raise Truncated(self.file, "meta.count", f"images of {count} Gaussians", f"{self.size_bytes} bytes in all")

    def image(self, name: str, count: int) -> np.ndarray:
        """uint8 [pixels, 4] of an image with at least `count` pixels."""
        return self._pixels(name, count, max(_PADDING * count, _FREE_PIXELS)).reshape(-1, 4)

    def palette_image(self, name: str) -> np.ndarray:
        """uint8 [height, width, 4] of the palette."""
        return self._pixels(name, 1, _MAX_PALETTE_PIXELS)

    def _pixels(self, name: str, least: int, most: int) -> np.ndarray:
        image_module = pillow("reading SOG")
        raw = self._read(name, 8 * most + 65_536)
        with (
            foreign_errors(self.file, name, "a WebP or PNG image"),
            image_module.open(io.BytesIO(raw), formats=("WEBP", "PNG")) as image,
        ):
            # Only the header has been parsed so far: a bomb is refused before it is unpacked.
            if not least <= image.width * image.height <= most:
                raise Corrupt(self.file, name, f"{least} to {most} pixels", f"{image.width} x {image.height}")
            return np.asarray(image.convert("RGBA"))

    def _read(self, name: str, limit: int) -> bytes:
        """The bytes of one file; its size is looked up first, so that an absurd one is never in memory."""
        with foreign_errors(self.file, name, "a readable file of the SOG"):
            size = self._archive.getinfo(name).file_size if self._archive else self._beside(name).stat().st_size
            if size > limit:
                raise Corrupt(self.file, name, f"at most {limit} bytes", f"{size}")
            return self._archive.read(name) if self._archive else self._beside(name).read_bytes()

    def _beside(self, name: str) -> Path:
        # A name from the file must not lead anywhere else.
        if Path(name).name != name or "\\" in name or "\0" in name or name in ("", ".", ".."):
            raise Corrupt(self.file, "meta files", "plain file names", repr(name)[:80])
        return self._folder / name

    def _named_bytes(self) -> int:
        groups = [group for group in self.meta.values() if isinstance(group, dict)]
        names = {name for g in groups if isinstance(g.get("files"), list) for name in g["files"] if isinstance(name, str)}
        return sum(path.stat().st_size for path in map(self._beside, names) if path.is_file())
