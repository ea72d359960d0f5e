"""`gscompress view`: what is served, to whom, and what is refused."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import gscompress
from gscompress.errors import InputError
from gscompress.serve import server as serving
from gscompress.serve import site
from gscompress.serve.server import MOST_CONNECTIONS, PageServer, Resource

ROOT = Path(__file__).resolve().parents[2]
CONTENT = bytes(range(256)) * 5


@pytest.fixture
def server() -> Iterator[PageServer]:
    made = PageServer({"": Resource("text/html", lambda: b"<p>page</p>"), "a.gsz": Resource("application/octet-stream", lambda: CONTENT)})
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def ask(server: PageServer, path: str, method: str = "GET", host: str | None = None, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host if host is not None else f"127.0.0.1:{server.port}")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


def raw(server: PageServer, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as stream:
        stream.sendall(request)
        stream.shutdown(socket.SHUT_WR)
        parts = []
        while part := stream.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def test_files_are_served_with_safe_headers(server):
    answer = ask(server, f"/{server.token}/")
    assert (answer.status, answer.read()) == (200, b"<p>page</p>")
    assert answer.getheader("Content-Type") == "text/html"
    policy = answer.getheader("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Cache-Control") == "no-store"
    assert answer.getheader("Access-Control-Allow-Origin") is None
    head = ask(server, f"/{server.token}/a.gsz?x=1", "HEAD")
    assert (head.status, head.getheader("Content-Length"), head.read()) == (200, str(len(CONTENT)), b"")


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)), ("bytes=1270-", 206, slice(1270, None)), ("bytes=-5", 206, slice(-5, None)),
        ("bytes=0-99999", 206, slice(None)), ("bytes=1280-", 416, slice(0)), ("bytes=-0", 416, slice(0)), ("bytes=9-2", 200, slice(None)),
        ("bytes=0-1,4-5", 200, slice(None)), ("lines=0-1", 200, slice(None)), ("bytes=" + "9" * 5000 + "-", 200, slice(None)),
    ],
)  # fmt: skip
def test_ranges(server, wanted, status, part):
    answer = ask(server, f"/{server.token}/a.gsz", Range=wanted)
    assert (answer.status, answer.read()) == (status, CONTENT[part])
    if status == 206:
        first, _, _ = part.indices(len(CONTENT))
        assert (answer.getheader("Content-Range") or "").startswith(f"bytes {first}-")


@pytest.mark.parametrize(
    "path",
    [
        "/", "/a.gsz", "/{wrong}/a.gsz", "/{token}", "{token}/", "/{token}/.", "/{token}/..", "/{token}/../a.gsz", "/{token}//a.gsz",
        "/{token}/%2e%2e/etc/passwd", "/{token}/..%2f..%2fetc%2fpasswd", "/{token}/..\\a.gsz", "/{token}/a.gsz%00", "/{token}/%61.gsz",
        "/{token}/a.gsz/", "/{token}/C:\\x", "http://127.0.0.1/{token}/a.gsz", "/{token}/server.py", "/{token};/a.gsz",
    ],
)  # fmt: skip
def test_nothing_else_is_there(server, path):
    answer = ask(server, path.format(token=server.token, wrong="A" * len(server.token)))
    assert answer.status == 404
    assert b"Traceback" not in answer.read()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "127.0.0.1:{port}.evil.example", "localhost.:{port}"])
def test_other_hosts_are_refused(server, host):
    """A name that somebody's DNS points at this machine does not reach it."""
    assert ask(server, f"/{server.token}/", host=host.format(port=server.port)).status == 421


def test_no_host_and_two_hosts_are_refused(server):
    path = f"GET /{server.token}/ HTTP/1.1\r\n"
    own = f"Host: 127.0.0.1:{server.port}\r\n"
    assert raw(server, f"{path}\r\n".encode()).startswith(b"HTTP/1.1 421")
    assert raw(server, f"{path}{own}Host: evil.example\r\n\r\n".encode()).startswith(b"HTTP/1.1 421")
    assert ask(server, f"/{server.token}/", host=f"LOCALHOST:{server.port}").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "BREW"])
def test_other_methods_are_refused(server, method):
    answer = ask(server, f"/{server.token}/", method)
    assert (answer.status, answer.getheader("Allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"), (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"), (b"GET / HTTP/1.1\r\n" + (b"X: " + b"a" * 9000 + b"\r\n") * 9 + b"\r\n", b"431"),
        (b"nonsense\r\n\r\n", b"400"), (b"GET / HTTP/9.9\r\n\r\n", b"505"), (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
    ],
)  # fmt: skip
def test_oversized_and_broken_requests(server, request_text, status):
    assert status in raw(server, request_text)[:300]
    assert ask(server, f"/{server.token}/").status == 200


def test_many_connections_do_not_end_it(server):
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(MOST_CONNECTIONS + 8)]
    time.sleep(0.3)
    assert threading.active_count() < MOST_CONNECTIONS + 30
    for stream in idle:
        stream.close()
    deadline = time.monotonic() + 20
    while True:
        try:
            assert ask(server, f"/{server.token}/").status == 200
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nX: "], ids=["line", "headers"])
def test_dripping_clients_lose_their_places(server, monkeypatch, start):
    monkeypatch.setattr(serving, "SECONDS_REQUEST", 0.4)
    with contextlib.ExitStack() as streams:
        dripping = [streams.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5)) for _ in range(MOST_CONNECTIONS)]
        for piece in [start] + 8 * [b"a"]:
            for stream in dripping:
                with contextlib.suppress(OSError):
                    stream.sendall(piece)
            time.sleep(0.1)
        assert ask(server, f"/{server.token}/").status == 200


