"""Niantic's .spz, versions 1 to 4 (written: 3 and 4).

All integers little-endian. Versions 1 to 3 are one gzip stream: uint32 magic "NGSP", version, count; uint8 harmonics
degree, fractional bits, flags (1: antialiased, 2: extensions), reserved; then the attributes below. Version 4 has a
plain header of 32 bytes (the same 15, uint8 number of streams, uint32 offset of the table of contents, 12 reserved),
extension records, a table of uint64 packed and unpacked sizes, and one zstd stream per non-empty attribute.

| attribute | bytes | value |
|---|---|---|
| position | 9 | 3 signed 24-bit integers / 2^fractional bits (version 1: 3 float16) |
| opacity | 1 | / 255 |
| base colour | 3 | f_dc = (v / 255 - 0.5) / 0.15 |
| scale | 3 | logarithm = v / 16 - 10 |
| rotation | 4 | largest part of xyzw (2 bits), then sign and 9 bits of the others (versions 1, 2: 3 bytes xyz, w >= 0) |
| harmonics | 3 (K - 1) | (v - 128) / 128, coefficient-major, red green blue within |

Frame: the specification stores x right, y up, z back and leaves conversion to the caller. Most tools (gsply,
gaussforge, the reference's own command line) store a .ply's numbers unchanged, and so do this reader and writer.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from types import ModuleType
from typing import BinaryIO

from ..errors import BadMagic, Corrupt, InputError, MissingExtra, Truncated, Unsupported
from ..scene import Scene
from .common import Buffer, Parsed, foreign_errors
from .spz_attributes import limits, pack, unpack, widths

__all__ = ["decode", "encode", "is_spz", "limits"]

MAGIC = b"NGSP"
GZIP_MAGIC = b"\x1f\x8b"
_LEGACY = struct.Struct("<4sIIBBBB")
_HEADER = struct.Struct("<4sIIBBBBI12x")
_SIZES = struct.Struct("<QQ")
_ANTIALIASED, _EXTENSIONS = 1, 2
_MAX_FRACTIONAL_BITS = 24
_MAX_DEGREE = 4
_DEFLATE_RATIO = 1032
"""Deflate cannot expand beyond this."""
_ZSTD_RATIO = 1024
"""Bytes of positions per byte of file beyond which the reference reader calls a count a lie."""
_MAX_EXTENSION_BYTES = 1 << 20
_ZSTD_LEVEL = 12
"""The reference writer's."""


def is_spz(head: Buffer) -> bool:
    """Whether a file that starts with these bytes is .spz: plain magic, or gzip of content with the magic."""
    head = bytes(head[:4096])
    if head[:2] != GZIP_MAGIC:
        return head[:4] == MAGIC
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 4) == MAGIC
    except zlib.error:
        return False


def decode(data: Buffer, file: str = "<bytes>") -> Parsed:
    """Reads a scene from the bytes of an .spz file.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported: nothing is unpacked past the size that the header's count asks for.
        MissingExtra: version 4 without the zstandard package.
    """
    if bytes(data[:4]) == MAGIC:
        return _decode_zstd(data, file)
    if bytes(data[:2]) == GZIP_MAGIC:
        return _decode_gzip(data, file)
    raise BadMagic(file, "magic", "'NGSP' or a gzip stream", repr(bytes(data[:4])))


def _decode_gzip(data: Buffer, file: str) -> Parsed:
    stream = zlib.decompressobj(wbits=31)
    with foreign_errors(file, "gzip stream", "deflated data"):
        head = stream.decompress(data, _LEGACY.size)
    if len(head) < _LEGACY.size:
        raise Truncated(file, "header", f"{_LEGACY.size} bytes", f"{len(head)}")
    magic, version, count, degree, fraction, flags, _ = _LEGACY.unpack(head)
    if magic != MAGIC:
        raise BadMagic(file, "magic within gzip", "'NGSP'", repr(magic))
    if not 1 <= version <= 3:
        raise Unsupported(file, "header.version", "1 to 3 within gzip", f"{version}")
    row = _checked_widths(file, version, degree, fraction)
    size = count * sum(row)
    if size > _DEFLATE_RATIO * len(data):
        raise Truncated(file, "header.count", f"{size} bytes for {count} Gaussians", f"a file of {len(data)} bytes")
    slack = _MAX_EXTENSION_BYTES if flags & _EXTENSIONS else 0
    with foreign_errors(file, "gzip stream", "deflated data with a matching checksum"):
        # One byte more than is due makes zlib reach the end of the stream and test its checksum.
        body = stream.decompress(stream.unconsumed_tail, size + slack + 1)
    if len(body) < size or not (stream.eof or len(body) > size + slack):
        raise Truncated(file, "gzip stream", f"{size} bytes for {count} Gaussians", f"{len(body)} before the file ends")
    if len(body) > size + slack or stream.unused_data:
        raise Corrupt(file, "gzip stream", f"{size} bytes for {count} Gaussians", "more")
    parts, start = [], 0
    for width in row:
        parts.append(body[start : start + width * count])
        start += width * count
    return _scene(parts, version, count, fraction, flags)


