"""This package's own codec, and its writers of others' formats."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ... import io
from ...codec import compress_scene, decompress
from ...config import CompressOptions, RefineOptions
from ...scene import Scene
from ...version import VERSION
from ..batch.codec_base import Asked, Point, Source
from .peer_input import normalised

QUALITIES = (20.0, 40.0, 60.0, 80.0)
"""Where none are asked for."""


NEEDS = {"sog": "PIL", "spz": "zstandard"}
"""Modules of an extra, by format."""


class Gsz:
    """`.gsz`: at a quality in closed form, at a lambda by training, against the photographs where there are some."""

    name, label, suffix = "gsz", "gscompress", ".gsz"

    def missing(self) -> str | None:
        return None

    def tool(self) -> str:
        return f"gscompress {VERSION}"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        qualities = asked.qualities if asked.qualities or asked.lambdas else QUALITIES
        trained = [Point(f"lambda{value:g}", {"lambda": value, "iterations": asked.iterations}) for value in asked.lambdas]
        return (*(Point(f"q{value:g}", {"quality": value}) for value in qualities), *trained)

    def encode(self, source: Source, point: Point, path: Path) -> None:
        cameras = list(source.cameras) or None
        if "quality" in point.options:
            path.write_bytes(compress_scene(source.scene, CompressOptions(quality=point.options["quality"]), cameras).data)
            return
        from ...train.refine import refine_scene

        aims = RefineOptions(lambda_=point.options["lambda"], iterations=point.options["iterations"])
        seen = None if source.photographs is not None else cameras
        path.write_bytes(refine_scene(source.scene, aims, seen, photographs=source.photographs, finish=False).data)

    def decode(self, path: Path) -> Scene:
        return decompress(path.read_bytes(), str(path))


@dataclass(frozen=True)
class OwnWriter:
    """A format of others, written and read by this package, from the same input that peers get; `format` is its name in `gscompress.io`."""

    name: str
    label: str
    suffix: str
    format: str

    def missing(self) -> str | None:
        module = NEEDS.get(self.format)
        return None if module is None or find_spec(module) else "pip install 'gscompress[formats]'"

    def tool(self) -> str:
        return f"gscompress {VERSION}"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        return (Point(),)

    def encode(self, source: Source, point: Point, path: Path) -> None:
        io.write(normalised(source.scene), path, self.format, overwrite=True)

    def decode(self, path: Path) -> Scene:
        return io.read(path).scene
