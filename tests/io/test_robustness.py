"""Damaged and hostile files: a typed error or a valid scene, never anything else, and memory in proportion."""

from __future__ import annotations

import gzip
import io as stdio
import json
import os
import struct
import tracemalloc
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from kit import assert_valid, read_bytes, written
from scenes_for_tests import random_scene

from gscompress import io
from gscompress.errors import BadMagic, Corrupt, FormatError, MissingExtra, Truncated, Unsupported

CASES = {
    "ply": ("ply", {}),
    "compressed.ply": ("compressed.ply", {}),
    "spz3": ("spz", {"version": 3}),
    "spz4": ("spz", {"version": 4}),
    "splat": ("splat", {}),
    "sog": ("sog", {}),
}


def small_file(case: str, folder: Path) -> bytes:
    ending, options = CASES[case]
    return written(random_scene(3, 0 if case == "sog" else 1), folder, ending, **options)


@contextmanager
def peak_memory_below(limit: int):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", CASES)
def test_truncation_at_every_byte(tmp_path, case):
    content = small_file(case, tmp_path)
    path = tmp_path / "unnamed"
    path.write_bytes(content)
    for size in range(len(content) - 1, -1, -1):
        os.truncate(path, size)
        if case == "splat" and size and size % 32 == 0:
            assert len(io.read(path).scene) == size // 32
        else:
            with pytest.raises(FormatError):
                io.read(path)


@pytest.mark.parametrize("case", CASES)
def test_random_mutations(tmp_path, case):
    content = small_file(case, tmp_path)
    random = np.random.default_rng(7)
    outcomes = set()
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(random.integers(1, 5)):
            damaged[random.integers(len(damaged))] = random.integers(256)
        try:
            assert_valid(read_bytes(bytes(damaged), tmp_path))
            outcomes.add("read")
        except FormatError as error:
            outcomes.add(Path(error.file).name)
    assert outcomes - {"read"} == {"unnamed"}


def test_mutations_inside_the_images_and_meta_of_a_sog_folder(tmp_path):
    """The zip's checksums stop most damage to a .sog; a folder has none."""
    archive = zipfile.ZipFile(stdio.BytesIO(written(random_scene(40, 2), tmp_path, "sog")))
    folder = tmp_path / "folder"
    archive.extractall(folder)
    random = np.random.default_rng(8)
    for _ in range(300):
        name = random.choice(archive.namelist())
        content = bytearray(archive.read(name))
        damaged = content[: random.integers(len(content))] if random.random() < 0.2 else content
        for _ in range(random.integers(0, 4) if damaged else 0):
            damaged[random.integers(len(damaged))] = random.integers(256)
        (folder / name).write_bytes(damaged)
        with suppress(FormatError):
            assert_valid(io.read(folder))
        (folder / name).write_bytes(archive.read(name))
    assert_valid(io.read(folder))


@pytest.mark.parametrize("size", [1, 3, 4, 31, 32, 33, 1000, 32_000])
def test_garbage(tmp_path, size):
    with pytest.raises(BadMagic):
        read_bytes(np.random.default_rng(size).bytes(size), tmp_path)


@pytest.mark.parametrize("start", [b"ply", b"ply\n", b"NGSP", b"\x1f\x8b", b"PK\x03\x04", b"{", b"GSZ\x1a", b""])
def test_a_magic_and_nothing_else(tmp_path, start):
    for tail in (b"", bytes(64), b"\xff" * 64):
        with pytest.raises(FormatError):
            read_bytes(start + tail, tmp_path)


# --- lying counts ---------------------------------------------------------------------------------------------------


def spz3(header: dict[str, int], body: bytes) -> bytes:
    fields = {"version": 3, "count": 1, "degree": 0, "fraction": 12, "flags": 0} | header
    return gzip.compress(struct.pack("<4sIIBBBB", b"NGSP", *fields.values(), 0) + body)


@pytest.mark.parametrize("count", [10**6, 2**32 - 1])
def test_spz3_lying_count(tmp_path, count):
    with peak_memory_below(4 << 20), pytest.raises(Truncated):
        read_bytes(spz3({"count": count}, bytes(20)), tmp_path)


