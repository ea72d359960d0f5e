"""Header and section table: what is written is read, and everything else is refused by name."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gscompress.bitstream import container
from gscompress.bitstream.container import ABOUT, BASIS, GEOMETRY, HARMONICS, Header, Section, pack, parse
from gscompress.errors import BadMagic, Corrupt, FormatError, Truncated, Unsupported

HEADER = Header(
    9, 1, 2, 5, (7, 0), 2, (-1.5, 0.0, 2e6), 0.25, (3, -4, 5), 17, -1000, (1, -2, 3, -4, 5, -6), (10, 20, 30, -40, 50, 60, 70),
    tuple(range(-35, 35)), True,
)  # fmt: skip
COUNTS = {(0, 0): 4, (0, 1): 0, (1, 0): 3, (1, 1): 2}
CHUNKS = [Section(kind, block, layer, n, bytes([kind, block, layer]))
          for kind in (GEOMETRY, HARMONICS) for (layer, block), n in COUNTS.items()]  # fmt: skip
SECTIONS = [Section(BASIS, 0, 0, 0, b"basis"), *CHUNKS, Section(ABOUT, 0, 0, 0, b"{}")]
FILE = pack(HEADER, SECTIONS)


def test_sizes():
    assert (container.PREFIX.size, container.FIXED_HEADER, container.ENTRY.size) == (16, 270, 24)
    empty = pack(Header(0, 0, 0, 1, (0,), 1, (0.0, 0.0, 0.0), 1.0, (0, 0, 0), 1, 0, (0,) * 6, (0,) * 7, (0,) * 70), [Section(GEOMETRY, 0, 0, 0, b"")])
    assert len(empty) == 270 + 24


def test_exact_bytes():
    """The beginning of the file, field by field; and both checksums."""
    size = 270 + 24 * 10
    assert FILE[:12] == b"GSZ\x1a" + struct.pack("<HHI", 1, 1, size)
    assert struct.unpack("<I", FILE[12:16])[0] == zlib.crc32(FILE[16:size])
    assert FILE[16:32] == struct.pack("<IBBBBBBBBI", 9, 1, 2, 5, 2, 7, 0, 0, 0, 2)
    assert FILE[32:64] == struct.pack("<4d", -1.5, 0.0, 2e6, 0.25)
    assert FILE[270:294] == struct.pack("<HHIHHIII", BASIS, 1, 0, 0, 0, 0, 5, zlib.crc32(b"basis"))
    assert FILE[size : size + 5] == b"basis"


def test_round_trip():
    file = parse(FILE)
    assert file.header == HEADER
    assert [(s.kind, s.block, s.layer, s.splats, s.payload) for s in file.sections] == [
        (s.kind, s.block, s.layer, s.splats, s.payload) for s in SECTIONS
    ]
    assert file.complete


def test_short_geometry_is_padded():
    count = 8 * 5
    header = Header(count, 0, 0, 1, (0,), 1, (0.0, 0.0, 0.0), 1.0, (0, 0, 0), 1, 0, (0,) * 6, (0,) * 7, (0,) * 70)
    assert parse(pack(header, [Section(GEOMETRY, 0, 0, count, b"")])).sections[0].payload == bytes(4)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(FILE) - 1), st.booleans())
def test_every_cut(size, partial):
    """Between payloads a file may end; in one only if the caller agrees; in the header never."""
    ends = [270 + 24 * 10]
    for s in SECTIONS:
        ends.append(ends[-1] + len(s.payload))
    if size in ends or (partial and size > ends[0]):
        file = parse(FILE[:size], partial=partial)
        assert sum(s.present for s in file.sections) == max(i for i, end in enumerate(ends) if end <= size)
        assert not file.complete
    else:
        with pytest.raises(BadMagic if size == 0 else Truncated):
            parse(FILE[:size], partial=partial)


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"sh_components": 10}, Corrupt, "header.sh_components"),
        ({"depth": 0}, Corrupt, "header.depth"),
        ({"lowest_class": (0, 7)}, Corrupt, "header.lowest_class"),
        ({"voxel": 0.0}, Corrupt, "header.voxel"),
        ({"view_radius": 0}, Corrupt, "header.view_radius"),
        ({"log2_footprint": 1 << 20}, Corrupt, "header.log2_footprint"),
        ({"mean": (1 << 21,) + (0,) * 6}, Corrupt, "header.mean"),
        ({"splats": 10}, Corrupt, "header.splats"),
        ({"splats": (1 << 26) + 1}, Unsupported, "header.splats"),
        ({"blocks": 3}, Corrupt, "section 3.block, .layer"),
        ({"sh_degree": 0, "sh_components": 0}, Corrupt, "sections"),
    ],
)
def test_header_fields(change, error, field):
    with pytest.raises(error) as caught:
        parse(pack(Header(**{**vars(HEADER), **change}), SECTIONS), "name")
    assert (caught.value.file, caught.value.field) == ("name", field)


@pytest.mark.parametrize(
    "order",
    [[1, 0, *range(2, 9)], [0, 2, 1, *range(3, 9)], [*range(5), *range(5, 9)][::-1], list(range(8)), [0, 1, 2, 3, 5, 4, 6, 7, 8]],
    ids=["basis after geometry is fine", "blocks", "backwards", "one missing", "harmonics between"],
)
def test_order(order):
    file = pack(HEADER, [SECTIONS[i] for i in order])
    if order[:2] == [1, 0]:
        parse(file)
    else:
        with pytest.raises(Corrupt):
            parse(file)


def test_types():
    for kind in (0, 5, 15, 16, 18, 31, 0x7FFF):
        with pytest.raises(Unsupported, match="newer gscompress"):
            parse(pack(HEADER, [*SECTIONS, Section(kind, 0, 0, 0, b"")]))
    for kind in (0x8000, 0x8002, 0xFFFF):
        file = parse(pack(HEADER, [Section(kind, 1, 2, 3, b"?"), *SECTIONS]))
        assert file.sections[0].payload == b"?"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes(tail, magic):
    with pytest.raises(FormatError):
        parse((b"GSZ\x1a\1\0" if magic else b"") + tail)