def _decode_zstd(data: Buffer, file: str) -> Parsed:
    if len(data) < _HEADER.size:
        raise Truncated(file, "header", f"{_HEADER.size} bytes", f"{len(data)}")
    _, version, count, degree, fraction, flags, streams, table = _HEADER.unpack(data[: _HEADER.size])
    if version != 4:
        raise Unsupported(file, "header.version", "4 outside gzip", f"{version}")
    row = _checked_widths(file, version, degree, fraction)
    if count * row[0] > _ZSTD_RATIO * len(data):
        raise Truncated(file, "header.count", f"{count} Gaussians", f"a file of {len(data)} bytes")
    used = [i for i, width in enumerate(row) if width * count]
    if streams != len(used):
        raise Corrupt(file, "header.streams", f"{len(used)}", f"{streams}")
    position = table + streams * _SIZES.size
    if table < _HEADER.size:
        raise Corrupt(file, "header.table of contents", f"an offset of at least {_HEADER.size}", f"{table}")
    if position > len(data):
        raise Truncated(file, "table of contents", f"{position} bytes", f"{len(data)}")
    parts = [b""] * len(row)
    for stream, i in enumerate(used):
        packed, unpacked = _SIZES.unpack_from(data, table + stream * _SIZES.size)
        if unpacked != row[i] * count:
            raise Corrupt(file, f"stream {stream} size", f"{row[i] * count} bytes", f"{unpacked}")
        if packed > len(data) - position:
            raise Truncated(file, f"stream {stream}", f"{packed} bytes", f"{len(data) - position}")
        parts[i] = _unzstd(data[position : position + packed], unpacked, file, f"stream {stream}")
        position += packed
    if position != len(data):
        raise Corrupt(file, "size", f"{position} bytes", f"{len(data)}")
    return _scene(parts, version, count, fraction, flags)


def _checked_widths(file: str, version: int, degree: int, fraction: int) -> tuple[int, ...]:
    """Bytes per Gaussian of each attribute, in stored order."""
    if degree > _MAX_DEGREE:
        raise Unsupported(file, "header.degree", f"0 to {_MAX_DEGREE}", f"{degree}")
    if fraction > _MAX_FRACTIONAL_BITS:
        raise Corrupt(file, "header.fractional bits", f"0 to {_MAX_FRACTIONAL_BITS}", f"{fraction}")
    return widths(version, degree)


def _scene(parts: list[bytes], version: int, count: int, fraction: int, flags: int) -> Parsed:
    parsed = unpack(parts, version, count, fraction, bool(flags & _ANTIALIASED))
    if flags & _EXTENSIONS:
        return Parsed(parsed.scene, (*parsed.notes, "vendor extensions (a coordinate system, perhaps) were ignored"))
    return parsed


def _unzstd(data: Buffer, size: int, file: str, field: str) -> bytes:
    zstandard = _zstandard("reading .spz version 4")
    with foreign_errors(file, field, "a zstd frame"):
        # A frame's own header may claim any size, and the library would reserve it: hold it against ours first.
        if zstandard.frame_content_size(data) not in (-1, size):
            raise Corrupt(file, field, f"a zstd frame of {size} bytes", "another size in the frame's header")
        out = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    if len(out) != size:
        raise Corrupt(file, field, f"{size} bytes", f"{len(out)}")
    return out


def _zstandard(purpose: str) -> ModuleType:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtra("zstandard", "formats", purpose) from error
    return zstandard


def encode(
    scene: Scene,
    file: BinaryIO,
    version: int = 3,
    sh_bits: tuple[int, int] = (8, 8),
    fractional_bits: int | None = None,
) -> None:
    """Writes the scene as an .spz file, in its own order.

    Version 3 is the default although 4 is newer: every reader knows it, it needs no package outside the standard
    library, and version 4 is not reliably smaller (on scenes without harmonics it is often larger). What is
    installed never decides: the same call gives the same bytes.

    Args:
        version: 3 (gzip) or 4 (zstd).
        sh_bits: bits kept of each harmonics coefficient of degree 1 and of degrees 2 to 3, each 1 to 8. The
            reference writer's default is (5, 4): smaller, and coarse.
        fractional_bits: of the positions, 0 to 23; None for `choose_fractional_bits`.

    Raises:
        InputError: an option out of range, non-finite values, or positions beyond the range of 24 bits.
        MissingExtra: version 4 without the zstandard package.
    """
    if version not in (3, 4):
        raise InputError(f"version: expected 3 or 4, found {version!r}")
    parts, fraction = pack(scene, sh_bits, fractional_bits)
    flags = _ANTIALIASED if scene.antialiased else 0
    if version == 3:
        head = _LEGACY.pack(MAGIC, version, len(scene), scene.sh_degree, fraction, flags, 0)
        file.write(gzip.compress(head + b"".join(parts), compresslevel=6, mtime=0))
        return
    compressor = _zstandard("writing .spz version 4").ZstdCompressor(level=_ZSTD_LEVEL)
    streams = [(compressor.compress(part), len(part)) for part in parts if part]
    head = _HEADER.pack(MAGIC, version, len(scene), scene.sh_degree, fraction, flags, len(streams), _HEADER.size)
    table = b"".join(_SIZES.pack(len(packed), size) for packed, size in streams)
    file.write(head + table + b"".join(packed for packed, _ in streams))
