"""The page's decoder gives what the native one gives, bit for bit, and refuses what that refuses. Needs node and viewer/node_modules."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

import gscompress
from gscompress import codec, errors, io
from gscompress.bitstream.container import ENTRY, FIXED_HEADER, PREFIX
from gscompress.bitstream.sequence_container import is_sequence
from gscompress.config import CompressOptions
from gscompress.io import ply
from gscompress.scene import Scene
from gscompress.sequence import SequenceOptions, SequenceReader, compress_frames

from .browser import ROOT, chromium, without_node

VIEWER = ROOT / "viewer"
GOLDEN = ROOT / "tests" / "golden"
ARRAYS = ("means", "quats", "log_scales", "opacity_logits", "sh")
KINDS = {errors.BadMagic: "bad magic", errors.Truncated: "truncated", errors.Corrupt: "corrupt", errors.Unsupported: "unsupported"}
CHANGES = 12
"""Of each golden file."""


pytestmark = pytest.mark.skipif(without_node() is not None, reason=str(without_node()))


def node(*arguments: str, stdin: str = "") -> str:
    """Output of a program of viewer/, which has to succeed."""
    environment = {**os.environ, "CHROMIUM": chromium() or ""}
    done = subprocess.run(["node", *arguments], input=stdin, capture_output=True, text=True, timeout=900, cwd=VIEWER, env=environment)
    assert done.returncode == 0, done.stderr[-3000:] or done.stdout[-3000:]
    return done.stdout


def verdicts(files: list[dict]) -> list[dict]:
    """What the page makes of {path, partial, sizes}."""
    return json.loads(node("tests/verdicts.mjs", stdin=json.dumps(files)))


def checksums(scene: Scene) -> dict[str, str]:
    return {name: hashlib.sha256(getattr(scene, name).astype("<f4").tobytes()).hexdigest() for name in ARRAYS}


def native(data: bytes, partial: bool) -> dict:
    try:
        if is_sequence(data):
            return native_frames(SequenceReader(data, partial=partial))
        scene = codec.decode(data, partial=partial).scene
    except errors.FormatError as error:
        return {"kind": KINDS[type(error)], "field": error.field}
    return {"format": "gsz", "splats": len(scene), "antialiased": scene.antialiased, "sha256": checksums(scene)}


def native_frames(reader: SequenceReader) -> dict:
    scenes = [reader.scene(frame) if frame in reader.present else None for frame in range(max(reader.present, default=-1) + 1)]
    return {"format": "sequence", "frames": [scene and {"splats": len(scene), "antialiased": scene.antialiased, "sha256": checksums(scene)} for scene in scenes]}


def mended(data: bytes) -> bytes:
    """With the checksums of what is there, so that changed bytes reach the decoder."""
    out = bytearray(data)
    size = struct.unpack_from("<I", out, 8)[0]
    if size > len(out) or size < FIXED_HEADER:
        return data
    offset = size
    for at in range(FIXED_HEADER, size - ENTRY.size + 1, ENTRY.size):
        length = struct.unpack_from("<I", out, at + 16)[0]
        struct.pack_into("<I", out, at + 20, zlib.crc32(out[offset : offset + length]))
        offset += length
    struct.pack_into("<I", out, 12, zlib.crc32(out[PREFIX.size : size]))
    return bytes(out)


def changed(data: bytes, random: np.random.Generator) -> bytes:
    """With some bytes changed, mostly behind the header."""
    out = bytearray(data)
    first = 0 if random.random() < 0.2 else min(len(out) - 1, struct.unpack_from("<I", out, 8)[0])
    for at in random.integers(first, len(out), random.integers(1, 6)):
        out[at] = random.integers(256)
    if random.random() < 0.1:
        out = out[: random.integers(1, len(out))]
    return mended(bytes(out)) if len(out) >= 16 and random.random() < 0.8 else bytes(out)


def test_damage_has_the_same_verdict(tmp_path):
    random = np.random.default_rng(5)
    files, expected = [], []
    for path in sorted(GOLDEN.rglob("good/*.gsz")):
        for i in range(CHANGES):
            data = changed(path.read_bytes(), random)
            name = tmp_path / f"{path.parts[-3]}_{path.stem}_{i}.gsz"
            name.write_bytes(data)
            files.append({"path": str(name), "partial": bool(i % 2), "sizes": [[65536], [100, 7]][i % 3 == 0]})
            expected.append(native(data, bool(i % 2)))
    found = verdicts(files)
    assert sum("splats" in e for e in expected) > 20
    assert sum("splats" not in e for e in expected) > 100
    for file, one, other in zip(files, expected, found, strict=True):
        # Of two faults the page, which has not got all of the file, may meet the other one first.
        assert other.get("sha256") == one.get("sha256"), (file, one, other)
        assert ("kind" in other) == ("kind" in one), (file, one, other)


def mended_sequence(data: bytes) -> bytes:
    """The same for a sequence."""
    out = bytearray(data)
    size = min(struct.unpack_from("<I", out, 8)[0], len(out))
    offset = size
    for at in range(32, size - 23, 24):
        length = struct.unpack_from("<I", out, at + 12)[0]
        struct.pack_into("<I", out, at + 16, zlib.crc32(out[offset : offset + length]))
        offset += length
    struct.pack_into("<I", out, 12, zlib.crc32(out[PREFIX.size : size]))
    return bytes(out)


def test_damaged_sequences_have_the_same_verdict(tmp_path):
    random = np.random.default_rng(8)
    whole = (VIEWER / "tests" / "sequence" / "shapes.gsz").read_bytes()
    size = struct.unpack_from("<I", whole, 8)[0]
    files, expected = [], []
    for i in range(40):
        out = bytearray(whole)
        first, end = (16, size) if i % 4 == 0 else (size, len(out))
        for at in random.integers(first, end, random.integers(1, 4)):
            out[at] = random.integers(256)
        if i % 5 == 0:
            out = out[: random.integers(size, len(out))]
        data = mended_sequence(bytes(out)) if i % 8 else bytes(out)
        name = tmp_path / f"{i}.gsz"
        name.write_bytes(data)
        files.append({"path": str(name), "partial": bool(i % 2)})
        expected.append(native(data, bool(i % 2)))
    found = verdicts(files)
    assert 0 < sum("kind" in e for e in expected) < 40
    for file, one, other in zip(files, expected, found, strict=True):
        assert other.get("frames") == one.get("frames"), (file, one, other)
        assert ("kind" in other) == ("kind" in one), (file, one, other)


@pytest.mark.data
def test_a_real_sequence(data_dir, tmp_path):
    scene = gscompress.load(min(data_dir.rglob("*.ply"), key=lambda path: path.stat().st_size))
    later = Scene(scene.means + np.float32(0.01), scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, antialiased=scene.antialiased)
    path = tmp_path / "frames.gsz"
    path.write_bytes(compress_frames([lambda: scene, lambda: later], SequenceOptions(effort="fast")).data)
    assert verdicts([{"path": str(path)}]) == [native(path.read_bytes(), False)]


@pytest.mark.data
def test_real_scenes(data_dir, tmp_path):
    files, expected = [], []
    for source in sorted(data_dir.rglob("*.ply"), key=lambda path: path.stat().st_size)[:3]:
        path = tmp_path / f"{source.stem}.gsz"
        path.write_bytes(codec.compress(gscompress.load(source), CompressOptions(effort="fast")))
        files.append({"path": str(path), "sizes": [65536, 1000, 3]})
        expected.append(native(path.read_bytes(), False))
    assert verdicts(files) == expected


def test_other_formats_read_as_in_python(tmp_path):
    """Also with broken rows, and in other orders and types."""
    scene = gscompress.load(ROOT / "scenes" / "shapes_sh3.ply")
    broken = Scene(scene.means.copy(), scene.quats.copy(), scene.log_scales, scene.opacity_logits, scene.sh, antialiased=True)
    broken.means[3, 1] = np.nan
    broken.quats[7] = 0
    paths = [ROOT / "scenes" / "tile.ply", tmp_path / "broken.ply", tmp_path / "scene.splat"]
    with paths[1].open("wb") as file:
        ply.encode(broken, file)
    scene.save(paths[2])
    found = verdicts([{"path": str(path)} for path in paths])
    for path, one in zip(paths, found, strict=True):
        loaded = io.read(path)
        assert (one["splats"], one["droppedRows"], one["antialiased"]) == (len(loaded.scene), loaded.dropped_rows, loaded.scene.antialiased)
        if path.suffix == ".ply":
            assert one["sha256"] == checksums(loaded.scene)
        else:  # logarithms of other makers
            assert {name: one["sha256"][name] for name in ("means", "quats")} == {name: checksums(loaded.scene)[name] for name in ("means", "quats")}


@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
def test_workers_in_chromium():
    """Some golden files, good and bad, and one of several blocks as the page has them: a worker for each lane."""
    names = ["v1/good/sh3", "v1/good/blocks", "v1/good/cut_inside", "anchors/good/all", "v1/bad/chunk_damaged", "anchors/bad/networks_of_ones"]
    paths = [GOLDEN / f"{name}.gsz" for name in names]
    files = [{"path": str(path), "partial": "inside" in path.stem} for path in paths]
    expected = [native(path.read_bytes(), file["partial"]) for path, file in zip(paths, files, strict=True)]
    assert json.loads(node("tests/decoding/decoding.mjs", "verdicts", stdin=json.dumps(files))) == expected


def test_the_committed_program_is_what_the_sources_give():
    done = subprocess.run([sys.executable, str(VIEWER / "build_wasm.py"), "--check"], capture_output=True, text=True)
    if done.returncode == 2:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout
