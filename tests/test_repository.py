"""What the README promises and what `scenes/` holds."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import gscompress
from gscompress.scene import Scene

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tool(name: str) -> ModuleType:
    """A program of tools/, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_first_block_is_two_commands():
    commands = tool("readme_commands").commands(README)
    assert len(commands) == 2
    for command in commands:  # either starts from nothing
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert " compress scenes/tile.ply" in commands[0]
    assert commands[1].endswith("pytest -q")
    assert README.index(commands[0]) < 200


def test_python_examples_run(tmp_path, monkeypatch, capsys):
    snippets = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert snippets
    shutil.copytree(ROOT / "scenes", tmp_path / "scenes")
    monkeypatch.chdir(tmp_path)
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), {})
    assert "14051 splats" in capsys.readouterr().out
    assert (tmp_path / "decoded.spz").exists()


def test_links_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md", "scenes/README.md"):
        path = ROOT / name
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{name}: {target}"


def test_scenes_are_small_and_whole():
    sizes = {path.name: path.stat().st_size for path in (ROOT / "scenes").glob("*.ply")}
    assert sizes["tile.ply"] < 1_000_000
    assert sizes["shapes_sh3.ply"] < 200_000
    text = (ROOT / "scenes" / "README.md").read_text(encoding="utf-8")
    for name, size in sizes.items():
        scene = gscompress.load(ROOT / "scenes" / name)
        assert f"| `{name}` | {len(scene):,} | degree {scene.sh_degree} | {size:,} |" in text


def test_generated_scenes_regenerate(tmp_path):
    make = tool("make_scenes")
    committed = gscompress.load(ROOT / "scenes" / "shapes_sh3.ply")
    again: Scene = make.shapes()
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh"):
        np.testing.assert_array_equal(getattr(committed, name), getattr(again, name), err_msg=name)
    make.write_plain(gscompress.load(ROOT / "scenes" / "tile.ply"), tmp_path / "tile.ply")
    assert (tmp_path / "tile.ply").read_bytes() == (ROOT / "scenes" / "tile.ply").read_bytes()
    with pytest.raises(SystemExit, match="degree 0"):
        make.write_plain(again, tmp_path / "x.ply")


def test_version_is_named_once():
    from importlib.metadata import version

    assert version("gscompress") == gscompress.__version__
