"""Every codec that can run here, there and back; how those that cannot say so; and how peers fail."""

from __future__ import annotations

import re
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photographs_for_tests import SHAPES
from scenes_for_tests import random_scene

from gscompress import load
from gscompress.errors import GSCompressError, InputError
from gscompress.evaluate.batch.cells import same
from gscompress.evaluate.codecs import CODECS, Asked, Point, Source, codec, splat_transform
from gscompress.evaluate.codecs.peer_input import normalised
from gscompress.evaluate.codecs.usage import ToolFailed, measured, run_tool
from gscompress.evaluate.compare import compare_scenes
from gscompress.io import write
from gscompress.render.paths import orbit
from gscompress.scene import Scene

LEAST_PSNR = {
    "ply": 100, "zstd": 100, "gsz": 30, "gsz-trained": 20, "sog": 40, "sog-st": 35, "spz": 35, "spz-8bit": 40, "compressed-ply": 40, "png": 35, "own-sog": 40,
    "own-spz": 35, "own-compressed-ply": 40,
}  # fmt: skip
"""dB on the generated scene, some way below what each one reaches."""


def usable(name: str) -> Any:
    """The codec, or a visible skip."""
    known = CODECS[name]
    lacking = known.missing()
    if lacking:
        pytest.skip(f"{name}: {lacking}")
    return known


@pytest.mark.parametrize("name", CODECS)
def test_there_and_back(name, tmp_path):
    peer, scene = usable(name), load(SHAPES)
    path = tmp_path / f"file{peer.suffix}"
    peer.encode(Source(SHAPES, scene), peer.points(Asked(iterations=50))[-1], path)
    decoded = peer.decode(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "nothing else is left behind"
    if name in ("ply", "zstd"):
        assert same(scene, decoded)
        return
    if not name.startswith("gsz"):
        assert len(decoded) == len(scene)
    assert compare_scenes(scene, decoded, orbit(scene, 3, width=96, height=64)).psnr > LEAST_PSNR[name]
    assert re.fullmatch(r"[a-zA-Z-]+ v?[0-9.]+\w*", peer.tool())


@pytest.mark.parametrize("name", [n for n in CODECS if n not in ("gsz", "gsz-trained", "sog-st", "png")])
def test_odd_quaternions_and_a_third_band_of_zeros(name, tmp_path):
    """As trainers leave them: of any length."""
    peer = usable(name)
    scene = random_scene(300, 3)
    sh = scene.sh.copy()
    sh[:, 9:] = 0
    scene = Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, sh)
    ply, path = tmp_path / "scene.ply", tmp_path / f"file{peer.suffix}"
    write(scene, ply)
    peer.encode(Source(ply, scene), Point(options=peer.points(Asked())[0].options), path)
    assert compare_scenes(scene, peer.decode(path), orbit(scene, 3, width=96, height=64)).psnr > 30


