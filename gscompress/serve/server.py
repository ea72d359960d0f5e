"""A web server for one page on this machine: a fixed set of files under a secret path, for GET and HEAD, and nothing else."""

from __future__ import annotations

import io
import ipaddress
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from ..errors import InputError

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob: 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: run its own script and the decoder, and talk to this server."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
EVERYWHERE = ("0.0.0.0", "::")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
MOST_CONNECTIONS = 32
SECONDS_REQUEST = 20.0
"""From the end of one request to the end of the next one's headers, however busily its bytes drip in."""
SECONDS_PIECE = 20.0
"""For a client to take one piece of an answer."""
MOST_HEADER_BYTES = 32_768
"""Of all header lines of a request together."""
_PIECE = 1 << 18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Resource:
    """A file of the server: its content type, and what gives its bytes."""

    kind: str
    content: Callable[[], bytes]


class PageServer(ThreadingHTTPServer):
    """Serves `resources` under a token's folder.

    A request has to name this server as its Host (or, where it listens on all addresses, come to an address by number: a name that
    somebody else's DNS points here is refused), and to know the token.

    Args:
        resources: by name, without folders; "" for the page itself.
        host: address to listen on.
        port: 0 for any that is free.

    Raises:
        InputError: the address or port cannot be had.
    """

    daemon_threads = True
    request_queue_size = 16
    allow_reuse_address = os.name != "nt"  # there it would let another program take the port over

    def __init__(self, resources: Mapping[str, Resource], host: str = "127.0.0.1", port: int = 0):
        if not host:
            raise InputError(f"view: expected an address for --host such as 127.0.0.1, 0.0.0.0 or ::1, found {host!r}")
        host = host.lower()
        self.resources, self.token = dict(resources), secrets.token_urlsafe(16)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError, UnicodeError, TypeError) as error:
            where = f"port {port} of {host}" if port else host
            raise InputError(f"view: cannot listen on {where} ({getattr(error, 'strerror', None) or error}); --port and --host name others") from error
        self.host, self.port = host, int(self.server_address[1])
        self.bound = str(self.server_address[0])
        if _address(self.bound).is_unspecified and host not in EVERYWHERE:  # other spellings, as 0x0: what is bound counts
            self.server_close()
            raise InputError(f"view: expected 0.0.0.0 or :: as --host for all addresses, found {host!r}")

    def server_bind(self) -> None:
        """Without asking DNS for this machine's name, which can take seconds and is not needed."""
        TCPServer.server_bind(self)

    @property
    def is_private(self) -> bool:
        """Only this machine reaches it, judged by the address that `host` came to: names can mean any."""
        return _address(self.bound).is_loopback

    @property
    def url(self) -> str:
        """Of the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{self.port}/{self.token}/"

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name, colon, port = host.rpartition(":")
        if not colon and self.port == 80:  # which browsers leave out
            name, port = host, "80"
        if port != str(self.port):
            return False
        if self.host in EVERYWHERE:
            return name == "localhost" or re.fullmatch(r"[0-9.]+|\[[0-9a-f:]+\]", name) is not None
        own = {form for it in (self.host, self.bound) for form in (it, f"[{it}]")}  # browsers spell numbers as `bound` does
        return name in own or (name in LOOPBACK and self.host in ("127.0.0.1", "::1", "localhost"))

    def process_request(self, request: Any, client_address: Any) -> None:
        """One thread a connection, so many at most; the others wait in the system's queue for a while, or are closed."""
        if not self._free.acquire(timeout=1.0):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread was to be had, so none will free the place
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Frees the connection's place afterwards."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away in the middle of things; that is no news."""


class _Incoming(io.RawIOBase):
    """What a client sends, until a point in time (`time.monotonic`)."""

    def __init__(self, connection: socket.socket):
        self._connection, self.until = connection, 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "gscompress", ""

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._incoming = _Incoming(self.connection)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        self._incoming.until = time.monotonic() + SECONDS_REQUEST
        super().handle_one_request()

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        self.connection.settimeout(SECONDS_PIECE)
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # a body is not read, so what follows is no request
        if sum(len(key) + len(value) for key, value in self.headers.items()) > MOST_HEADER_BYTES:
            return self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not self.server.knows(hosts[0].strip().lower()):
            return self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
        # Names are compared as they are: nothing is decoded, joined or normalised, so that there is nothing to traverse.
        token, slash, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        known = secrets.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())
        resource = self.server.resources.get(name) if known and slash and self.path.startswith("/") else None
        if resource is None:
            return self.send_error(HTTPStatus.NOT_FOUND)
        self._send(resource, body)

    def _send(self, resource: Resource, body: bool) -> None:
        content = memoryview(resource.content())
        first, end = 0, len(content)
        # There are no validators here, so that a condition cannot hold.
        wanted = None if "If-Range" in self.headers else self.headers.get("Range")
        part = _range(wanted, len(content)) if wanted is not None else None
        if part == "none":
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if isinstance(part, tuple):
            first, end = part
        self.send_response(HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", resource.kind)
        self.send_header("Content-Length", str(end - first))
        self.send_header("Accept-Ranges", "bytes")
        if part is not None:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(content)}")
        self.end_headers()
        if body:
            for at in range(first, end, _PIECE):
                self.wfile.write(content[at : min(at + _PIECE, end)])

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """In plain text, and the connection ends: what follows may not be a request."""
        if code == HTTPStatus.NOT_IMPLEMENTED:  # what the base class says of methods that it does not find here
            code = HTTPStatus.METHOD_NOT_ALLOWED
        text = f"{int(code)} {HTTPStatus(code).phrase}\n".encode()
        self.close_connection = True
        self.connection.settimeout(SECONDS_PIECE)
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        if code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """The command line belongs to the user."""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Of a socket; as IPv4 where IPv6 only wraps that."""
    found = ipaddress.ip_address(text.partition("%")[0])
    return (found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None) or found


def _range(header: str, size: int) -> tuple[int, int] | str | None:
    """(first, end) of a single range of bytes, "none" where the file has none of it, None for what is to be ignored (RFC 9110, 14)."""
    found = _RANGE.fullmatch(header.strip())
    if not found or not (found[1] or found[2]) or len(header) > 64:
        return None
    if not found[1]:  # the last so many
        count = int(found[2])
        return (max(size - count, 0), size) if count and size else "none"
    first, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    return (first, min(last, size - 1) + 1) if first < size else "none"
