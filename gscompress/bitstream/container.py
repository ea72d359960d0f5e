"""The container of a `.gsz` file, as FORMAT.md lays it out: header, section table, payloads with checksums.

The Python side of cuda/core/codec/file.cpp: `pack` writes what that file parses, `parse` says the same of a file.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, fields

from ..errors import BadMagic, Corrupt, FormatError, Truncated, Unsupported
from .anchor_heads import GridHead, HeadFault, NetworksHead, anchors_of

MAGIC = b"GSZ\x1a"
VERSION = 1
FLAG_ANTIALIASED = 1
PREFIX = struct.Struct("<4sHHII")
FIXED = struct.Struct("<IBBBB4BI3dd3iii6h7i70hHI")
ENTRY = struct.Struct("<HHIHHIII")
FIXED_HEADER = PREFIX.size + FIXED.size
MAX_LAYERS = 4
MAX_SPLATS_PER_BYTE = 8
MAX_SPLATS = 1 << 26
"""No file claims more than this without being refused."""
VALUE_LIMIT = 1 << 20

BASIS, GEOMETRY, HARMONICS, ANCHORS, NETWORKS, CONDITION, ABOUT = 1, 2, 3, 4, 17, 20, 0x8001
ANCILLARY = 0x8000
"""Types from here on may be skipped by a decoder that does not know them."""
KINDS = {
    BASIS: "basis", GEOMETRY: "geometry", HARMONICS: "harmonics", ANCHORS: "anchors", NETWORKS: "networks",
    CONDITION: "condition", ABOUT: "about",
}  # fmt: skip
CRITICAL = (BASIS, GEOMETRY, HARMONICS, ANCHORS, NETWORKS, CONDITION)
CHUNKS = (GEOMETRY, ANCHORS, HARMONICS)

assert FIXED_HEADER == 270
assert ENTRY.size == 24


@dataclass(frozen=True)
class Header:
    """Everything the decoder knows beside the chunks. Integers are fixed point as FORMAT.md says."""

    splats: int
    sh_degree: int
    sh_components: int
    depth: int
    lowest_class: tuple[int, ...]
    blocks: int
    origin: tuple[float, float, float]
    voxel: float
    view_centre: tuple[int, int, int]
    view_radius: int
    log2_footprint: int
    log2_step: tuple[int, ...]
    mean: tuple[int, ...]
    predictor: tuple[int, ...]
    antialiased: bool = False


@dataclass(frozen=True)
class Section:
    """One payload and its place. `present` is false past the end of a cut file."""

    kind: int
    block: int
    layer: int
    splats: int
    payload: bytes
    size: int = 0
    present: bool = True


@dataclass(frozen=True)
class Container:
    """A parsed file; `networks` and `grid` where it is one of anchors and they are there."""

    header: Header
    sections: tuple[Section, ...]
    networks: NetworksHead | None = None
    grid: GridHead | None = None

    @property
    def complete(self) -> bool:
        """Nothing is cut off."""
        return all(s.present for s in self.sections)

    @property
    def anchors(self) -> int | None:
        """Anchors in the chunks that are there; None where there can be none."""
        if self.networks is None:
            return None
        return sum(anchors_of(s.payload, s.splats, self.networks) for s in self.sections if s.kind == ANCHORS and s.present)


def pack(header: Header, sections: list[Section]) -> bytes:
    """The bytes of a file. Chunks are padded to the size that their number of splats needs."""
    padded = []
    for s in sections:
        needed = max(0, -(-s.splats // MAX_SPLATS_PER_BYTE) - 1) if s.kind in (GEOMETRY, ANCHORS) else 0
        padded.append(s.payload + bytes(max(0, needed - len(s.payload))))
    table = b"".join(
        ENTRY.pack(s.kind, 1, s.block, s.layer, 0, s.splats, len(data), zlib.crc32(data))
        for s, data in zip(sections, padded, strict=True)
    )
    lowest = (*header.lowest_class, *(0,) * (MAX_LAYERS - len(header.lowest_class)))
    fixed = FIXED.pack(
        header.splats, header.sh_degree, header.sh_components, header.depth, len(header.lowest_class), *lowest,
        header.blocks, *header.origin, header.voxel, *header.view_centre, header.view_radius, header.log2_footprint,
        *header.log2_step, *header.mean, *header.predictor, 0, len(sections),
    )  # fmt: skip
    body = fixed + table
    flags = FLAG_ANTIALIASED if header.antialiased else 0
    return b"".join([PREFIX.pack(MAGIC, VERSION, flags, PREFIX.size + len(body), zlib.crc32(body)), body, *padded])


def parse(data: bytes, name: str = "<bytes>", partial: bool = False) -> Container:
    """Header and sections of `data`; the checks are those of the native decoder.

    Args:
        data: a file, or the beginning of one that ends where a chunk ends (with `partial`: anywhere after the header).
        name: the file's name, for errors.
        partial: take the whole chunks of a file that is cut anywhere.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported.
    """

    def wrong(error: type[FormatError], field: str, expected: object, found: object) -> FormatError:
        return error(name, field, str(expected), str(found))

    if data[:4] != MAGIC[: len(data)] or not data:
        raise wrong(BadMagic, "magic", "GSZ\\x1a", "other bytes")
    if len(data) < PREFIX.size:
        raise wrong(Truncated, "header", f"{FIXED_HEADER} bytes or more", f"{len(data)} bytes")
    _, version, flags, size, crc = PREFIX.unpack_from(data)
    if version != VERSION:
        raise wrong(Unsupported, "header.version", VERSION, f"{version} (a newer gscompress wrote this file)")
    if flags & ~FLAG_ANTIALIASED:
        raise wrong(Unsupported, "header.flags", "0 or 1", flags)
    if size < FIXED_HEADER:
        raise wrong(Corrupt, "header.size", f"{FIXED_HEADER} bytes or more", size)
    if len(data) < size:
        raise wrong(Truncated, "header", f"{size} bytes", f"{len(data)} bytes")
    if zlib.crc32(data[PREFIX.size : size]) != crc:
        raise wrong(Corrupt, "header.crc32", "the checksum of the header", "another")
    values = FIXED.unpack_from(data, PREFIX.size)
    header, reserved, count = _header(values, bool(flags & FLAG_ANTIALIASED), wrong)
    if reserved:
        raise wrong(Corrupt, "header.reserved", 0, reserved)
    if size != FIXED_HEADER + count * ENTRY.size:
        raise wrong(Corrupt, "header.sections", f"{(size - FIXED_HEADER) // ENTRY.size} table entries", count)
    if header.splats > MAX_SPLATS:
        raise wrong(Unsupported, "header.splats", f"at most {MAX_SPLATS}", header.splats)
    if not 1 <= header.blocks <= count:
        raise wrong(Corrupt, "header.blocks", f"1 to {count}", header.blocks)
    sections, offset, whole = [], size, True
    for i in range(count):
        kind, version, block, layer, reserved, splats, length, crc = ENTRY.unpack_from(data, FIXED_HEADER + i * ENTRY.size)
        if kind < ANCILLARY and (kind not in CRITICAL or version != 1):
            raise wrong(Unsupported, f"section {i}.type", "a known section", f"{kind} version {version} (a newer gscompress wrote this file)")
        if reserved:
            raise wrong(Corrupt, f"section {i}.reserved", 0, reserved)
        payload = data[offset : offset + length] if whole else b""
        if whole and len(payload) < length:
            whole = False
            if payload and not partial:
                raise wrong(Truncated, f"section {i}", f"{length} bytes", f"{len(payload)} bytes (a cut file can be read up to its last whole chunk: ask for a partial decode)")
        if whole and zlib.crc32(payload) != crc:
            raise wrong(Corrupt, f"section {i}.crc32", "the checksum of its bytes", "another")
        sections.append(Section(kind, block, layer, splats, payload if whole else b"", length, whole))
        offset += length
    if whole and len(data) != offset:
        raise wrong(Corrupt, "file", f"{offset} bytes", f"{len(data)} bytes")
    _check_order(header, sections, wrong)
    return Container(header, tuple(sections), *_anchor_heads(sections, wrong))


def _header(values: tuple, antialiased: bool, wrong) -> tuple[Header, int, int]:
    """Header, reserved field and section count of the unpacked fields; ranges are checked."""

    def check(field: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            raise wrong(Corrupt, f"header.{field}", f"{low} to {high}", value)

    splats, degree, components, depth, layers = values[:5]
    check("sh_degree", degree, 0, 3)
    check("sh_components", components, 0, 3 * ((degree + 1) ** 2 - 1))
    check("depth", depth, 1, 21)
    check("layers", layers, 1, MAX_LAYERS)
    lowest = values[5 : 5 + layers]
    for above, low in zip((16, *lowest), lowest, strict=False):
        check("lowest_class", low, 0, above - 1)
    blocks, origin, voxel = values[9], values[10:13], values[13]
    centre, radius, footprint = values[14:17], values[17], values[18]
    for value in origin:
        check("origin", value, -1e30, 1e30)
    check("voxel", voxel, 1e-20, 1e20)
    for value in centre:
        check("view_centre", value, -(1 << 26), 1 << 26)
    check("view_radius", radius, 1, 1 << 26)
    check("log2_footprint", footprint, -(128 << 12), 128 << 12)
    step, mean, predictor = values[19:25], values[25:32], values[32:-2]
    for value in mean:
        check("mean", value, -VALUE_LIMIT, VALUE_LIMIT)
    header = Header(
        splats, degree, components, depth, lowest, blocks, origin, voxel, centre, radius, footprint, step, mean, predictor,
        antialiased,
    )  # fmt: skip
    assert len(fields(header)) == 15
    return header, values[-2], values[-1]


def _check_order(header: Header, sections: list[Section], wrong) -> None:
    """Chunks of geometry or anchors layer by layer, in each layer block by block; then the harmonics in the same order."""
    anchored = any(s.kind in (ANCHORS, NETWORKS, CONDITION) for s in sections)
    if anchored:
        _check_anchor_sections(header, sections, wrong)
    main = ANCHORS if anchored else GEOMETRY
    chunks = header.blocks * len(header.lowest_class)
    done = {main: 0, HARMONICS: 0}
    counts: list[int] = []
    bases = 0
    for i, s in enumerate(sections):
        if s.kind == BASIS:
            bases += 1
            if bases > 1 or not header.sh_components:
                raise wrong(Corrupt, "sections", "one basis" if header.sh_components else "no basis", "another")
        if s.kind not in done:
            continue
        layer, block = divmod(done[s.kind], header.blocks)
        if (s.block, s.layer) != (block, layer) or done[s.kind] >= chunks:
            raise wrong(Corrupt, f"section {i}.block, .layer", f"{block}, {layer}", f"{s.block}, {s.layer}")
        if s.kind == main:
            if s.splats > MAX_SPLATS_PER_BYTE * (s.size + 1):
                raise wrong(Corrupt, f"section {i}.splats", f"at most {MAX_SPLATS_PER_BYTE} per byte", s.splats)
            counts.append(s.splats)
        elif done[main] != chunks:
            raise wrong(Corrupt, "sections", "all geometry before the harmonics", f"section {i}")
        elif done[s.kind] >= len(counts) or counts[done[s.kind]] != s.splats:
            raise wrong(Corrupt, f"section {i}.splats", "as many as the geometry chunk has", s.splats)
        elif not bases:
            raise wrong(Corrupt, "sections", "the basis before the harmonics", "none")
        done[s.kind] += 1
    for kind, wanted in ((main, chunks), (HARMONICS, chunks if header.sh_components else 0)):
        if done[kind] != wanted:
            raise wrong(Corrupt, "sections", f"{wanted} {KINDS[kind]} chunks", done[kind])
    if sum(counts) != header.splats:
        raise wrong(Corrupt, "header.splats", f"{sum(counts)} in the chunks", header.splats)


def _check_anchor_sections(header: Header, sections: list[Section], wrong) -> None:
    """Networks, then a condition grid or none, then anchors in the place of the geometry."""
    networks = grids = chunks = 0
    for s in sections:
        if s.kind == GEOMETRY:
            raise wrong(Corrupt, "sections", "anchors or geometry", "both")
        if s.kind == NETWORKS:
            if networks or grids or chunks:
                raise wrong(Corrupt, "sections", "networks once and first", "others")
            networks += 1
        elif s.kind == CONDITION:
            if grids or chunks or not networks:
                raise wrong(Corrupt, "sections", "one condition grid between networks and anchors", "others")
            grids += 1
        elif s.kind == ANCHORS:
            if not networks:
                raise wrong(Corrupt, "sections", "networks before the anchors", "none")
            chunks += 1
    if not networks:
        raise wrong(Corrupt, "sections", "networks before the anchors", "none")
    if len(header.lowest_class) != 1:
        raise wrong(Corrupt, "header.layers", "1 of anchors", len(header.lowest_class))


def _anchor_heads(sections: list[Section], wrong) -> tuple[NetworksHead | None, GridHead | None]:
    """The fields of fixed form in what is there of the networks, the grid and the anchors; all are checked."""
    networks = grid = None
    for i, s in enumerate(sections):
        if not s.present:
            continue
        try:
            if s.kind == NETWORKS:
                networks = NetworksHead.read(s.payload)
            elif s.kind == CONDITION:
                assert networks
                grid = GridHead.read(s.payload, networks)
            elif s.kind == ANCHORS:
                assert networks
                if networks.condition and not grid:
                    raise wrong(Corrupt, "sections", "a condition grid before the anchors", "none")
                anchors_of(s.payload, s.splats, networks)
        except HeadFault as fault:
            field = f"section {i}{fault.field}" if s.kind == ANCHORS else fault.field
            raise wrong(Corrupt, field, fault.expected, fault.found) from fault
    return networks, grid
