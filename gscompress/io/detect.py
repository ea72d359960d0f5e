"""What format a file is of, judged by its content."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import BadMagic, Unsupported
from . import splat
from .ply_header import MAX_HEADER_BYTES, header_size
from .sog_files import MAX_META_BYTES, META
from .spz import is_spz

HEAD_BYTES = MAX_HEADER_BYTES
"""How much of a file `detect` wants to see; less is fine where the header is shorter."""

GSZ_MAGIC = b"GSZ\x1a"
_KNOWN = "ply, compressed.ply, spz, splat, sog (zip, folder or meta.json) or gsz"


def detect(head: bytes, path: str | Path) -> str:
    """Names the format of a file or folder without trusting its name.

    Args:
        head: the first bytes of the file, `HEAD_BYTES` or all of it; ignored for a folder.
        path: where it is; used for its size (.splat has no magic), for meta.json, and in messages.

    Returns:
        "ply", "compressed.ply", "spz", "splat", "sog" or "gsz".

    Raises:
        BadMagic: none of these.
        Unsupported: a streamed SOG (its levels are separate SOG folders).
    """
    path = Path(path)
    if path.is_dir():
        if (path / META).is_file():
            return "sog"
        if (path / "lod-meta.json").is_file():
            raise Unsupported(str(path), "folder", f"one scene with a {META}", "a streamed SOG: read one of its subfolders")
        raise BadMagic(str(path), "folder", f"a {META}", "none")
    if head[:4] == GSZ_MAGIC:
        return "gsz"
    if head[:3] == b"ply":
        header = head[: header_size(head) or len(head)]
        return "compressed.ply" if b"element chunk" in header and b"packed_position" in header else "ply"
    if is_spz(head):
        return "spz"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "sog"
    if head[:64].lstrip()[:1] == b"{" and _is_meta(path):
        return "sog"
    size = path.stat().st_size if path.is_file() else len(head)
    if splat.looks_like(head, size):
        return "splat"
    found = f"{size} bytes starting with {bytes(head[:8])!r}" if size else "an empty file"
    raise BadMagic(str(path), "magic", _KNOWN, found)


def _is_meta(path: Path) -> bool:
    """Whether a file is the meta.json of a SOG: a JSON object that names images of means and quats."""
    try:
        with path.open("rb") as file:
            meta = json.loads(file.read(MAX_META_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(meta, dict) and {"means", "quats"} <= set(meta)
