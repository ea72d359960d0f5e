"""gscompress: compress trained 3D Gaussian splatting scenes."""

from .cameras import Camera
from .scene import Scene

__version__ = "0.1.0"
__all__ = ["Camera", "Scene", "__version__"]
