"""Fixtures of the command line's tests: scenes of the repository, and commands run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gscompress.cli import main

SCENES = Path(__file__).resolve().parents[2] / "scenes"


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; Infinity and NaN, which are no JSON, fail."""
        assert self.out.count("\n") == 1

        def refuse(constant: str) -> Any:
            raise ValueError(constant)

        return json.loads(self.out, parse_constant=refuse)

    def failed_in_one_line(self, *expected: str) -> None:
        """Asserts exit code 2, nothing on stdout, and one line on stderr that holds what is expected."""
        assert self.code == 2
        assert self.out == ""
        assert self.err.startswith("gscompress: error: ")
        assert self.err.count("\n") == 1
        for part in expected:
            assert part in self.err


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return call


@pytest.fixture(scope="session")
def shapes() -> Path:
    """630 generated Gaussians of degree 3."""
    return SCENES / "shapes_sh3.ply"


@pytest.fixture(scope="session")
def tile() -> Path:
    """A trained scene of 14,051 Gaussians of degree 0."""
    return SCENES / "tile.ply"


@pytest.fixture(scope="session")
def gsz(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`shapes`, compressed."""
    path = tmp_path_factory.mktemp("compressed") / "shapes.gsz"
    assert main(["compress", str(shapes), "-o", str(path), "--effort", "fast", "--quiet"]) == 0
    return path