def test_png_with_k_means_of_our_own(tmp_path, monkeypatch, capsys):
    """gsplat's, which wants CUDA for k-means and for sorting, with both replaced."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("gsplat")
    pytest.importorskip("imageio")

    class KMeans:
        """Every point its own centre."""

        def __init__(self, n_clusters: int, **_: object):
            self.n_clusters = n_clusters

        def fit(self, x: Any) -> Any:
            self.centroids = x
            return torch.arange(x.shape[1])

    def sort_with_plas(grid: Any, **_: object) -> tuple[Any, Any]:
        return grid, torch.randperm(grid.shape[1] * grid.shape[2]).reshape(1, *grid.shape[1:])

    clustering, plas = types.ModuleType("torchpq.clustering"), types.ModuleType("plas")
    clustering.__dict__["KMeans"], plas.__dict__["sort_with_plas"] = KMeans, sort_with_plas
    for name, module in (("torchpq", types.ModuleType("torchpq")), ("torchpq.clustering", clustering), ("plas", plas)):
        monkeypatch.setitem(sys.modules, name, module)
    scene, path = load(SHAPES), tmp_path / "file.zip"
    CODECS["png"].encode(Source(SHAPES, scene), Point(), path)
    assert capsys.readouterr().out == "", "standard output may be JSON"
    decoded = CODECS["png"].decode(path)
    assert len(decoded) == int(len(scene) ** 0.5) ** 2
    assert decoded.sh_degree == scene.sh_degree
    kept = scene.select(np.argsort(-scene.opacity_logits, kind="stable")[: len(decoded)])
    assert compare_scenes(kept, decoded, orbit(scene, 3, width=96, height=64)).psnr > 30
    path.write_bytes(b"no zip")
    with pytest.raises(ToolFailed, match="png: BadZipFile"):
        CODECS["png"].decode(path)


def test_names_and_points():
    assert next(iter(CODECS)) == "ply"
    for name, known in CODECS.items():
        assert known.name == name
        assert re.fullmatch(r"[a-z0-9.-]+", name)
        assert known.suffix.startswith(".")
        for point in known.points(Asked()):
            assert re.fullmatch(r"[a-zA-Z0-9.+-]+", point.name)
    asked = Asked((12.5, 50.0, 50.0), (1e-5, 3e-4), 70)
    assert [p.name for p in CODECS["gsz"].points(asked)] == ["q12.5", "q50"]
    assert [p.name for p in CODECS["gsz-trained"].points(asked)] == ["lambda1e-05", "lambda0.0003"]
    close = [p.name for p in CODECS["gsz"].points(Asked((50.0, 50.00000001)))]
    assert close == ["q50", "q50.00000001"]
    assert CODECS["gsz-trained"].points(asked)[1].options == {"lambda": 3e-4, "iterations": 70}
    with pytest.raises(InputError, match="expected one of ply, gsz"):
        codec("gif")


def test_bands_that_are_zero_are_dropped():
    scene = random_scene(50, 3)
    sh = scene.sh.copy()
    sh[:, 4:] = 0
    found = normalised(Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, sh))
    assert found.sh_degree == 1
    assert np.linalg.norm(found.quats, axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["own-sog", "own-spz", "own-compressed-ply", "sog", "spz-8bit"])
def test_nobody_pays_for_bands_that_are_zero(name, tmp_path):
    peer, scene, sizes = usable(name), random_scene(500, 3), []
    zeros = scene.sh.copy()
    zeros[:, 1:] = 0
    for sh in (zeros, zeros[:, :1]):
        given = Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, sh)
        ply, path = tmp_path / "scene.ply", tmp_path / f"file{peer.suffix}"
        write(given, ply, overwrite=True)
        peer.encode(Source(ply, given), Point(), path)
        sizes.append(path.stat().st_size)
    assert sizes[0] == sizes[1]


def test_what_gaussforge_says_is_passed_on(tmp_path, monkeypatch):
    """It returns its errors."""
    gaussforge = pytest.importorskip("gaussforge")
    monkeypatch.setattr(gaussforge, "GaussForge", lambda: types.SimpleNamespace(convert=lambda *_: {"error": "out of luck"}))
    with pytest.raises(ToolFailed, match="sog: out of luck"):
        CODECS["sog"].encode(Source(SHAPES, load(SHAPES)), Point(), tmp_path / "x.sog")


@pytest.mark.parametrize(("command", "words"), [('"node cli.mjs', "expected a command"), (" ", "npm install")])
def test_a_variable_that_is_no_command(monkeypatch, command, words):
    monkeypatch.setenv(splat_transform.VARIABLE, command)
    monkeypatch.setattr(splat_transform.shutil, "which", lambda name: None)
    splat_transform._found.cache_clear()
    assert words in (CODECS["spz"].missing() or "")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo splat-transform v2.7.1", "expected version 3"), ("echo hello", "no version"), ("exit 3", "ended with 3"), (None, "cannot be started"),
    ],
)  # fmt: skip
def test_a_splat_transform_that_cannot_be_used(tmp_path, monkeypatch, script, words):
    program = tmp_path / "program"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv(splat_transform.VARIABLE, str(program))
    said = CODECS["spz"].missing()
    assert said is not None
    assert words in said
    assert "npm install" in said
    with pytest.raises(GSCompressError, match="npm install"):
        CODECS["spz"].encode(Source(SHAPES, load(SHAPES)), Point(), tmp_path / "x.spz")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
def test_a_splat_transform_that_fails(tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\nif [ "$1" = --version ]; then echo v3.9.0; else echo out of luck; exit 1; fi\n')
    program.chmod(0o755)
    monkeypatch.setenv(splat_transform.VARIABLE, str(program))
    assert CODECS["spz"].missing() is None
    assert CODECS["spz"].tool() == "splat-transform 3.9.0"
    with pytest.raises(ToolFailed, match="spz: program: ended with 1: out of luck"):
        CODECS["spz"].encode(Source(SHAPES, load(SHAPES)), Point(), tmp_path / "x.spz")
    program.write_text('#!/bin/sh\nif [ "$1" = --version ]; then echo v3.9.0; fi\n')
    with pytest.raises(ToolFailed, match="wrote nothing"):
        CODECS["spz"].encode(Source(SHAPES, load(SHAPES)), Point(), tmp_path / "x.spz")
    assert [p.name for p in tmp_path.iterdir()] == ["program"]


def test_what_work_takes():
    held: list[bytearray] = []
    _, small = measured(lambda: held.append(bytearray(b"x" * 1000)))
    _, large = measured(lambda: held.append(bytearray(b"x" * 50_000_000)))
    if large.memory_bytes is None:
        pytest.skip("the system does not say")
    assert small.memory_bytes is not None
    assert small.memory_bytes < 20_000_000
    assert 45_000_000 < large.memory_bytes < 120_000_000
    _, child = measured(lambda: run_tool([sys.executable, "-c", "x = bytearray(b'x' * 90_000_000)"]))
    assert child.memory_bytes is not None
    assert child.memory_bytes > 90_000_000
    _, after = measured(lambda: None)
    assert after.memory_bytes is not None
    assert after.memory_bytes < 20_000_000


def test_a_program_that_cannot_be_started():
    with pytest.raises(ToolFailed, match="at all: cannot be started"):
        run_tool([Path("/nowhere/at all")])


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
def test_a_program_that_does_not_end(tmp_path):
    """Is killed with what it started."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nsleep 60 &\nsleep 60\n")
    program.chmod(0o755)
    start = time.monotonic()
    with pytest.raises(ToolFailed, match=r"program: expected to end within 0.5 s.*--tool-timeout"):
        measured(lambda: run_tool([program]), 0.5)
    assert time.monotonic() - start < 20
    measured(lambda: run_tool([sys.executable, "-c", ""]), 60)
