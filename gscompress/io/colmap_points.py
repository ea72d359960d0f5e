"""The sparse points of a COLMAP reconstruction: `points3D`, binary or text (https://colmap.github.io/format.html)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ..errors import Corrupt, InputError, Truncated
from .colmap import model_folder

_ROW = struct.Struct("<Q3d3BdQ")
"""id, position, colour, reprojection error, length of the track, whose entries of 8 bytes follow."""


def read_points(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Positions float64 [P, 3], world units, and colours uint8 [P, 3]; both empty where the reconstruction has no points.

    Args:
        folder: as for `read_colmap`.

    Raises:
        InputError: the file is there and cannot be read.
        Corrupt, Truncated: it is not sound.
    """
    found = model_folder(Path(folder))
    for ending, parse in ((".bin", _binary), (".txt", _text)):
        path = found / f"points3D{ending}" if found else None
        if path is not None and path.is_file():
            try:
                content = path.read_bytes()
            except OSError as error:
                raise InputError(f"{path}: cannot be read ({error.strerror})") from error
            rows = parse(content, str(path))
            if not np.isfinite(rows).all() or (rows[:, 3:] != rows[:, 3:].astype(np.uint8)).any():
                raise Corrupt(str(path), "points3D", "finite positions and colours of 0 to 255", "others")
            return rows[:, :3], rows[:, 3:].astype(np.uint8)
    return np.zeros((0, 3)), np.zeros((0, 3), np.uint8)


def _binary(content: bytes, file: str) -> np.ndarray:
    """float64 [P, 6]."""
    if len(content) < 8:
        raise Truncated(file, "content", "8 bytes or more", str(len(content)))
    count, at = int.from_bytes(content[:8], "little"), 8
    if count * _ROW.size > len(content):
        raise Truncated(file, "content", f"{count} points, {count * _ROW.size} bytes or more", str(len(content)))
    rows = np.empty((count, 6))
    for i in range(count):
        if at + _ROW.size > len(content):
            raise Truncated(file, f"points3D[{i}]", f"{at + _ROW.size} bytes", str(len(content)))
        _, *values, _, track = _ROW.unpack_from(content, at)
        rows[i] = values
        at += _ROW.size + 8 * track
    if at > len(content):
        raise Truncated(file, "track", f"{at} bytes", str(len(content)))
    return rows


def _text(content: bytes, file: str) -> np.ndarray:
    """float64 [P, 6]."""
    lines = [line for line in content.decode("utf-8", "replace").split("\n") if line.strip() and not line.lstrip().startswith("#")]
    try:
        rows = [[float(value) for value in line.split()[1:7]] for line in lines]
        return np.array(rows, np.float64).reshape(len(rows), 6)
    except ValueError as error:
        raise Corrupt(file, "points3D", "an id and six numbers a line", str(error)) from error
