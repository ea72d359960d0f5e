"""Native and reference decoder agree on what they accept: every golden, good or bad, cut at every section, and streams of ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hostile import mended, patched
from parity import ARRAYS

from gscompress import codec, reference_decoder
from gscompress.bitstream.container import ENTRY, FIXED_HEADER
from gscompress.errors import Corrupt, FormatError

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "v1"
FILES = sorted(FOLDER.parent.rglob("*.gsz"))


def verdict(decode, data: bytes):
    """Kind and field of what is wrong, or the scene's bytes."""
    try:
        scene = decode(data).scene
    except FormatError as error:
        return type(error), error.field
    return [getattr(scene, name).tobytes() for name in ARRAYS]


def assert_agree(data: bytes) -> None:
    assert verdict(codec.decode, data) == verdict(reference_decoder.decode, data)


def payloads(data: bytes) -> list[tuple[int, int]]:
    """Where each section of the table begins and ends, as far as the header can be read."""
    if len(data) < FIXED_HEADER:
        return []
    at = struct.unpack_from("<I", data, 8)[0]
    out = []
    for entry in range(FIXED_HEADER, min(at, len(data)) - ENTRY.size + 1, ENTRY.size):
        size = struct.unpack_from("<I", data, entry + 16)[0]
        out.append((at, at + size))
        at += size
    return out


@pytest.mark.parametrize("path", FILES, ids=lambda p: "-".join(p.relative_to(FOLDER.parent).with_suffix("").parts))
def test_cuts(path):
    data = path.read_bytes()
    for begin, end in payloads(data):
        if begin <= len(data):
            assert_agree(data[:begin])
            assert_agree(data[: (begin + end) // 2])


@pytest.mark.parametrize("name", ["sh3", "blocks", "one", "forced"])
@pytest.mark.parametrize("ones", [7, 8, 12, 40])
def test_streams_that_begin_with_ones(name, ones):
    data = (FOLDER / "good" / f"{name}.gsz").read_bytes()
    for begin, end in payloads(data):
        changed = bytearray(data)
        count = min(ones, end - begin)
        changed[begin : begin + count] = b"\xff" * count
        assert_agree(mended(changed))
        changed[begin + count : end] = bytes(end - begin - count)
        assert_agree(mended(changed))


@pytest.mark.parametrize(("at", "form", "value"), [(20, "B", 9), (22, "B", 0), (32, "d", 1e40), (76, "i", -(1 << 27)), (96, "i", 1 << 30)])
def test_ranges_are_told_alike(at, form, value):
    """In whole numbers where the field is one."""
    data = patched((FOLDER / "good" / "sh3.gsz").read_bytes(), [(at, form, value)])
    said = []
    for decode in (codec.decode, reference_decoder.decode):
        with pytest.raises(Corrupt) as caught:
            decode(data)
        said.append(str(caught.value))
    assert said[0] == said[1]
