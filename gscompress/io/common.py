"""What every reader and writer of this package shares: the parsed result, error guarding, value conversions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import Corrupt, GSCompressError, InputError
from ..scene import Scene

Buffer = bytes | memoryview
"""What a reader is handed: the whole file, most often a memory map of it."""


class Parsed(NamedTuple):
    """A reader's result: the scene as stored (rows not yet checked) and sentences for the user."""

    scene: Scene
    notes: tuple[str, ...] = ()


@contextmanager
def foreign_errors(file: str, field: str, expected: str) -> Iterator[None]:
    """Turns whatever another library raises on broken bytes into `Corrupt`.

    Only for calls into plyfile, zlib, zstandard, zipfile, json and Pillow: their sets of exceptions are open-ended
    (Pillow alone raises OSError, ValueError, SyntaxError, struct.error and more), so no list of them would be whole.
    """
    try:
        yield
    except GSCompressError:
        raise
    except Exception as error:
        raise Corrupt(file, field, expected, f"{type(error).__name__}: {str(error)[:200]}") from error


def is_file(path: Path) -> bool:
    """Whether there is a file of that name.

    Raises:
        InputError: a name that no file can have, or a folder that does not let one look.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise InputError(f"{str(path)[:200]}: cannot be read ({error.strerror or error})") from error


def require_finite(scene: Scene, file_format: str) -> None:
    """Raises InputError if a row has a non-finite value or a zero quaternion, which a quantiser cannot place."""
    bad = len(scene) - int(np.count_nonzero(scene.finite()))
    if bad:
        raise InputError(
            f"scene: expected finite values and non-zero quaternions to write {file_format}, found {bad} Gaussians "
            f"without; scene.select(scene.finite()) drops them"
        )


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """float64 in [0, 1]; no overflow for any finite logit."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits.astype(np.float64)))


def opacity_to_bytes(opacity_logits: np.ndarray) -> np.ndarray:
    """uint8: round(255 sigmoid(logit))."""
    return np.rint(255.0 * sigmoid(opacity_logits)).astype(np.uint8)


def opacity_from_bytes(levels: np.ndarray) -> np.ndarray:
    """float32 logits of opacities stored as uint8.

    Levels 0 and 255 have no finite logit. They stand for opacities within half a step of 0 and 1, so they decode to
    the middle of that range, a quarter step off; writing them again gives the same levels.
    """
    table = np.arange(256) / 255.0
    table[0], table[255] = 0.25 / 255.0, 1.0 - 0.25 / 255.0
    return np.log(table / (1.0 - table)).astype(np.float32)[levels]


def unit_quats(quats: np.ndarray) -> np.ndarray:
    """float64 [N, 4]: the quaternions at length one. Scaled by the largest part first, so that none underflows."""
    q = quats.astype(np.float64)
    q /= np.maximum(np.abs(q).max(axis=1, keepdims=True, initial=0.0), np.finfo(np.float64).tiny)
    return q / np.maximum(np.linalg.norm(q, axis=1, keepdims=True), np.finfo(np.float64).tiny)


_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])


def smallest_three(quats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Splits rotations for "smallest three" coding: the part of largest magnitude is left out and taken as positive.

    Args:
        quats: [N, 4], any part order, any non-zero length.

    Returns:
        Index of the largest part, int64 [N]; the other three in ascending index, float64 [N, 3], in ±sqrt(1/2).
    """
    q = unit_quats(quats)
    largest = np.abs(q).argmax(axis=1)
    head = np.take_along_axis(q, largest[:, None], 1)
    return largest, np.take_along_axis(q, _OTHERS[largest], 1) * np.where(head < 0, -1.0, 1.0)


def from_smallest_three(largest: np.ndarray, three: np.ndarray) -> np.ndarray:
    """float32 [N, 4]: inverse of `smallest_three`, in the part order that went in."""
    out = np.empty((len(three), 4), np.float32)
    head = np.sqrt(np.maximum(0.0, 1.0 - np.square(three).sum(axis=1)))
    np.put_along_axis(out, largest[:, None], head[:, None].astype(np.float32), 1)
    np.put_along_axis(out, _OTHERS[largest], three.astype(np.float32), 1)
    return out


def plural(count: int, noun: str) -> str:
    """'1 Gaussian', '2 Gaussians'."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
