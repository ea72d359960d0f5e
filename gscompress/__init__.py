"""gscompress: compress trained 3D Gaussian splatting scenes.

    scene = gscompress.load("scene.ply")
    data = gscompress.compress(scene, gscompress.CompressOptions(quality=50))
    gscompress.decompress(data).save("decoded.ply")

NumPy is enough for all of this. What is not needed by every user is imported at its first use. The name
`gscompress.render` is the function; its package is there for `from gscompress.render import contributions`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .cameras import Camera
from .config import CompressOptions
from .render import render
from .scene import Scene
from .version import VERSION as __version__

if TYPE_CHECKING:
    from .codec import compress, decompress
    from .loading import load

__all__ = ["Camera", "CompressOptions", "Scene", "__version__", "compress", "decompress", "load", "render"]

_LAZY = {"compress": ".codec", "decompress": ".codec", "load": ".loading"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
