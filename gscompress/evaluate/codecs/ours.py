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
from .base import Asked, Point, Source
from .peer_input import normalised

QUALITIES, LAMBDAS = (20.0, 40.0, 60.0, 80.0), (1e-5, 3e-5)
"""Where none are asked for."""


NEEDS = {"sog": "PIL", "spz": "zstandard"}
"""Modules of an extra, by format."""


def shortest(value: float) -> str:
    """A number in few letters, and another one in others."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


class _Gsz:
    """What both ways to a `.gsz` file share."""

    suffix = ".gsz"

    def missing(self) -> str | None:
        return None

    def tool(self) -> str:
        return f"gscompress {VERSION}"

    def decode(self, path: Path) -> Scene:
        return decompress(path.read_bytes(), str(path))


class Gsz(_Gsz):
    """In closed form, at a quality."""

    name, label = "gsz", "gscompress"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        return tuple(Point(f"q{shortest(value)}", {"quality": value}) for value in dict.fromkeys(asked.qualities or QUALITIES))

    def encode(self, source: Source, point: Point, path: Path) -> None:
        options = CompressOptions(quality=point.options["quality"])
        path.write_bytes(compress_scene(source.scene, options, list(source.cameras) or None).data)


class GszTrained(_Gsz):
    """By training for rate and distortion, at a lambda, against the photographs where there are some and else against the scene's renders."""

    name, label = "gsz-trained", "gscompress, trained"

    def missing(self) -> str | None:
        return None if find_spec("torch") else "pip install 'gscompress[train]'"

    def points(self, asked: Asked) -> tuple[Point, ...]:
        return tuple(Point(f"lambda{shortest(value)}", {"lambda": value, "iterations": asked.iterations}) for value in dict.fromkeys(asked.lambdas or LAMBDAS))

    def encode(self, source: Source, point: Point, path: Path) -> None:
        from ...train.refine import refine_scene

        aims = RefineOptions(lambda_=point.options["lambda"], iterations=point.options["iterations"])
        cameras = None if source.photographs is not None else list(source.cameras) or None
        path.write_bytes(refine_scene(source.scene, aims, cameras, photographs=source.photographs, finish=False).data)


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
