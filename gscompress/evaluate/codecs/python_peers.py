"""Peers that are Python packages: gaussforge (SOG) and gsply (SPZ). Both files are read back by this package."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ... import io
from ...scene import Scene
from .base import Asked, Point, Source
from .peer_input import peer_errors, ply_of
from .usage import ToolFailed


class _Package:
    """A package of the registry, at the version that was looked at."""

    name: str
    package: str
    version: str

    def missing(self) -> str | None:
        return None if find_spec(self.package) else f"pip install {self.package}=={self.version}"

    def tool(self) -> str:
        return f"{self.package} {metadata.version(self.package)}"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        return (Point(),)

    def decode(self, path: Path) -> Scene:
        return io.read(path).scene


class GaussforgeSog(_Package):
    """SOG version 2 by gaussforge: seconds where splat-transform takes minutes, and it rounds where that truncates."""

    name, label, suffix = "sog", "SOG (gaussforge)", ".sog"
    package, version = "gaussforge", "0.6.0"

    def encode(self, source: Source, point: Point, path: Path) -> None:
        with peer_errors(self.name, path), ply_of(source.scene, path) as ply:
            import gaussforge  # pyright: ignore[reportMissingImports]

            made = gaussforge.GaussForge().convert(ply.read_bytes(), "ply", "sog")
            if "data" not in made:  # it does not raise
                raise ToolFailed(str(made.get("error", "said nothing")))
            path.write_bytes(made["data"])


class GsplySpz(_Package):
    """SPZ version 4 by gsply, with 8 bits for every harmonic, where the reference library takes 5 and 4."""

    name, label, suffix = "spz-8bit", "SPZ v4, 8-bit SH (gsply)", ".spz"
    package, version = "gsply", "0.4.6"

    def encode(self, source: Source, point: Point, path: Path) -> None:
        with peer_errors(self.name, path), ply_of(source.scene, path) as ply:
            import gsply  # pyright: ignore[reportMissingImports]

            gsply.write_spz(str(path), gsply.plyread(str(ply)), version=4)
