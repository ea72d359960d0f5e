"""The container of sequences: what is written is read, and what is wrong is named."""

from __future__ import annotations

import struct
import zlib

import pytest

from gscompress.bitstream.container import MAGIC, PREFIX
from gscompress.bitstream.sequence_container import (
    ENTRY,
    FIXED,
    FrameEntry,
    is_sequence,
    pack_sequence,
    parse_sequence,
)
from gscompress.errors import Corrupt, Truncated, Unsupported

ENTRIES = [FrameEntry(1, 0, 10, b"key"), FrameEntry(0, 0, 9, b"told"), FrameEntry(2, 2, 0, b"")]
DATA = pack_sequence((30000, 1001), ENTRIES)
HEADER = PREFIX.size + FIXED.size + 3 * ENTRY.size


def with_field(offset: int, layout: str, value: int) -> bytes:
    """`DATA` with one field of the header changed, and a checksum to match."""
    data = bytearray(DATA)
    struct.pack_into(layout, data, offset, value)
    struct.pack_into("<I", data, 12, zlib.crc32(bytes(data[PREFIX.size : HEADER])))
    return bytes(data)


def test_what_is_written_is_read():
    file = parse_sequence(DATA)
    assert file.rate == (30000, 1001)
    assert list(file.entries) == ENTRIES
    assert file.frames == 3
    assert is_sequence(DATA)
    assert not is_sequence(DATA[:15])


@pytest.mark.parametrize("size", [HEADER, HEADER + 3, HEADER + 7])
def test_a_file_cut_between_frames_has_those_before(size):
    file = parse_sequence(DATA[:size])
    assert list(file.entries)[: len(file.entries)] == ENTRIES[: len(file.entries)]
    assert file.frames == 3


@pytest.mark.parametrize("size", [HEADER + 1, HEADER + 5])
def test_a_file_cut_inside_a_frame_is_truncated_unless_asked(size):
    with pytest.raises(Truncated, match="frame"):
        parse_sequence(DATA[:size])
    assert len(parse_sequence(DATA[:size], partial=True).entries) == (size > HEADER + 3)


@pytest.mark.parametrize("size", range(HEADER))
def test_a_cut_header_is_refused(size):
    with pytest.raises((Truncated, Unsupported)):
        parse_sequence(DATA[:size], partial=True)


AT = PREFIX.size + FIXED.size
WRONG = {
    "header.flags": (with_field(6, "<H", 1), Unsupported),
    "header.rate_numerator": (with_field(20, "<I", 0), Corrupt),
    "header.rate_denominator": (with_field(24, "<I", 1 << 30), Corrupt),
    "header.reserved": (with_field(28, "<I", 1), Corrupt),
    "header.frames": (with_field(16, "<I", 4), Corrupt),
    "header.header_size": (with_field(8, "<I", HEADER + 1), Corrupt),
    "frame 1.frame": (with_field(AT + ENTRY.size, "<I", 1), Corrupt),
    "frame 2.frame": (with_field(AT + 2 * ENTRY.size, "<I", 3), Corrupt),
    "frame 1.reference": (with_field(AT + ENTRY.size + 4, "<I", 2), Corrupt),
    "frame 0.reserved": (with_field(AT + 20, "<I", 1), Corrupt),
    "frame 0.crc32": (with_field(AT + 16, "<I", 1), Corrupt),
    "header.crc32": (DATA[:20] + b"\x01" + DATA[21:], Corrupt),
    "file": (DATA + b"x", Corrupt),
    "header.version": (MAGIC + b"\x01" + DATA[5:], Unsupported),
}


@pytest.mark.parametrize("field", WRONG)
def test_what_is_wrong_is_named(field):
    data, error = WRONG[field]
    with pytest.raises(error, match=field.replace(".", r"\.")):
        parse_sequence(data)
