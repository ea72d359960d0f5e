"""Reading and writing scenes in the formats of others: .ply, .compressed.ply, .spz, .splat and SOG."""

from .detect import detect
from .files import FORMATS, Loaded, format_of_name, read, write, write_limits

__all__ = ["FORMATS", "Loaded", "detect", "format_of_name", "read", "write", "write_limits"]
