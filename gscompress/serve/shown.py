"""What a page shows: scenes as bytes that it can read, and the description that goes with them."""

from __future__ import annotations

import io as streams
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import codec, io
from ..bitstream.sequence_container import is_sequence
from ..cameras import Camera, thinned
from ..errors import InputError
from ..io import ply
from ..io.ply_header import header_size
from ..loading import is_gsz, read_bytes, read_scene
from ..sequence import SequenceReader
from ..version import VERSION

KINDS = {"gsz": ".gsz", "ply": ".ply", "splat": ".splat"}
"""Formats that the page reads itself, with the ending under which they are served."""


@dataclass(frozen=True, eq=False)
class ShownScene:
    """A scene for a page.

    Attributes:
        path: the file or folder that the user named.
        format: of that file.
        content: what the page gets.
        ending: of the format of `content`.
        size_bytes: of the user's file.
        notes: what the user should know of the file.
    """

    path: Path
    format: str
    content: bytes
    ending: str
    size_bytes: int
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people."""
        return self.path.name or str(self.path.resolve().name)


def shown(path: Path) -> ShownScene:
    """Reads a scene or a sequence of any format; what the page does not read itself becomes a plain .ply.

    Raises:
        InputError, FormatError, MissingExtra: as `gscompress.load`. A cut .gsz is shown as far as it goes.
    """
    if is_gsz(path):
        data = read_bytes(path)
        if is_sequence(data):
            return ShownScene(path, "gsz", data, ".gsz", len(data), _sequence_notes(SequenceReader(data, str(path), partial=True)))
        found = codec.describe(data, str(path))
        notes = () if found.complete else ("the file is cut: it is shown at lower quality",)
        return ShownScene(path, "gsz", data, ".gsz", len(data), notes)
    loaded = io.read(path)
    if loaded.format in KINDS and not loaded.dropped_rows:
        data = read_bytes(path)
        if loaded.format != "ply" or is_plain(data):
            return ShownScene(path, loaded.format, data, KINDS[loaded.format], loaded.size_bytes, loaded.notes)
    plain = streams.BytesIO()
    ply.encode(loaded.scene, plain)
    return ShownScene(path, loaded.format, plain.getvalue(), ".ply", loaded.size_bytes, loaded.notes)


def _sequence_notes(reader: SequenceReader) -> tuple[str, ...]:
    about = f"a sequence of {len(reader)} frames, {reader.seconds:.2f} s; where it is compared, PSNR is that of its first frame"
    there = len(reader.present)
    return (about,) if there == len(reader) else (about, f"the file is cut: {there} of its frames are there")


def is_plain(data: bytes) -> bool:
    """Whether a sound .ply of a scene is in the layout that every reader takes: little-endian floats of degree 3 at most, one element."""
    lines = [line.split() for line in data[: header_size(data) or 0].splitlines()]
    properties = [line for line in lines if line[:1] == [b"property"]]
    names = {line[-1] for line in properties}
    return (
        [b"format", b"binary_little_endian", b"1.0"] in lines
        and [line[1] for line in lines if line[:1] == [b"element"]] == [b"vertex"]
        and all(len(line) == 3 and line[1] in (b"float", b"float32") for line in properties)
        and b"f_dc_0" in names
        and b"f_rest_45" not in names
    )


def original_of(path: Path) -> Path | None:
    """The .ply beside a .gsz file, by its name; None where there is none."""
    if not is_gsz(path):
        return None
    beside = path.with_suffix(".ply")
    return beside if beside.is_file() else None


def plain_camera(camera: Camera) -> dict[str, Any]:
    """As the page takes it: world to camera row by row, pixels."""
    return {
        "name": camera.name, "worldToCamera": [float(v) for v in camera.world_to_camera.reshape(-1)], "fx": float(camera.fx),
        "fy": float(camera.fy), "cx": float(camera.cx), "cy": float(camera.cy), "width": camera.width, "height": camera.height,
    }  # fmt: skip


def description(
    scenes: Sequence[ShownScene], cameras: Sequence[Camera], psnr: float | None, pending: bool, urls: Sequence[str]
) -> bytes:
    """scene.json: what the page is to show.

    Args:
        scenes: one or two.
        cameras: that one can jump to; the first is where one starts.
        psnr: dB between the two over at most 12 of the cameras; None where nobody measured it.
        pending: somebody is measuring it.
        urls: of the scenes, relative to the page.
    """
    if not 1 <= len(scenes) <= 2:
        raise InputError(f"scenes: expected one or two, found {len(scenes)}")
    entries = [
        {"url": url, "name": scene.name, "bytes": scene.size_bytes, "format": scene.format}
        for scene, url in zip(scenes, urls, strict=True)
    ]  # fmt: skip
    value = {
        "a": entries[0], "b": entries[1] if len(entries) > 1 else None, "psnr": psnr, "psnr_pending": pending,
        "cameras": [plain_camera(camera) for camera in cameras], "version": VERSION,
    }  # fmt: skip
    return json.dumps(value, allow_nan=False).encode()


def measured(a: Path, b: Path, cameras: Sequence[Camera]) -> float | None:
    """PSNR in dB between two files over at most 12 of the cameras, made-up ones where there are none; None where they are equal. Of a
    sequence, the first frame's."""
    from ..evaluate.compare import DEFAULT_VIEWS, compare_scenes
    from ..render import synthesise

    first, second = read_scene(a).scene, read_scene(b).scene
    found = compare_scenes(second, first, thinned(cameras, DEFAULT_VIEWS) or synthesise(second, DEFAULT_VIEWS)).psnr
    return found if math.isfinite(found) else None
