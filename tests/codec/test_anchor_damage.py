"""Damaged and hostile files of anchors: typed errors, the same from both decoders, or a whole scene; in bounded time."""

from __future__ import annotations

import itertools
import struct
import time
from dataclasses import replace

import numpy as np
import pytest
from anchors_for_tests import PARTS, forced_anchors, packed, random_draft
from hostile import mended, patched
from parity import ARRAYS, assert_parity
from test_damage import mutated, peak_bytes

from gscompress import codec, reference_decoder
from gscompress.bitstream import container
from gscompress.bitstream.anchor_heads import GUESS, MAX_WORK_PER_BYTE, NEAR, NetworksHead
from gscompress.bitstream.container import (
    ANCHORS,
    BASIS,
    CONDITION,
    ENTRY,
    FIXED_HEADER,
    GEOMETRY,
    HARMONICS,
    NETWORKS,
    Section,
    pack,
)
from gscompress.errors import BadMagic, Corrupt, FormatError, Truncated, Unsupported
from gscompress.model.anchors import IntegerLayer, IntegerNetwork

MUTATIONS = 4000


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """So that of two bad blocks it is always the first that is named."""
    monkeypatch.setenv("GSCOMPRESS_THREADS", "1")


@pytest.fixture(scope="module")
def data() -> bytes:
    """A small file with every part."""
    return packed(random_draft(40, 1, 3, 4)[0])


def verdict(decode, data: bytes):
    """Kind and field of what is wrong, or the scene's bytes."""
    try:
        scene = decode(data).scene
    except FormatError as error:
        return type(error), error.field
    return [getattr(scene, name).tobytes() for name in ARRAYS]


def assert_agree(data: bytes) -> None:
    assert verdict(codec.decode, data) == verdict(reference_decoder.decode, data)


def sections_of(data: bytes) -> list[Section]:
    return list(container.parse(data).sections)


def with_payload(data: bytes, kind: int, payload: bytes) -> bytes:
    """`data` with the first section of a kind replaced, checksums mended; nothing is padded."""
    file = container.parse(data)
    index = next(i for i, s in enumerate(file.sections) if s.kind == kind)
    at = len(data) - sum(s.size for s in file.sections[index:])
    out = bytearray(data[:at] + payload + data[at + file.sections[index].size :])
    struct.pack_into("<I", out, FIXED_HEADER + ENTRY.size * index + 16, len(payload))
    return mended(out)


def test_networks_come_before_the_basis(data):
    """Of two bad streams it is the same that both decoders name."""
    payloads = {s.kind: s.payload for s in sections_of(data)}
    head = NetworksHead.read(payloads[NETWORKS]).size
    broken = with_payload(data, BASIS, b"\xff" * len(payloads[BASIS]))
    assert verdict(codec.decode, broken)[1] == "basis"
    broken = with_payload(broken, NETWORKS, payloads[NETWORKS][:head] + b"\xff" * (len(payloads[NETWORKS]) - head))
    assert verdict(codec.decode, broken)[1] == "networks"
    assert_agree(broken)


def test_every_truncation(data):
    file = container.parse(data)
    ends = np.cumsum([len(data) - sum(s.size for s in file.sections), *(s.size for s in file.sections)]).tolist()
    before = -1
    for size in range(len(data)):
        if size not in ends:
            with pytest.raises(BadMagic if size == 0 else Truncated):
                codec.decode(data[:size])
        if size >= ends[0]:
            decoded = codec.decode(data[:size], partial=True)
            assert decoded.scene.finite().all()
            assert decoded.chunks >= before
            before = decoded.chunks


