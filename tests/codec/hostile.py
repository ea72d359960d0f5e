"""Files whose symbols or fields are chosen, not encoded: what no encoder would write, but a decoder has to bear.

The reference decoder codes against any object with `code` and `check`. Given one that picks each decision by itself and
encodes it on the side, it writes a stream that decodes to just these decisions.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from gscompress.bitstream import container
from gscompress.bitstream.container import BASIS, GEOMETRY, HARMONICS, Header, Section, pack
from gscompress.entropy.decisions import Decisions
from gscompress.entropy.range_coder import RangeEncoder
from gscompress.entropy.symbols import SIGNED_NODES, code_signed
from gscompress.model.prediction import FEATURES
from gscompress.model.steps import Params
from gscompress.reference_decoder.harmonics import HarmonicsDecoder
from gscompress.reference_decoder.octree import OctreeDecoder
from gscompress.reference_decoder.splats import SplatDecoder


class Forcing:
    """A `BitIO` that takes its decisions from an iterator and encodes them."""

    def __init__(self, bits: Iterator[int]) -> None:
        self.bits = bits
        self.encoder = RangeEncoder()

    def code(self, bit: int, p: int) -> int:
        """The next decision."""
        return self.encoder.code(next(self.bits), p)

    def check(self) -> None:
        """Never faulty."""


def octree_bits(codes: list[int], depth: int) -> Iterator[int]:
    """The decisions that lead the octree to these sorted codes."""
    for level in range(depth):
        children = {c >> 3 * (depth - 1 - level) for c in codes}
        for node in sorted({c >> 3 for c in children}):
            filled = 0
            for i in range(8):
                bit = int((node << 3 | i) in children)
                if i < 7 or filled:
                    yield bit
                filled += bit
    left, voxels = len(codes), sorted(set(codes))
    for k, voxel in enumerate(voxels):
        n = codes.count(voxel) - 1
        spare = left - (len(voxels) - k)
        yield from [1] * n + [0] * (n < spare)
        left -= n + 1


def random_bits(random: np.random.Generator, run: int = 40) -> Iterator[int]:
    """Decisions that keep to one side for a while: the long codes of large values among short ones."""
    while True:
        share = random.choice([0.02, 0.3, 0.5, 0.9, 0.99])
        yield from (random.random(int(random.integers(1, run))) < share).astype(int).tolist()


def forced_file(header: Header, basis: np.ndarray, chunks: list[list[list[int]]], seed: int) -> bytes:
    """A file whose symbols beside the octree's are random.

    Args:
        header: `splats` and `blocks` are filled in here; so is `sh_components`.
        basis: int64 [components, 3 rest]; components + 1 has to be a power of two, so that no count exceeds it.
        chunks: Morton codes by block and layer.
        seed: of the symbols.
    """
    fields = {f: getattr(header, f) for f in header.__dataclass_fields__}
    fields |= {"splats": sum(len(c) for b in chunks for c in b), "blocks": len(chunks), "sh_components": len(basis)}
    header = Header(**fields)
    predictor = tuple(header.predictor[i : i + FEATURES] for i in range(0, len(header.predictor), FEATURES))
    params = Params(
        header.depth, header.origin, header.voxel, header.log2_step, header.view_centre, header.view_radius,
        header.log2_footprint, header.mean, predictor, basis,
    )  # fmt: skip
    random = np.random.default_rng(seed)
    geometry, harmonics = {}, {}
    for b, layers in enumerate(chunks):
        octree, splats, sh = OctreeDecoder(), SplatDecoder(params), HarmonicsDecoder(len(basis))
        earlier: list[int] = []
        for layer, codes in enumerate(layers):
            io = Forcing(octree_bits(codes, header.depth))
            assert octree.decode(io, header.depth, len(codes), earlier) == codes
            io.bits = random_bits(random)
            for code in codes:
                splats.decode(io, layer, header.lowest_class[layer], code)
            geometry[layer, b] = (io.encoder.finish(), len(codes))
            earlier = sorted(earlier + codes)
        done = 0
        for layer, codes in enumerate(layers if len(basis) else []):
            io = Forcing(random_bits(random))
            for s in splats.splats[done : done + len(codes)]:
                sh.decode(io, s.color_class, splats.fine_cell(s.code))
            harmonics[layer, b] = (io.encoder.finish(), len(codes))
            done += len(codes)
    sections = [Section(BASIS, 0, 0, 0, basis_stream(basis))] if len(basis) else []
    for kind, streams in ((GEOMETRY, geometry), (HARMONICS, harmonics)):
        sections += [Section(kind, b, layer, count, data) for (layer, b), (data, count) in sorted(streams.items())]
    return pack(header, sections)


def basis_stream(basis: np.ndarray) -> bytes:
    """The payload of the basis section."""
    io, model = RangeEncoder(), Decisions(SIGNED_NODES, (64,))
    for row in basis.tolist():
        for column, value in enumerate(row):
            code_signed(io, model, model.at((column,)), value)
    return io.finish()


def mended(data: bytes | bytearray) -> bytes:
    """`data` with the checksums of its header and of the sections that are there, so far as the table is readable."""
    out = bytearray(data)
    if len(out) < container.FIXED_HEADER:
        return bytes(out)
    size = struct.unpack_from("<I", out, 8)[0]
    if not container.FIXED_HEADER <= size <= len(out):
        return bytes(out)
    offset = size
    for at in range(container.FIXED_HEADER, size - container.ENTRY.size + 1, container.ENTRY.size):
        length = struct.unpack_from("<I", out, at + 16)[0]
        if offset + length > len(out):
            break
        struct.pack_into("<I", out, at + 20, zlib.crc32(out[offset : offset + length]))
        offset += length
    struct.pack_into("<I", out, 12, zlib.crc32(out[16:size]))
    return bytes(out)


def patched(data: bytes, changes: Iterable[tuple[int, str, int | float]]) -> bytes:
    """`data` with (offset, struct format, value) written into it and its checksums mended."""
    out = bytearray(data)
    for at, form, value in changes:
        struct.pack_into("<" + form, out, at, value)
    return mended(out)
