"""Hashes of what a result depends on, so that a run that goes on knows which cells are still true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...io.colmap import model_folder
from .datasets import TEST_TRANSFORMS, TRANSFORMS, SceneData, photographs_of

BLOCK = 1 << 20


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        InputError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


def photographs_hash(scene: SceneData, test_every: int) -> str | None:
    """SHA-256 of the camera files and of all photographs, with their names; None without photographs.

    Raises:
        InputError, FormatError: a file is missing or not sound.
    """
    if scene.photographs is None:
        return None
    return _hash_of([*_camera_files(scene.photographs), *sorted({s.path for s in photographs_of(scene, test_every)})])


def record_hash(record: dict[str, Any]) -> str:
    """SHA-256 of a JSON object."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()


def _camera_files(data: Path) -> list[Path]:
    model = model_folder(data)
    if model is not None:
        return sorted(path for path in model.iterdir() if path.suffix in (".bin", ".txt") and path.is_file())
    return [path for name in (*TRANSFORMS, TEST_TRANSFORMS) if (path := data / name).is_file()]


def _hash_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {file_hash(path)}\n".encode())
    return digest.hexdigest()
