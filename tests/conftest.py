"""Fixtures and marker rules for all tests. Tests marked `data` need real scenes, those marked `cuda` torch and a GPU;
they are skipped, visibly, without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest


def _data_folder() -> Path | None:
    named = os.environ.get("GSCOMPRESS_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


def _missing_for_cuda() -> str | None:
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    return None if torch.cuda.is_available() else "torch sees no CUDA device"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="also run the tests that need minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skips = {}
    if _data_folder() is None:
        skips["data"] = pytest.mark.skip(reason="no real scenes: set GSCOMPRESS_DATA to their folder")
    if not config.getoption("--run-slow"):
        skips["slow"] = pytest.mark.skip(reason="needs minutes: --run-slow")
    if any(item.get_closest_marker("cuda") for item in items):
        missing = _missing_for_cuda()
        if missing:
            skips["cuda"] = pytest.mark.skip(reason=f"needs a CUDA GPU: {missing}")
    for item in items:
        for name, skip in skips.items():
            if item.get_closest_marker(name):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real scenes and camera files."""
    folder = _data_folder()
    if folder is None:
        pytest.skip("no real scenes: set GSCOMPRESS_DATA to their folder")
    return folder


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """For tensors so small that torch's threads only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
