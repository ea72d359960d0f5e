"""What evaluation asks of a codec, ours or a peer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...cameras import Camera
from ...scene import Scene

if TYPE_CHECKING:
    from ...train.photographs import Photographs

BASELINE = "ply"
"""The codec that does nothing: the trained scene as it is, which every other one is compared with."""


@dataclass(frozen=True, eq=False)
class Source:
    """What is encoded.

    Attributes:
        path: the `.ply` file.
        scene: the same, read.
        cameras: views that the encoder may use, those of training; empty where there are none.
        photographs: the photographs of training; None where there are none.
    """

    path: Path
    scene: Scene
    cameras: Sequence[Camera] = ()
    photographs: Photographs | None = None


@dataclass(frozen=True)
class Point:
    """An operating point: its name for files and tables, and what it sets, for example {"quality": 50.0}."""

    name: str = "default"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """Operating points that the user asked for; empty for each codec's own.

    Attributes:
        qualities: of `gscompress compress`, 1 to 100.
        lambdas: of `gscompress refine`.
        iterations: of the training that a lambda means.
    """

    qualities: tuple[float, ...] = ()
    lambdas: tuple[float, ...] = ()
    iterations: int = 2000


class Codec(Protocol):
    """A codec. Every method can be called in any process; objects hold no state."""

    @property
    def name(self) -> str:
        """For files and the command line: lower case, digits, hyphens and dots."""
        ...

    @property
    def label(self) -> str:
        """For tables and plots."""
        ...

    @property
    def suffix(self) -> str:
        """Of the file, for example ".spz"."""
        ...

    def missing(self) -> str | None:
        """None where it can run here, else what to install, in one sentence."""
        ...

    def tool(self) -> str:
        """Program and version, for example "gaussforge 0.6.0"; called where nothing is missing."""
        ...

    def points(self, asked: Asked) -> tuple[Point, ...]:
        """Its operating points, at least one."""
        ...

    def encode(self, source: Source, point: Point, path: Path) -> None:
        """Writes one file at `path`, whose size is what counts."""
        ...

    def decode(self, path: Path) -> Scene:
        """The scene that the file alone gives."""
        ...
