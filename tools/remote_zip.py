"""A zip archive on a web server, of which only what is asked for is fetched, by HTTP ranges."""

from __future__ import annotations

import io
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPResponse

WINDOW = 8 << 20
"""Bytes of one request: many small files lie next to each other."""
SECONDS = 60
TRIES = 4
PAUSE = 1.0
"""Seconds before the second try, and twice as many before every further one."""


class RemoteFile(io.RawIOBase):
    """A file behind a URL, to be read from anywhere.

    Args:
        url: of a server that knows ranges.
        size_bytes: that the file should have, None for any.
        fetched: called with the number of bytes of every answer.

    Raises:
        OSError: there is no such file, it has another size, or the server knows no ranges.
    """

    def __init__(self, url: str, size_bytes: int | None = None, fetched: Callable[[int], object] = lambda count: None):
        super().__init__()
        self._url, self._fetched, self._at = url, fetched, 0
        self._start, self._window = 0, b""
        self._size = self._measure()
        if size_bytes is not None and self._size != size_bytes:
            raise OSError(f"{url}: expected {size_bytes:,} bytes, found {self._size:,}: another file is there now")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self._at >= self._size or not len(buffer):
            return 0
        if not self._start <= self._at < self._start + len(self._window):
            self._start = self._at
            self._window = self._range(self._at, min(self._at + WINDOW, self._size))
        part = self._window[self._at - self._start :][: len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _measure(self) -> int:
        with self._open("bytes=0-0") as answer:
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if answer.status != 206 or not total.isdigit():
                raise OSError(f"{self._url}: expected a server that sends parts of a file, found none; download it whole and name its folder by --archives")
            return int(total)

    def _range(self, start: int, stop: int) -> bytes:
        for left in reversed(range(TRIES)):
            try:
                with self._open(f"bytes={start}-{stop - 1}") as answer:
                    data = answer.read()
                if len(data) == stop - start:
                    self._fetched(len(data))
                    return data
                failure = OSError(f"{self._url}: expected {stop - start:,} bytes, found {len(data):,}")
            except OSError as error:  # the connection, or the server's bad moment
                failure = error
            if not left:
                raise failure
            time.sleep(PAUSE * 2 ** (TRIES - 1 - left))
        raise AssertionError

    def _open(self, part: str) -> HTTPResponse:
        try:
            return urllib.request.urlopen(urllib.request.Request(self._url, headers={"Range": part}), timeout=SECONDS)
        except urllib.error.HTTPError as error:
            raise OSError(f"{self._url}: {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            raise OSError(f"{self._url}: {error.reason}") from error
