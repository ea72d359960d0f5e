"""The decoder of the page, WebAssembly, against the native one: the same bytes, and what one refuses the other refuses."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from codec.hostile import mended

import gscompress
from gscompress import codec
from gscompress.config import CompressOptions
from gscompress.errors import FormatError
from gscompress.scene import Scene

from .browser import ROOT, without_node

GOLDEN = ROOT / "tests" / "golden"
ARRAYS = {"means": "means", "quats": "quats", "logScales": "log_scales", "opacityLogits": "opacity_logits", "sh": "sh"}


@pytest.fixture(scope="module")
def decode(tmp_path_factory: pytest.TempPathFactory):
    """Decodes files in node: a list of what viewer/tests/decode.mjs says of each."""
    reason = without_node()
    if reason:
        pytest.skip(f"no decoding in node: {reason}")
    folder = tmp_path_factory.mktemp("decode")

    def run(*files: Path) -> list[dict]:
        command = ["node", str(ROOT / "viewer" / "tests" / "decode.mjs"), str(folder), *map(str, files)]
        made = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert made.returncode == 0, made.stderr
        return [json.loads(line) for line in made.stdout.splitlines()]

    return run


def digests(scene: Scene) -> dict:
    arrays = {page: hashlib.sha256(getattr(scene, own).astype("<f4").tobytes()).hexdigest() for page, own in ARRAYS.items()}
    return {"count": len(scene), "shDegree": scene.sh_degree, "antialiased": scene.antialiased, **arrays}


def native(data: bytes) -> dict | None:
    """None where the file is refused."""
    try:
        return digests(codec.decode(data).scene)
    except FormatError:
        return None


def assert_same(files: list[Path], found: list[dict]) -> None:
    for path, page in zip(files, found, strict=True):
        expected = native(path.read_bytes())
        if expected is None:
            assert set(page["fault"]) == {"kind", "field", "expected", "found"}, path.name
        else:
            assert page == expected, path.name


@pytest.mark.parametrize("folder", ["v1/good", "v1/bad", "anchors/good", "anchors/bad"])
def test_goldens(decode, folder):
    files = sorted((GOLDEN / folder).glob("*.gsz"))
    assert len(files) > 10
    assert_same(files, decode(*files))


def test_small_scenes(decode, tmp_path):
    files = []
    for path in sorted((ROOT / "scenes").glob("*.ply")):
        files.append(tmp_path / f"{path.stem}.gsz")
        files[-1].write_bytes(codec.compress_scene(gscompress.load(path), CompressOptions(quality=60, effort="fast")).data)
    assert len(files) >= 2
    assert_same(files, decode(*files))


def test_damaged_files(decode, tmp_path):
    """Bytes flipped, lost and doubled, checksums mended for half of them: never a crash, never another scene."""
    rng, files = np.random.default_rng(7), []
    sources = [*sorted((GOLDEN / "v1" / "good").glob("*.gsz")), *sorted((GOLDEN / "anchors" / "good").glob("*.gsz"))]
    for number in range(240):
        data = bytearray(sources[number % len(sources)].read_bytes())
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(0, len(data)))
            change = int(rng.integers(0, 3))
            if change == 0:
                data[at] ^= 1 << int(rng.integers(0, 8))
            elif change == 1:
                del data[at : at + int(rng.integers(1, 9))]
            else:
                data[at:at] = data[at : at + int(rng.integers(1, 9))]
        files.append(tmp_path / f"{number}.gsz")
        files[-1].write_bytes(mended(data) if number % 2 and len(data) > 300 else bytes(data))
    assert_same(files, decode(*files))


def test_other_formats(decode, tmp_path):
    """.ply and .splat as `gscompress.load` reads them."""
    files = sorted((ROOT / "scenes").glob("*.ply"))
    scene = gscompress.load(files[0])
    files.append(tmp_path / "scene.splat")
    scene.save(files[-1])
    found = decode(*files)
    for path, page in zip(files[:-1], found[:-1], strict=True):
        assert page == digests(gscompress.load(path)), path.name
    expected = digests(gscompress.load(files[-1]))
    different = {name for name in expected if found[-1][name] != expected[name]}
    assert different <= {"logScales", "opacityLogits", "sh"}  # logarithms and quotients, in the last bit
    cut = tmp_path / "cut.ply"
    cut.write_bytes(files[0].read_bytes()[:-7])
    assert decode(cut)[0]["fault"]["kind"] == "truncated"


@pytest.mark.data
@pytest.mark.slow
def test_real_scenes(decode, data_dir, tmp_path):
    subprocess.run([sys.executable, str(data_dir / "unpack.py"), str(tmp_path), "human", "bonsai"], check=True, stdout=subprocess.DEVNULL)
    files = []
    for name in ("human", "bonsai"):
        for quality in (20, 70):
            files.append(tmp_path / f"{name}{quality}.gsz")
            scene = gscompress.load(tmp_path / f"{name}.ply")
            files[-1].write_bytes(codec.compress_scene(scene, CompressOptions(quality=quality, effort="fast")).data)
    assert_same(files, decode(*files))


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang is not installed")
def test_the_committed_decoder_is_what_the_sources_give():
    subprocess.run([sys.executable, str(ROOT / "tools" / "build_wasm.py"), "--check"], check=True, timeout=900)
