"""Codecs that lose nothing: the `.ply` itself, which others are measured against, and a general-purpose compressor as a floor."""

from __future__ import annotations

import shutil
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ... import io
from ...scene import Scene
from ...version import VERSION
from .base import BASELINE, Asked, Point, Source

ZSTD_LEVEL = 19


class Uncompressed:
    """The trained scene as it is."""

    name, label, suffix = BASELINE, "uncompressed .ply", ".ply"

    def missing(self) -> str | None:
        return None

    def tool(self) -> str:
        return f"gscompress {VERSION}"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        return (Point(),)

    def encode(self, source: Source, point: Point, path: Path) -> None:
        shutil.copyfile(source.path, path)

    def decode(self, path: Path) -> Scene:
        return io.read(path).scene


class Zstd:
    """Zstandard's strongest ordinary level, of the `.ply` byte for byte."""

    name, label, suffix = "zstd", f"zstd -{ZSTD_LEVEL} of the .ply", ".ply.zst"

    def missing(self) -> str | None:
        return None if find_spec("zstandard") else "pip install zstandard"

    def tool(self) -> str:
        return f"zstandard {metadata.version('zstandard')}"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        return (Point(options={"level": ZSTD_LEVEL}),)

    def encode(self, source: Source, point: Point, path: Path) -> None:
        import zstandard

        with source.path.open("rb") as given, path.open("wb") as made:
            zstandard.ZstdCompressor(level=point.options["level"]).copy_stream(given, made, size=source.path.stat().st_size)

    def decode(self, path: Path) -> Scene:
        import zstandard

        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            ply = Path(folder) / "scene.ply"
            with path.open("rb") as given, ply.open("wb") as made:
                zstandard.ZstdDecompressor().copy_stream(given, made)
            return io.read(ply).scene
