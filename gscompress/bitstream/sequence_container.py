"""The container of a sequence of frames, as SEQUENCES.md lays it out: header, table of frames, payloads with checksums."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from ..errors import Corrupt, FormatError, Truncated, Unsupported
from .container import MAGIC, PREFIX

SEQUENCE_VERSION = 2
FIXED = struct.Struct("<IIII")
ENTRY = struct.Struct("<IIIIII")
MAX_FRAMES = 1 << 20
MAX_RATE = 1 << 24

assert ENTRY.size == 24


@dataclass(frozen=True)
class FrameEntry:
    """One frame, in the order of the file.

    Attributes:
        frame: its place in time, from 0.
        reference: entry of the frame that it follows; its own for a key frame.
        splats: how many it has.
        payload: a key frame's is a file by itself; another's is what `reference_decoder.following` reads.
    """

    frame: int
    reference: int
    splats: int
    payload: bytes


@dataclass(frozen=True)
class SequenceContainer:
    """A parsed file; frames a second as numerator and denominator; `entries` whose payloads are there, of `frames`."""

    rate: tuple[int, int]
    entries: tuple[FrameEntry, ...]
    frames: int


def is_sequence(data: bytes) -> bool:
    """Whether these bytes begin like a sequence."""
    return len(data) >= PREFIX.size and data[:4] == MAGIC and PREFIX.unpack_from(data)[1] == SEQUENCE_VERSION


def pack_sequence(rate: tuple[int, int], entries: list[FrameEntry]) -> bytes:
    """The bytes of a file."""
    table = b"".join(
        ENTRY.pack(e.frame, e.reference, e.splats, len(e.payload), zlib.crc32(e.payload), 0) for e in entries
    )
    body = FIXED.pack(len(entries), *rate, 0) + table
    head = PREFIX.pack(MAGIC, SEQUENCE_VERSION, 0, PREFIX.size + len(body), zlib.crc32(body))
    return b"".join([head, body, *(e.payload for e in entries)])


def parse_sequence(data: bytes, name: str = "<bytes>", partial: bool = False) -> SequenceContainer:
    """Header, table and payloads of a sequence.

    Args:
        data: a file, or the beginning of one that ends where a frame ends (with `partial`: anywhere after the table).
        name: the file's name, for errors.
        partial: take the whole frames of a file that is cut anywhere.

    Raises:
        Truncated, Corrupt, Unsupported.
    """

    def wrong(error: type[FormatError], field: str, expected: object, found: object) -> FormatError:
        return error(name, field, str(expected), str(found))

    if not is_sequence(data):
        raise wrong(Unsupported, "header.version", SEQUENCE_VERSION, "another")
    _, _, flags, size, crc = PREFIX.unpack_from(data)
    if flags:
        raise wrong(Unsupported, "header.flags", "0", f"{flags} (a newer gscompress wrote this file)")
    least = PREFIX.size + FIXED.size
    if size < least + ENTRY.size or (size - least) % ENTRY.size:
        raise wrong(Corrupt, "header.header_size", f"{least} and {ENTRY.size} a frame", size)
    if len(data) < size:
        raise wrong(Truncated, "header", f"{size} bytes", f"{len(data)} bytes")
    if zlib.crc32(data[PREFIX.size : size]) != crc:
        raise wrong(Corrupt, "header.crc32", "the checksum of the header", "another")
    frames, numerator, denominator, reserved = FIXED.unpack_from(data, PREFIX.size)
    if frames != (size - least) // ENTRY.size or frames > MAX_FRAMES:
        raise wrong(Corrupt, "header.frames", f"{(size - least) // ENTRY.size}, at most {MAX_FRAMES}", frames)
    for field, value in (("rate_numerator", numerator), ("rate_denominator", denominator)):
        if not 1 <= value <= MAX_RATE:
            raise wrong(Corrupt, f"header.{field}", f"1 to {MAX_RATE}", value)
    if reserved:
        raise wrong(Corrupt, "header.reserved", 0, reserved)

    entries: list[FrameEntry] = []
    seen: set[int] = set()
    offset, whole = size, True
    for i in range(frames):
        frame, reference, splats, length, crc, reserved = ENTRY.unpack_from(data, least + i * ENTRY.size)
        if frame >= frames or frame in seen:
            raise wrong(Corrupt, f"frame {i}.frame", f"each of 0 to {frames - 1} once", frame)
        seen.add(frame)
        if reference > i:
            raise wrong(Corrupt, f"frame {i}.reference", f"at most {i}", reference)
        if reserved:
            raise wrong(Corrupt, f"frame {i}.reserved", 0, reserved)
        end = offset + length
        if whole and end > len(data):
            whole = False
            if offset != len(data) and not partial:
                raise wrong(Truncated, f"frame {i}", f"{length} bytes", f"{len(data) - offset} bytes")
        if whole:
            payload = data[offset:end]
            if zlib.crc32(payload) != crc:
                raise wrong(Corrupt, f"frame {i}.crc32", "the checksum of the payload", "another")
            entries.append(FrameEntry(frame, reference, splats, payload))
        offset = end
    if whole and offset != len(data):
        raise wrong(Corrupt, "file", f"{offset} bytes", f"{len(data)} bytes")
    return SequenceContainer((numerator, denominator), tuple(entries), frames)
