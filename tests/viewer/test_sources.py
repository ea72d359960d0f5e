"""The viewer's sources: types, units, and that the committed page is what they give."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gscompress.serve.site import FILES

from .browser import ROOT, without_node

VIEWER = ROOT / "viewer"
pytestmark = pytest.mark.skipif(without_node() is not None, reason=f"no tests of the viewer's sources: {without_node()}")

MOST_BYTES = 400_000
"""Of page and decoder together, as they go over the wire."""


def run(*command: str) -> None:
    made = subprocess.run(command, cwd=VIEWER, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-2000:]


def test_types():
    run("npx", "--no-install", "tsc", "--noEmit")


def test_units():
    run("node", "--test", *(str(path) for path in sorted((VIEWER / "tests" / "unit").glob("*.test.mjs"))))


def test_the_committed_page_is_what_the_sources_give(tmp_path: Path):
    run("npx", "--no-install", "vite", "build", "--logLevel", "error", "--outDir", str(tmp_path / "dist"))
    for name in FILES:
        assert (VIEWER / "dist" / name).read_bytes() == (tmp_path / "dist" / name).read_bytes(), f"viewer/dist/{name}: npm run build in viewer/ makes it anew"


def test_the_page_is_small():
    import gzip

    assert sum(len(gzip.compress((VIEWER / "dist" / name).read_bytes())) for name in FILES) < MOST_BYTES / 4
