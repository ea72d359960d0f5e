"""Reading a scene from a file of any format, .gsz included."""

from __future__ import annotations

from pathlib import Path

from . import codec, io
from .bitstream.sequence_container import is_sequence
from .errors import InputError
from .io import Loaded
from .io.detect import GSZ_MAGIC
from .scene import Scene
from .sequence import SequenceReader


def load(path: str | Path) -> Scene:
    """Reads a scene from a .gsz, .ply, .compressed.ply, .spz, .splat or SOG file, told apart by content; of a sequence, the first frame.

    Gaussians with non-finite values or a zero quaternion are dropped.

    Raises:
        InputError: there is no such file, or it cannot be opened.
        FormatError: the file's bytes are not what its format asks for.
        MissingExtra: the format needs a package that is not installed.
    """
    return read_scene(path).scene


def read_scene(path: str | Path, strict: bool = False) -> Loaded:
    """As `gscompress.io.read`, and .gsz too."""
    path = Path(path)
    if not is_gsz(path):
        return io.read(path, strict)
    data = read_bytes(path)
    if is_sequence(data):
        reader = SequenceReader(data, str(path))
        note = f"a sequence of {len(reader)} frames, {reader.seconds:.2f} s: this is the first of them"
        return Loaded(reader.scene(reader.present[0] if reader.present else 0), "gsz", len(data), (note,), 0)
    decoded = codec.decode(data, str(path))
    return Loaded(decoded.scene, "gsz", len(data), cut_notes(decoded.chunks, decoded.chunks_total), 0)


def cut_notes(chunks: int, total: int) -> tuple[str, ...]:
    """What to tell the user of a .gsz file that ends early."""
    if chunks == total:
        return ()
    return (f"the file is cut: {chunks} of {total} chunks are there, so the scene is shown at lower quality",)


def is_sequence_at(path: Path) -> bool:
    """Whether a file starts like a sequence of frames; False for what cannot be read."""
    try:
        with path.open("rb") as file:
            return is_sequence(file.read(64))
    except (OSError, ValueError):
        return False


def open_sequence(path: Path, partial: bool = False) -> SequenceReader:
    """The frames of a sequence.

    Raises:
        InputError: there is no such file, or it cannot be opened.
        Truncated, Corrupt, Unsupported.
    """
    return SequenceReader(read_bytes(path), str(path), partial)


def is_gsz(path: Path) -> bool:
    """Whether a file starts like a .gsz file; False for folders and for what cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(GSZ_MAGIC)) == GSZ_MAGIC
    except (OSError, ValueError):
        return False


def read_bytes(path: Path) -> bytes:
    """A whole file.

    Raises:
        InputError: there is no such file, or it cannot be opened.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