def test_every_section_cut_short(data):
    """By each length, with the table saying so: a stream that ends too soon, not a file."""
    for kind in (NETWORKS, CONDITION, ANCHORS):
        payload = next(s.payload for s in sections_of(data) if s.kind == kind)
        for size in (*range(0, min(len(payload), 40)), len(payload) // 2, len(payload) - 1):
            assert_agree(with_payload(data, kind, payload[:size]))


def test_mutations(data):
    """Half of them with their checksums mended, so that the coder meets symbols that nobody encoded."""
    random = np.random.default_rng(1)
    originals = [data, packed(random_draft(30, 0, 4, 3, ("children",))[0]), packed(random_draft(30, 0, 5, 1, ())[0]), forced_anchors(6)]
    memory, slowest, decoded = peak_bytes(), 0.0, 0
    refusals: set[str] = set()
    for k in range(MUTATIONS):
        changed = mutated(random, originals[k % len(originals)])
        start = time.perf_counter()
        try:
            scene = codec.decode(mended(changed) if k // len(originals) % 2 else changed, partial=k % 3 == 0).scene
        except (BadMagic, Truncated, Corrupt, Unsupported) as error:
            refusals.add(str(error))
        else:
            decoded += 1
            assert scene.finite().all()
        slowest = max(slowest, time.perf_counter() - start)
    assert decoded > 100
    assert not [text for text in refusals if "\n" in text]
    assert peak_bytes() - memory < 100 << 20
    assert slowest < 2


@pytest.mark.parametrize("kind", [NETWORKS, CONDITION, ANCHORS], ids=container.KINDS.get)
def test_both_decoders_agree(data, kind):
    """On mended changes of one kind of section."""
    payload = next(s.payload for s in sections_of(data) if s.kind == kind)
    random = np.random.default_rng(kind)
    for _ in range(40):
        changed = bytearray(payload)
        for at in random.integers(0, min(len(payload), int(random.choice([8, 40, 1000]))), int(random.integers(1, 4))):
            changed[at] = int(random.choice([0, 1, 2, 5, 63, 127, 255, int(random.integers(256))]))
        assert_agree(with_payload(data, kind, bytes(changed)))


@pytest.mark.parametrize("seed", range(10))
def test_forced_symbols(seed):
    """The longest codes and saturated values: the same bytes, and finite."""
    assert assert_parity(forced_anchors(seed)).finite().all()


def orders(data: bytes):
    """Files whose sections are not those of a file of anchors; and what is said to be wrong."""
    file = container.parse(data)
    by_kind = {kind: [s for s in file.sections if s.kind == kind] for kind in container.CRITICAL}
    networks, grid, anchors, harmonics = (by_kind[k] for k in (NETWORKS, CONDITION, ANCHORS, HARMONICS))
    basis = by_kind[container.BASIS]
    header = file.header
    yield "sections", [*basis, *grid, *anchors, *harmonics]
    yield "sections", [*basis, *anchors, *networks, *grid, *harmonics]
    yield "sections", [*basis, *grid, *networks, *anchors, *harmonics]
    yield "sections", [*basis, *networks, *networks, *grid, *anchors, *harmonics]
    yield "sections", [*basis, *networks, *grid, *grid, *anchors, *harmonics]
    yield "sections", [*basis, *networks, *anchors, *grid, *harmonics]
    yield "sections", [*basis, *networks, *anchors, *harmonics]
    yield "sections", [*basis, *networks, *grid, *harmonics]
    yield "sections", [*basis, *networks, *grid, *anchors]
    yield "sections", [*basis, *networks, *grid, *(Section(GEOMETRY, s.block, 0, s.splats, s.payload) for s in anchors), *harmonics]
    yield f"section {4 + header.blocks - 1}.block, .layer", [*basis, *networks, *grid, *anchors, anchors[0], *harmonics]


def test_orders(data):
    header = container.parse(data).header
    for field, sections in orders(data):
        changed = pack(header, sections)
        assert verdict(codec.decode, changed) == (Corrupt, field)
        assert_agree(changed)
    two = patched(data, [(23, "B", 2), (24, "H", 1)])
    assert verdict(codec.decode, two) == (Corrupt, "header.layers")
    assert_agree(two)


def test_counts(data):
    """Anchors against splats, and against what the networks' work allows."""
    file = container.parse(data)
    index = next(i for i, s in enumerate(file.sections) if s.kind == ANCHORS)
    chunk = file.sections[index]
    for anchors in (0, 1, chunk.splats + 1, 1 << 31, 2**32 - 1):
        changed = with_payload(data, ANCHORS, struct.pack("<I", anchors) + chunk.payload[4:])
        assert verdict(codec.decode, changed) == (Corrupt, f"section {index}.anchors")
        assert_agree(changed)
    more, fewer = (int.from_bytes(chunk.payload[:4], "little") + d for d in (1, -1))
    for anchors in (more, fewer):
        changed = with_payload(data, ANCHORS, struct.pack("<I", anchors) + chunk.payload[4:])
        assert_agree(changed)


def widest(claimed: int, anchors: int, size: int) -> bytes:
    """The widest networks (zero bytes are weights of zero), and a chunk of `size` zero bytes that claims so much."""
    head = bytes([48, 0, 0, 0, 3, 15, 0, 0, 4, 0]) + struct.pack("<4H", 256, 256, 256, 48 * 21)
    numbers = 256 * (NEAR + 2) + 2 * 256 * 258 + 48 * 21 * 258
    header = container.Header(claimed, 0, 0, 21, (0,), 1, (0.0, 0.0, 0.0), 1.0, (0, 0, 0), 1, 0, (0,) * 6, (0,) * 7, (0,) * 70)
    chunk = struct.pack("<I", anchors) + bytes(size)
    return pack(header, [Section(NETWORKS, 0, 0, 0, head + bytes(-(-numbers // 64) - 1)), Section(ANCHORS, 0, 0, claimed, chunk)])


def test_work_is_bounded_by_size():
    """As many anchors as a megabyte may hold are looked at; one more is refused at once."""
    size = 1 << 20
    work = NetworksHead.read(sections_of(widest(1, 1, size))[0].payload).work
    most = MAX_WORK_PER_BYTE * (size + 4 + 1) // work
    for anchors, field in ((most + 1, "section 1.anchors"), (most, "anchors of block 0, layer 0")):
        start = time.perf_counter()
        with pytest.raises(Corrupt) as caught:
            codec.decode(widest(anchors, anchors, size))
        assert caught.value.field == field
        assert time.perf_counter() - start < 2


def test_short_chunks_are_padded():
    """Networks whose work is worth more than the children's bits."""
    draft, _ = random_draft(40, 0, 12, 48, ("children",))
    random = np.random.default_rng(0)
    widths = (NEAR, 256, 256, 256, 48 * GUESS)
    layers = [
        IntegerLayer(random.integers(-9, 10, (o, i)).astype(np.int8), np.zeros(o, np.int32), np.full(o, 9, np.uint8))
        for i, o in itertools.pairwise(widths)
    ]
    draft = replace(draft, networks=replace(draft.networks, children=IntegerNetwork(tuple(layers))))
    data = packed(draft)
    file = container.parse(data)
    assert file.networks
    sizes = [(len(s.payload), file.networks.needed(int.from_bytes(s.payload[:4], "little"))) for s in file.sections if s.kind == ANCHORS]
    assert all(size >= needed for size, needed in sizes)
    assert any(size == needed for size, needed in sizes)
    assert len(assert_parity(data)) == 40


@pytest.mark.parametrize("section", [NETWORKS, CONDITION], ids=container.KINDS.get)
def test_numbers_are_bounded_by_size(section):
    """More weights, or more entries, than 64 a byte."""
    draft, _ = random_draft(20, 0, 11, 3, PARTS)
    data = packed(draft)
    payload = next(s.payload for s in sections_of(data) if s.kind == section)
    name = container.KINDS[section]
    head = container.parse(data).networks if section == NETWORKS else container.parse(data).grid
    assert head
    changed = with_payload(data, section, payload[: head.size])
    assert verdict(codec.decode, changed) == (Corrupt, name)
    assert_agree(changed)
