"""Fixtures and marker rules for all tests. Tests marked `data` need real scenes and are skipped, visibly, without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _data_folder() -> Path | None:
    named = os.environ.get("GSCOMPRESS_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="also run the tests that need minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skips = {}
    if _data_folder() is None:
        skips["data"] = pytest.mark.skip(reason="no real scenes: set GSCOMPRESS_DATA to their folder")
    if not config.getoption("--run-slow"):
        skips["slow"] = pytest.mark.skip(reason="needs minutes: --run-slow")
    for item in items:
        for name, skip in skips.items():
            if name in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real scenes and camera files."""
    folder = _data_folder()
    if folder is None:
        pytest.skip("no real scenes: set GSCOMPRESS_DATA to their folder")
    return folder
