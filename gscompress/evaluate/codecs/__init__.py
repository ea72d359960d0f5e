"""The codecs that evaluation knows, by name: the trained scene as it is, ours, and others' as their authors ship them."""

from __future__ import annotations

from ...errors import InputError
from .base import Asked, Codec, Point, Source
from .gsplat_png import GsplatPng
from .ours import Gsz, GszTrained, OwnWriter
from .plain import Uncompressed, Zstd
from .python_peers import GaussforgeSog, GsplySpz
from .splat_transform import SplatTransform

CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        Uncompressed(),
        Gsz(),
        GszTrained(),
        GaussforgeSog(),
        SplatTransform("sog-st", "SOG (splat-transform)", ".sog", ("-g", "cpu")),
        SplatTransform("spz", "SPZ v4 (splat-transform)", ".spz", ("--spz-version", "4")),
        GsplySpz(),
        SplatTransform("compressed-ply", "compressed.ply (splat-transform)", ".compressed.ply"),
        GsplatPng(),
        Zstd(),
        OwnWriter("own-sog", "SOG (ours)", ".sog", "sog"),
        OwnWriter("own-spz", "SPZ (ours)", ".spz", "spz"),
        OwnWriter("own-compressed-ply", "compressed.ply (ours)", ".compressed.ply", "compressed.ply"),
    )
}


def codec(name: str) -> Codec:
    """The codec of that name.

    Raises:
        InputError: there is none.
    """
    if name not in CODECS:
        raise InputError(f"codec: expected one of {', '.join(CODECS)}, found {name!r}")
    return CODECS[name]


__all__ = ["CODECS", "Asked", "Codec", "Point", "Source", "codec"]
