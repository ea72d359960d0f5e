"""What browser tests need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def chromium() -> str | None:
    """Where the browser is."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def without_node() -> str | None:
    """What running the viewer's own tools would need and is not there."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (ROOT / "viewer" / "node_modules" / "vite").is_dir():
        return "viewer/node_modules is not there: npm ci in viewer/"
    return None


def missing() -> str | None:
    """What a browser test would need and is not there."""
    reason = without_node()
    if reason is not None:
        return reason
    if chromium() is None:
        return "Chromium is not installed"
    return None
