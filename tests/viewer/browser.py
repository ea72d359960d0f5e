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


def missing() -> str | None:
    """What a browser test would need and is not there."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (ROOT / "viewer" / "node_modules" / "playwright-core").is_dir():
        return "viewer/node_modules is not there: npm ci in viewer/"
    if chromium() is None:
        return "Chromium is not installed"
    return None