def test_spz3_bomb_is_not_unpacked(tmp_path):
    content = spz3({}, bytes(200 << 20))
    with peak_memory_below(4 << 20), pytest.raises(Corrupt, match="more"):
        read_bytes(content, tmp_path)


def test_spz3_of_one_gaussian_reads(tmp_path):
    assert len(read_bytes(spz3({}, bytes(20)), tmp_path).scene) == 1


def test_spz3_with_extensions_reads_with_a_note(tmp_path):
    loaded = read_bytes(spz3({"flags": 2}, bytes(20) + b"extension"), tmp_path)
    assert len(loaded.scene) == 1
    assert any("extensions" in note for note in loaded.notes)


def test_spz3_checksum(tmp_path):
    content = bytearray(spz3({}, bytes(20)))
    content[-5] ^= 1
    with pytest.raises(Corrupt, match="check"):
        read_bytes(bytes(content), tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [("version", 9, Unsupported), ("degree", 5, Unsupported), ("fraction", 60, Corrupt)],
)
def test_spz3_header_fields(tmp_path, field, value, error):
    with pytest.raises(error, match=field.replace("fraction", "fractional")):
        read_bytes(spz3({field: value}, bytes(20)), tmp_path)


def test_spz_degree_4_is_cut_with_a_note(tmp_path):
    loaded = read_bytes(spz3({"degree": 4}, bytes(20 + 72)), tmp_path)
    assert loaded.scene.sh_degree == 3
    assert any("degree 3" in note for note in loaded.notes)


def test_spz1_and_spz2(tmp_path):
    """Version 1 has float16 positions, version 2 24-bit ones; both store xyz of the rotation in three bytes."""
    rest = bytes([128, 255, 0, 128, 160, 80, 255, 255, 128, 128])
    half = spz3({"version": 1}, np.array([1.5, -2, 0.25], "<f2").tobytes() + rest)
    fixed = spz3({"version": 2}, b"".join(int(v * 4096).to_bytes(3, "little", signed=True) for v in (1.5, -2, 0.25)) + rest)
    for content in (half, fixed):
        scene = read_bytes(content, tmp_path).scene
        np.testing.assert_array_equal(scene.means, [[1.5, -2, 0.25]])
        np.testing.assert_allclose(scene.log_scales, [[0, -5, 5.9375]])
        np.testing.assert_allclose(scene.quats, [[0.0, 1, 0.0039, 0.0039]], atol=1e-4)


def test_spz4_lying_sizes(tmp_path):
    import zstandard

    content = bytearray(small_file("spz4", tmp_path))
    lying_count = content[:8] + struct.pack("<I", 10**9) + content[12:]
    with peak_memory_below(4 << 20), pytest.raises(Truncated):
        read_bytes(bytes(lying_count), tmp_path)
    bombs = (
        zstandard.ZstdCompressor().compress(bytes(100 << 20)),
        zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100 << 20)),
    )
    for bomb in bombs:
        header = struct.pack("<4sIIBBBBI12x", b"NGSP", 4, 1, 0, 12, 0, 5, 32)
        sizes = b"".join(struct.pack("<QQ", len(bomb), width) for width in (9, 1, 3, 3, 4))
        with peak_memory_below(4 << 20), pytest.raises(Corrupt, match="stream 0"):
            read_bytes(header + sizes + bomb * 5, tmp_path)


def test_compressed_ply_lying_counts(tmp_path):
    content = small_file("compressed.ply", tmp_path)
    for old, new, error in (
        (b"vertex 3\n", b"vertex 1000000000\n", Truncated),
        (b"chunk 1\n", b"chunk 1000000000\n", Truncated),
        (b"sh 3\n", b"sh 1000000000\n", Truncated),
        (b"sh 3\n", b"sh 2\n", Corrupt),
        (b"chunk 1\n", b"chunk 0\n", FormatError),
        (b"property uint packed_scale", b"property float packed_scale", Unsupported),
        (b"property float max_scale_x", b"property float max_scale_w", Unsupported),
    ):
        assert old in content
        with peak_memory_below(4 << 20), pytest.raises(error):
            read_bytes(content.replace(old, new), tmp_path)


