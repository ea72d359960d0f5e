"""Damaged and hostile files: a typed error or a whole, finite scene, in bounded time and memory."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hostile import mended, patched

from gscompress import codec
from gscompress.bitstream import container
from gscompress.errors import BadMagic, Corrupt, FormatError, Truncated, Unsupported

GOOD = Path(__file__).resolve().parents[1] / "golden" / "v1" / "good"
MUTATIONS = 10_000
MEMORY = 100 << 20


def golden(name: str) -> bytes:
    return (GOOD / f"{name}.gsz").read_bytes()


def peak_bytes() -> int:
    """Most memory this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def test_every_truncation():
    data = golden("blocks")
    file = container.parse(data)
    ends = np.cumsum([len(data) - sum(s.size for s in file.sections), *(s.size for s in file.sections)]).tolist()
    before = -1
    for size in range(len(data)):
        if size not in ends:
            expected = BadMagic if size == 0 else Truncated
            with pytest.raises(expected) as caught:
                codec.decode(data[:size])
            assert type(caught.value) is expected
        if size >= ends[0]:
            decoded = codec.decode(data[:size], partial=True)
            assert decoded.scene.finite().all()
            assert decoded.chunks >= before
            before = decoded.chunks
            if size in ends:
                assert codec.decode(data[:size]).chunks == decoded.chunks
    whole = codec.decode(data)
    assert whole.chunks == whole.chunks_total == before  # only the encoder's note is after the last chunk


def mutated(random: np.random.Generator, data: bytes) -> bytes:
    """`data` with a few bytes changed, in the payloads more often than in the header; sometimes cut."""
    out = bytearray(data)
    header = int.from_bytes(data[8:12], "little")
    for _ in range(int(random.integers(1, 5))):
        low, high = [(0, len(out)), (16, container.FIXED_HEADER), (header, len(out)), (header, len(out))][int(random.integers(4))]
        at = int(random.integers(low, max(high, low + 1)))
        run = int(random.integers(1, 40)) if random.random() < 0.1 else 1
        value = int(random.choice([0, 1, 127, 128, 255])) if random.random() < 0.5 else int(random.integers(256))
        out[at : at + run] = bytes([value]) * len(out[at : at + run])
    if random.random() < 0.05:
        del out[int(random.integers(len(out))) :]
    return bytes(out)


def test_mutations():
    """Half of them with their checksums mended, so that the coder meets symbols that nobody encoded."""
    random = np.random.default_rng(0)
    originals = [golden(name) for name in ("one", "sh1", "antialiased", "huge", "duplicates", "blocks", "ancillary", "forced")]
    for data in originals:
        codec.decode(data)
    memory, began, slowest, decoded = peak_bytes(), time.perf_counter(), 0.0, 0
    refusals: set[str] = set()
    for k in range(MUTATIONS):
        data = mutated(random, originals[k % len(originals)])
        start = time.perf_counter()
        try:
            scene = codec.decode(mended(data) if k // len(originals) % 2 else data, partial=k % 3 == 0).scene
        except (BadMagic, Truncated, Corrupt, Unsupported) as error:
            refusals.add(str(error))
        else:
            decoded += 1
            assert scene.finite().all()
        slowest = max(slowest, time.perf_counter() - start)
    assert not [text for text in refusals if "\n" in text]
    assert decoded > 200  # the mended ones do reach the coder
    assert peak_bytes() - memory < MEMORY
    assert slowest < 2
    assert time.perf_counter() - began < 100


def lying(count: int, size: int) -> bytes:
    """A file with good checksums whose one chunk of `size` zero bytes claims `count` splats."""
    header = container.Header(count, 3, 0, 21, (0,), 1, (0.0, 0.0, 0.0), 1.0, (0, 0, 0), 1, 0, (0,) * 6, (0,) * 7, (0,) * 70)
    fields = {**vars(header), "splats": 0}
    data = container.pack(container.Header(**fields), [container.Section(container.GEOMETRY, 0, 0, 0, bytes(size))])
    return patched(data, [(16, "I", count), (container.FIXED_HEADER + 12, "I", count)])


@pytest.mark.parametrize(
    ("data", "error", "field"),
    [
        (b"GSZ\x1a\1\0\0\0" + (40).to_bytes(4, "little") + bytes(4) + (10**9).to_bytes(4, "little") + bytes(20), Corrupt, "header.size"),
        (lying(2**32 - 1, 0), Unsupported, "header.splats"),
        (lying(1 << 26, 0), Corrupt, "section 0.splats"),
        (lying(8 * 1001 + 1, 1000), Corrupt, "section 0.splats"),
    ],
    ids=["a billion in 40 bytes", "4 billion", "64 million in no bytes", "9 in a byte"],
)
def test_lying_counts(data, error, field):
    memory, began = peak_bytes(), time.perf_counter()
    with pytest.raises(error) as caught:
        codec.decode(data)
    assert caught.value.field == field
    assert peak_bytes() - memory < MEMORY
    assert time.perf_counter() - began < 2


def test_a_count_that_the_bytes_just_allow():
    """A million bytes may hold 8 million splats: 2 GB of output, not touched before the stream is found out."""
    data = lying(1 << 23, 1 << 20)
    data = data[:-(1 << 20)] + np.random.default_rng(0).bytes(1 << 20)
    memory, began = peak_bytes(), time.perf_counter()
    with pytest.raises(FormatError):
        codec.decode(mended(data))
    assert peak_bytes() - memory < 8 * MEMORY
    assert time.perf_counter() - began < 60


def test_newer_versions_are_named():
    data = golden("one")
    with pytest.raises(Unsupported, match=r"header.version: expected 1, found 3 \(a newer gscompress wrote this file\)"):
        codec.decode(patched(data, [(4, "H", 3)]))
    with pytest.raises(Unsupported, match=r"section 0.type: expected a known section, found 22 version 1"):
        codec.decode(patched(data, [(container.FIXED_HEADER, "H", 22)]))


def test_unknown_ancillary_sections_are_skipped():
    file = container.parse(golden("one"))
    extra = container.Section(0xABCD, 9, 9, 9, b"something new")
    data = container.pack(file.header, [extra, *file.sections, extra])
    assert codec.decode(data).scene.means.tobytes() == codec.decode(golden("one")).scene.means.tobytes()
    assert codec.describe(data).sections[1].kind == "type 43981"
