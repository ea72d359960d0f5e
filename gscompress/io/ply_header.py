"""The tables of a PLY file, mapped and not yet interpreted; shared by the INRIA and the PlayCanvas layout.

plyfile (numpy only, 60 kB) parses and checks the header. gsply reads faster, but brings numba (210 MB) into every
installation for it; with plyfile's header and numpy's view of the rows, both formats read at memory speed as well.

plyfile is handed the header with every count set to zero: it would otherwise reserve what a lying header claims
(ASCII) or read rows in a Python loop. The rows are this module's job, after the counts were held against the size.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from plyfile import PlyData, PlyListProperty

from ..errors import BadMagic, Corrupt, Truncated, Unsupported
from .common import Buffer, foreign_errors

MAX_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class PlyTables:
    """Rows of each element as a structured array (a view of the file where it is binary), and the comments.

    `unread` names the elements from the first one with list properties (mesh faces) on: their rows have no fixed
    size, and no splat format puts anything there.
    """

    tables: dict[str, np.ndarray]
    comments: tuple[str, ...]
    unread: tuple[str, ...] = ()

    @property
    def antialiased(self) -> bool:
        """Brush's `SplatRenderMode: mip` or Postshot's `antialiased 1`."""
        words = [comment.replace(":", " ").split() for comment in self.comments]
        return ["SplatRenderMode", "mip"] in words or ["antialiased", "1"] in words


def header_size(head: Buffer) -> int | None:
    """Bytes of the header up to its last line break included, or None if it does not end within `head`."""
    text = bytes(head[:MAX_HEADER_BYTES])
    line_break = _line_break(text)
    end = text.find(line_break + b"end_header" + line_break)
    return None if end < 0 else end + len(b"end_header") + 2 * len(line_break)


def _line_break(text: bytes) -> bytes:
    return b"\r\n" if text[3:5] == b"\r\n" else b"\r" if text[3:4] == b"\r" else b"\n"


def read_tables(data: Buffer, file: str) -> PlyTables:
    """Splits a PLY file (binary of either byte order, or ASCII) into its elements' rows.

    Raises:
        BadMagic, Truncated, Corrupt: not a PLY file, shorter than its counts say, or against the PLY syntax.
    """
    if bytes(data[:3]) != b"ply":
        raise BadMagic(file, "magic", "'ply'", repr(bytes(data[:8])))
    size = header_size(data)
    if size is None:
        raise Truncated(file, "header", "'end_header' within the first MiB", f"none in {len(data)} bytes")
    # Comments may name a user's files in any encoding; plyfile takes ASCII only.
    text = bytes(data[:size]).decode("ascii", "replace").replace("\ufffd", "?").encode()
    line_break = _line_break(text)
    counts: list[int] = []
    lines = text.split(line_break)
    for i, line in enumerate(lines):
        words = line.split()
        if words[:1] == [b"element"] and len(words) == 3:
            if not words[2].isdigit() or len(words[2]) > 18:
                raise Corrupt(file, f"header.element {words[1].decode()}", "a row count", words[2][:40].decode())
            counts.append(int(words[2]))
            lines[i] = b"element " + words[1] + b" 0"
    with foreign_errors(file, "header", "a PLY 1.0 header"):
        header = PlyData.read(io.BytesIO(line_break.join(lines)))
    comments = [c.strip() for c in header.comments]
    for element in header.elements:
        comments += [c.strip() for c in element.comments]
    tables: dict[str, np.ndarray] = {}
    position, text_rows = size, 0
    for i, (element, count) in enumerate(zip(header.elements, counts, strict=True)):
        if any(isinstance(p, PlyListProperty) for p in element.properties):
            return PlyTables(tables, tuple(comments), tuple(e.name for e in header.elements[i:]))
        order = "<" if header.text else header.byte_order
        dtype = np.dtype([(p.name, p.dtype(order)) for p in element.properties])
        if not element.properties:
            text_rows += count
        elif header.text:
            tables[element.name] = _ascii_rows(data[size:], dtype, count, text_rows, file, element.name)
            text_rows += count
        else:
            left = len(data) - position
            if count * dtype.itemsize > left:
                raise Truncated(file, element.name, f"{count} rows of {dtype.itemsize} bytes", f"{left} bytes")
            tables[element.name] = np.frombuffer(data, dtype, count, position)
            position += count * dtype.itemsize
    return PlyTables(tables, tuple(comments))


def _ascii_rows(body: Buffer, dtype: np.dtype, count: int, skip: int, file: str, element: str) -> np.ndarray:
    names = dtype.names or ()
    if skip + 2 * count * len(names) > len(body) + 1:  # a digit and a separator each, the last one may be missing
        raise Truncated(file, element, f"{count} rows of {len(names)} numbers", f"{len(body)} bytes")
    rows = np.empty(count, dtype)
    if not count:
        return rows
    with foreign_errors(file, element, f"{count} rows of {len(names)} numbers"):
        text = io.BytesIO(bytes(body).replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        values = np.loadtxt(text, np.float64, comments=None, skiprows=skip, max_rows=count, ndmin=2)
    if values.shape != (count, len(names)):
        raise Truncated(file, element, f"{count} rows of {len(names)} numbers", "{} rows of {}".format(*values.shape))
    for j, name in enumerate(names):
        rows[name] = values[:, j]
    return rows


def require_properties(table: np.ndarray, names: list[str], file: str, element: str) -> None:
    """Raises Unsupported naming those of `names` that the element's rows lack."""
    missing = [name for name in names if name not in (table.dtype.names or ())]
    if missing:
        raise Unsupported(file, element, f"properties {' '.join(names)}", f"none named {' '.join(missing)}")