def test_a_thread_that_cannot_be_had_keeps_no_place(server, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("can't start new thread")))
        for _ in range(MOST_CONNECTIONS + 1):
            with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", server.port), timeout=10) as stream:
                assert stream.recv(1) == b""
    assert ask(server, f"/{server.token}/").status == 200


def test_a_body_is_not_the_next_request(server):
    first = f"GET /{server.token}/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    assert raw(server, f"{first}Content-Length: 9\r\n\r\n{first}\r\n".encode()).count(b"HTTP/1.1 ") == 1


def test_conditional_ranges_get_everything(server):
    answer = ask(server, f"/{server.token}/a.gsz", **{"Range": "bytes=0-9", "If-Range": '"x"'})
    assert (answer.status, answer.read()) == (200, CONTENT)


def test_a_port_that_is_taken(server):
    with pytest.raises(InputError, match=f"cannot listen on port {server.port}"):
        PageServer({}, port=server.port)


def test_all_addresses_still_refuse_names():
    everywhere = PageServer({}, host="0.0.0.0")
    assert everywhere.knows(f"192.168.1.7:{everywhere.port}")
    assert everywhere.knows(f"localhost:{everywhere.port}")
    assert not everywhere.knows(f"evil.example:{everywhere.port}")
    everywhere.server_close()


@pytest.mark.parametrize("host", ["", "0", "0.0", "0x0", "00.0.0.0", "::0", "::ffff:0.0.0.0"])
def test_everywhere_has_to_be_meant(host):
    with pytest.raises(InputError, match="--host"):
        PageServer({}, host)


@pytest.mark.parametrize(("host", "private"), [("127.0.0.1", True), ("localhost", True), ("127.1", True), ("0.0.0.0", False)])
def test_who_can_reach_it(host, private):
    made = PageServer({}, host)
    assert made.is_private == private
    assert made.knows(f"127.0.0.1:{made.port}")  # as browsers spell 127.1
    made.server_close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scene.gsz with scene.ply beside it, and a .spz."""
    folder = tmp_path_factory.mktemp("scenes")
    scene = gscompress.load(ROOT / "scenes" / "shapes_sh3.ply")
    (folder / "scene.gsz").write_bytes(gscompress.compress(scene))
    scene.save(folder / "scene.ply")
    scene.save(folder / "small.splat")
    (folder / "bad.gsz").write_bytes(b"GSZ\x1a" + bytes(400))
    return folder


needs_site = pytest.mark.skipif(not any((place / "index.html").is_file() for place in site.PLACES), reason="the viewer is not built: npm run build in viewer/")


@needs_site
def test_the_command_serves_the_scene_and_its_original(files):
    command = [sys.executable, "-m", "gscompress", "view", str(files / "scene.gsz"), "--no-browser", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=files) as process, contextlib.ExitStack() as end:
        end.callback(process.kill)
        assert process.stdout
        facts = json.loads(process.stdout.readline())
        port, path = facts["port"], "/" + facts["url"].split("/", 3)[3]

        def get(name: str) -> bytes:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path + name)
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()

        assert b"<title>" in get("")
        assert get("decoder.wasm")[:4] == b"\0asm"
        assert get("a.gsz") == (files / "scene.gsz").read_bytes()
        assert get("b.ply") == (files / "scene.ply").read_bytes()
        deadline = time.monotonic() + 60
        while json.loads(get("scene.json"))["psnr_pending"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        told = json.loads(get("scene.json"))
        assert told["psnr"] > 25
        assert (told["a"]["url"], told["a"]["bytes"]) == ("a.gsz", len(get("a.gsz")))
        assert (told["b"]["name"], told["b"]["format"]) == ("scene.ply", "ply")
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests that run in the background hand that on
            process.kill()
            pytest.skip("Ctrl-C is ignored here")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@needs_site
@pytest.mark.parametrize(("name", "said"), [("bad.gsz", "bad.gsz: header"), ("nothing.gsz", "cannot be read")])
def test_what_is_no_scene_is_refused_before_serving(files, name, said):
    made = subprocess.run([sys.executable, "-m", "gscompress", "view", str(files / name), "--no-browser"], capture_output=True, text=True, timeout=60, cwd=files)
    assert (made.returncode, made.stdout) == (2, "")
    assert said in made.stderr


@needs_site
def test_a_page_in_one_file(files):
    import base64

    run = [sys.executable, "-m", "gscompress", "export-html", str(files / "scene.gsz"), str(files / "small.splat"), "-o", str(files / "p<b>&.html"), "--json"]
    made = subprocess.run(run, capture_output=True, text=True, timeout=60, cwd=files)
    assert made.returncode == 0, made.stderr
    page = (files / "p<b>&.html").read_text(encoding="utf-8")
    assert json.loads(made.stdout)["output_bytes"] == (files / "p<b>&.html").stat().st_size

    def carried(name: str) -> bytes:
        found = re.search(rf'id="{name}">([^<]*)<', page)
        assert found
        return base64.b64decode(found[1])

    assert carried("gsz-scene-a") == (files / "scene.gsz").read_bytes()
    assert carried("gsz-scene-b") == (files / "small.splat").read_bytes()
    assert carried("gsz-decoder") == site.site()["decoder.wasm"]
    assert not re.search(r'(src|href)="(?!data:)', page)
    told = re.search(r'id="gsz-scene">([^<]*)<', page)
    assert told
    assert json.loads(told[1])["b"]["name"] == "small.splat"
    again = subprocess.run(run, capture_output=True, text=True, timeout=60, cwd=files)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)


def test_a_missing_page_says_how_to_make_it(monkeypatch, tmp_path):
    site.site.cache_clear()
    monkeypatch.setattr(site, "PLACES", (tmp_path,))
    with pytest.raises(InputError, match="npm run build"):
        site.site()
    site.site.cache_clear()
