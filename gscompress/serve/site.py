"""The viewer's page as it was built: inside the installed package, or viewer/dist of a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..errors import InputError

FILES = {
    "index.html": "text/html; charset=utf-8",
    "viewer.js": "text/javascript; charset=utf-8",
    "viewer.css": "text/css; charset=utf-8",
    "decoder.wasm": "application/wasm",
}
"""What the page consists of, with content types."""

PLACES = (Path(__file__).parents[2] / "viewer" / "dist", Path(__file__).parents[1] / "site")
"""A checkout first: what an editable install has copied may be old."""


@cache
def site() -> dict[str, bytes]:
    """Contents by name.

    Raises:
        InputError: the page is nowhere; says how to make it.
    """
    folder = next((place for place in PLACES if all((place / name).is_file() for name in FILES)), None)
    if folder is None:
        raise InputError("viewer: expected its built page in the package, found none; in a checkout, 'npm ci && npm run build' in viewer/ makes it")
    return {name: (folder / name).read_bytes() for name in FILES}
