"""Moving pictures from frames: by ffmpeg, or as animated PNG without it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from ..errors import InputError, MissingExtra, OutputError

APNG = (".png", ".apng")
CODECS = {".mp4": ("libx264", "libopenh264", "mpeg4"), ".mov": ("libx264", "libopenh264", "mpeg4"),
          ".mkv": ("libx264", "libopenh264", "mpeg4"), ".webm": ("libvpx-vp9", "libvpx"), ".gif": ("gif",)}  # fmt: skip
"""Encoders by ending, the best first: which of them there are depends on how ffmpeg was built."""
QUALITY = {"libx264": ("-crf", "18"), "mpeg4": ("-q:v", "2"), "libvpx-vp9": ("-crf", "24", "-b:v", "0")}


class Video(Protocol):
    """Takes frames, uint8 [H, W, 3], all of one size."""

    def write(self, frame: np.ndarray) -> None: ...


def check_video(path: Path) -> None:
    """Refuses a video that could not be made, before any frame is.

    Raises:
        InputError: an ending that says nothing, or an ffmpeg without an encoder for it.
        MissingExtra: there is no ffmpeg, and the ending needs it.
    """
    ending = path.suffix.lower()
    if ending in APNG:
        return
    if ending not in CODECS:
        raise InputError(f"{path}: expected a name ending in {', '.join((*CODECS, *APNG))}, found {ending or 'none'}")
    _encoder(find_ffmpeg(), ending)


@contextlib.contextmanager
def open_video(path: Path, width: int, height: int, fps: float) -> Iterator[Video]:
    """A video that is at `path`, in place of what was there, when the block has ended well, and nowhere if it has not.

    Args:
        path: its ending chooses the kind: see `CODECS` and `APNG`.
        width, height: px.
        fps: frames a second, 1 to 240.

    Raises:
        InputError, MissingExtra: as `check_video`.
        OutputError: the file cannot be written.
    """
    check_video(path)
    partial = path.parent / f".{path.stem[:100]}.{secrets.token_hex(6)}.part{path.suffix}"
    try:
        made = _Apng(partial, width, height, fps) if path.suffix.lower() in APNG else _Ffmpeg(partial, width, height, fps)
        try:
            yield made
        except BaseException:
            made.abort()
            raise
        made.finish()
        os.replace(partial, path)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def find_ffmpeg() -> str:
    """The program's path: the one on PATH, else that of imageio-ffmpeg.

    Raises:
        MissingExtra: neither is there.
    """
    found = shutil.which("ffmpeg")
    if found:
        return found
    if find_spec("imageio_ffmpeg"):
        with contextlib.suppress(RuntimeError, OSError):  # it is installed without a program for this machine
            return import_module("imageio_ffmpeg").get_ffmpeg_exe()
    raise MissingExtra("ffmpeg", "video", "a video other than .png (install ffmpeg itself, or the package imageio-ffmpeg)")


def _encoder(program: str, ending: str) -> str:
    listed = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False).stdout.split()
    for name in CODECS[ending]:
        if name in listed:
            return name
    raise InputError(f"{program}: expected an encoder for {ending} ({', '.join(CODECS[ending])}), found none of them")


class _Ffmpeg:
    """Raw frames into ffmpeg's standard input."""

    def __init__(self, path: Path, width: int, height: int, fps: float):
        program = find_ffmpeg()
        codec = _encoder(program, path.suffix.lower())
        # Most players want pixels in 2 x 2 groups: an odd side gets a black line.
        pixels = () if codec == "gif" else ("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p")
        command = [
            program, "-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
            "-r", f"{fps:g}", "-i", "-", "-an", "-c:v", codec, *QUALITY.get(codec, ()), *pixels, f"file:{path}",
        ]  # fmt: skip
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (a pipe would fill up and block; finish and abort close it)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said)

    def write(self, frame: np.ndarray) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except BrokenPipeError as error:
            self.finish()
            raise OutputError("ffmpeg stopped reading before the last frame") from error

    def finish(self) -> None:
        """Waits for the file; OutputError says what ffmpeg had to say."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode("utf-8", "replace").strip()
        self._said.close()
        if code:
            raise OutputError(f"ffmpeg failed with code {code}: {said[-400:] or 'no message'}")

    def abort(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()
        self._process.wait()
        self._said.close()


class _Apng:
    """An animated PNG (https://www.w3.org/TR/png-3/#apng-frame-based-animation) that loops for ever."""

    def __init__(self, path: Path, width: int, height: int, fps: float):
        self._file: BinaryIO = path.open("xb")
        rate = Fraction(fps).limit_denominator(100)
        self._size, self._delay = (width, height), (rate.denominator, rate.numerator)
        self._frames = self._chunks = 0
        self._file.write(b"\x89PNG\r\n\x1a\n")
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        self._count_at = self._file.tell()
        self._chunk(b"acTL", struct.pack(">II", 0, 0))

    def write(self, frame: np.ndarray) -> None:
        width, height = self._size
        self._chunk(b"fcTL", struct.pack(">IIIIIHHBB", self._chunks, width, height, 0, 0, *self._delay, 0, 0))
        rows = np.hstack([np.zeros((height, 1), np.uint8), frame.reshape(height, -1)])  # filter type 0 in front of every row
        packed = zlib.compress(rows.tobytes(), 6)
        self._chunks += 1
        if self._frames:  # the first frame is the image that other readers show
            packed, kind = struct.pack(">I", self._chunks) + packed, b"fdAT"
            self._chunks += 1
        else:
            kind = b"IDAT"
        self._chunk(kind, packed)
        self._frames += 1

    def finish(self) -> None:
        self._chunk(b"IEND", b"")
        self._file.seek(self._count_at)
        self._chunk(b"acTL", struct.pack(">II", self._frames, 0))
        self._file.close()

    def abort(self) -> None:
        self._file.close()

    def _chunk(self, kind: bytes, data: bytes) -> None:
        self._file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