def sog_folder(folder: Path, change: dict | None = None) -> Path:
    archive = zipfile.ZipFile(stdio.BytesIO(written(random_scene(40, 1), folder, "sog")))
    archive.extractall(folder / "sog")
    meta = json.loads(archive.read("meta.json"))
    for path, value in (change or {}).items():
        *groups, key = path.split(".")
        node = meta
        for group in groups:
            node = node[group]
        if value is None:
            del node[key]
        else:
            node[key] = value
    (folder / "sog" / "meta.json").write_text(json.dumps(meta))
    return folder / "sog"


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"count": 10**9}, Truncated, "count"),
        ({"count": 65_000}, Corrupt, "webp"),
        ({"count": -1}, Corrupt, "count"),
        ({"count": "40"}, Corrupt, "count"),
        ({"count": None}, Corrupt, "count"),
        ({"version": 3}, Unsupported, "version"),
        ({"means.mins": [0, 0]}, Corrupt, "means.mins"),
        ({"means.mins": [0, 0, "x"]}, Corrupt, "means.mins"),
        ({"means.maxs": [0, 0, float("nan")]}, Corrupt, "means.maxs"),
        ({"means.files": ["means_l.webp"]}, Corrupt, "means.files"),
        ({"scales.codebook": []}, Corrupt, "scales.codebook"),
        ({"scales.codebook": [0.0]}, Corrupt, "scales image"),
        ({"sh0": None}, Corrupt, "sh0"),
        ({"sh0": 5}, Corrupt, "sh0"),
        ({"shN.bands": 2}, Corrupt, "shN.bands"),
        ({"shN.files": ["shN_labels.webp", "shN_labels.webp"]}, Corrupt, "centroids"),
        ({"quats.files": ["../scene.sog"]}, Corrupt, "plain file names"),
        ({"quats.files": ["absent.webp"]}, Corrupt, "absent.webp"),
        ({"quats.files": ["meta.json"]}, Corrupt, "WebP"),
        ({"quats.files": ["means_l.webp"]}, Corrupt, "quats image"),
    ],
)  # fmt: skip
def test_sog_meta(tmp_path, change, error, field):
    folder = sog_folder(tmp_path, change)
    if change.get("quats.files") == ["means_l.webp"]:
        from PIL import Image

        Image.new("RGBA", (8, 8), (0, 0, 0, 7)).save(folder / "means_l.webp", lossless=True, exact=True)
    with peak_memory_below(8 << 20), pytest.raises(error, match=field):
        io.read(folder)


def test_sog_image_bomb_is_refused_by_its_header(tmp_path):
    from PIL import Image

    folder = sog_folder(tmp_path)
    Image.new("L", (6000, 6000)).save(folder / "quats.webp", lossless=True)
    with peak_memory_below(8 << 20), pytest.raises(Corrupt, match="6000 x 6000"):
        io.read(folder)


def test_a_zip_without_meta_is_not_a_sog(tmp_path):
    out = stdio.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BadMagic, match=r"meta\.json"):
        read_bytes(out.getvalue(), tmp_path)


def test_a_zip_member_bomb_is_not_unpacked(tmp_path):
    out = stdio.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.json", b" " * (200 << 20))
    content = out.getvalue()
    with peak_memory_below(40 << 20), pytest.raises(Corrupt, match=r"meta\.json"):
        read_bytes(content, tmp_path)


def test_an_overflowing_range_drops_rows_and_says_so(tmp_path):
    loaded = io.read(sog_folder(tmp_path, {"means.maxs": [1e6, 1e6, 1e6]}))
    assert loaded.dropped_rows > 0
    assert_valid(loaded)


@pytest.mark.parametrize(
    ("case", "package"), [("spz4", "zstandard"), ("sog", "PIL")]
)
def test_missing_extras_are_named(tmp_path, monkeypatch, case, package):
    content = small_file(case, tmp_path)
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtra, match=r"gscompress\[formats\]"):
        read_bytes(content, tmp_path)
    with pytest.raises(MissingExtra):
        small_file(case, tmp_path)
