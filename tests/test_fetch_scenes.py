"""tools/fetch_scenes.py against a server in this process, with archives laid out as the real ones are."""

from __future__ import annotations

import hashlib
import http.server
import io
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[1] / "tools"
PHOTOGRAPHS = 3


@pytest.fixture
def fetcher(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))
    import fetch_scenes
    import remote_zip

    monkeypatch.setattr(remote_zip, "PAUSE", 0.0)
    return fetch_scenes


def archive(scenes: list[str], odd: bool = False) -> bytes:
    """Photographs, sparse tables and other files of each scene."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for scene in scenes:
            for folder in ("images", "images_2", "images_4", "images_8"):
                for i in range(PHOTOGRAPHS):
                    made.writestr(f"{scene}/{folder}/{i}.JPG", f"{scene} {folder} {i} ".encode() * 100)
            for name in ("cameras.bin", "images.bin", "points3D.bin"):
                made.writestr(f"{scene}/sparse/0/{name}", name.encode() * 50)
            made.writestr(f"{scene}/poses_bounds.npy", b"poses")
            if odd:
                made.writestr(f"{scene}/../outside.txt", b"outside")
                made.writestr(f"{scene}/images/../../outside.txt", b"outside")
                made.writestr("/outside.txt", b"outside")
    return out.getvalue()


def models(scenes: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for scene in scenes:
            made.writestr(f"{scene}/point_cloud/iteration_7000/point_cloud.ply", b"early")
            made.writestr(f"{scene}/point_cloud/iteration_30000/point_cloud.ply", scene.encode() * 99)
            made.writestr(f"{scene}/cameras.json", b"[]")
    return out.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Sends parts of `files`; without `ranges`, everything at once; the first `failures` requests for data fail."""

    files: dict[str, bytes]
    ranges = True
    failures = 0
    sent = 0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        data = self.server.files.get(self.path.strip("/"))
        part = self.headers.get("Range", "").removeprefix("bytes=").split("-")
        if data is None:
            self.send_error(404)
            return
        start, stop = (int(part[0]), int(part[1]) + 1) if self.server.ranges else (0, len(data))
        if stop - start > 1 and self.server.failures:
            self.server.failures -= 1
            self.send_error(503)
            return
        self.send_response(206 if self.server.ranges else 200)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.server.sent += stop - start  # before the client has it all, and its test looks
        self.wfile.write(data[start:stop])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(fetcher: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.files = {
        "360_v2.zip": archive(["bonsai", "garden"]), "360_extra_scenes.zip": archive(["flowers"]), "models.zip": models(["bonsai", "garden", "flowers"]),
    }  # fmt: skip
    described(fetcher, monkeypatch, server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def described(fetcher: Any, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """A manifest of the server's files."""
    url = f"http://127.0.0.1:{server.server_address[1]}"
    known = {name: {"url": f"{url}/{name}", "size_bytes": len(data), "page": "", "licence": ""} for name, data in server.files.items()}
    scenes = {
        scene: {
            "archive": found, "photographs": PHOTOGRAPHS, "model_bytes": 99 * len(scene),
            "model_md5": hashlib.md5(scene.encode() * 99, usedforsecurity=False).hexdigest(),
        }
        for scene, found in (("flowers", "360_extra_scenes.zip"), ("garden", "360_v2.zip"), ("bonsai", "360_v2.zip"))
    }  # fmt: skip
    monkeypatch.setattr(fetcher, "MANIFEST", {"about": "about", "archives": known, "scenes": scenes})


def files(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}


def test_everything(fetcher, served, tmp_path, capsys):
    assert fetcher.main([str(tmp_path), "--models"]) == 0
    assert capsys.readouterr().out.splitlines() == ["flowers   complete", "garden    complete", "bonsai    complete"]
    assert len(files(tmp_path)) == 3 * (4 * PHOTOGRAPHS + 3 + 1)
    assert (tmp_path / "garden" / "images_4" / "1.JPG").read_bytes() == b"garden images_4 1 " * 100
    assert (tmp_path / "models" / "bonsai" / "point_cloud" / "iteration_30000" / "point_cloud.ply").read_bytes() == b"bonsai" * 99
    served.sent = 0
    assert fetcher.main([str(tmp_path), "--models"]) == 0
    assert served.sent == 0, "what is complete is not asked for"


def test_only_some_of_it_is_sent(fetcher, served, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["remote_zip"], "WINDOW", 2000)
    monkeypatch.setattr(fetcher, "WINDOW", 2000)
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai", "--small"]) == 0
    assert files(tmp_path) == {*(f"bonsai/images_2/{i}.JPG" for i in range(PHOTOGRAPHS)), *(f"bonsai/sparse/0/{n}" for n in fetcher.SPARSE)}
    assert served.sent < 0.6 * len(served.files["360_v2.zip"])


def test_an_interrupted_run_goes_on(fetcher, served, tmp_path, monkeypatch, capsys):
    real, count = fetcher._extract, [0]

    def interrupted(*arguments: object) -> None:
        count[0] += 1
        if count[0] == 5:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(fetcher, "_extract", interrupted)
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai"]) == 130
    assert len(files(tmp_path)) == 4
    first = {p: (tmp_path / p).stat().st_mtime_ns for p in files(tmp_path)}
    count[0] = 100
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai"]) == 0
    assert {p: (tmp_path / p).stat().st_mtime_ns for p in first} == first


def test_a_server_with_bad_moments(fetcher, served, tmp_path):
    served.failures = 3
    assert fetcher.main([str(tmp_path), "--scenes", "garden"]) == 0


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda server: setattr(server, "ranges", False), "--archives"),
        (lambda server: server.files.update({"360_v2.zip": archive(["bonsai", "garden"]) + b"x"}), "another file is there now"),
        (lambda server: server.files.pop("360_v2.zip"), "404"),
        (lambda server: setattr(server, "failures", 100), "503"),
    ],
)  # fmt: skip
def test_a_server_that_is_of_no_use(fetcher, served, tmp_path, capsys, break_it, words):
    break_it(served)
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai"]) == 2
    assert words in capsys.readouterr().err
    assert files(tmp_path) == set()


def test_archives_that_are_not_sound(fetcher, served, tmp_path, monkeypatch, capsys):
    data = bytearray(served.files["360_v2.zip"])
    data[data.index(b"bonsai images_2 1 ") + 4] ^= 1
    served.files["360_v2.zip"] = bytes(data)
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai"]) == 2
    assert "CRC-32" in capsys.readouterr().err
    assert not (tmp_path / "bonsai" / "images_2" / "1.JPG").exists()
    served.files["360_v2.zip"] = b"no archive" * 100
    described(fetcher, monkeypatch, served)
    assert fetcher.main([str(tmp_path), "--scenes", "garden"]) == 2
    assert "zip" in capsys.readouterr().err
    served.files["360_v2.zip"] = archive(["garden"])
    described(fetcher, monkeypatch, served)
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai"]) == 2
    assert "expected the scene bonsai" in capsys.readouterr().err


def test_paths_that_lead_elsewhere(fetcher, served, tmp_path, monkeypatch):
    served.files["360_v2.zip"] = archive(["bonsai"], odd=True)
    described(fetcher, monkeypatch, served)
    root = tmp_path / "deep" / "data"
    assert fetcher.main([str(root), "--scenes", "bonsai"]) == 0
    assert len(files(root)) == 4 * PHOTOGRAPHS + 3
    assert files(tmp_path) == {f"deep/data/{p}" for p in files(root)}


def test_another_model_than_was_known(fetcher, served, tmp_path, capsys):
    fetcher.MANIFEST["scenes"]["bonsai"]["model_md5"] = "0" * 32
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai", "--models"]) == 2
    assert "expected MD5" in capsys.readouterr().err


def test_a_disk_that_is_too_small(fetcher, served, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetcher.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai"]) == 2
    assert "of room for bonsai, found 1,000" in capsys.readouterr().err
    assert files(tmp_path) == set()


def test_archives_downloaded_by_hand(fetcher, served, tmp_path, capsys):
    (tmp_path / "zips").mkdir()
    assert fetcher.main([str(tmp_path / "data"), "--scenes", "bonsai", "--archives", str(tmp_path / "zips")]) == 2
    assert "expected 360_v2.zip" in capsys.readouterr().err
    (tmp_path / "zips" / "360_v2.zip").write_bytes(served.files["360_v2.zip"])
    assert fetcher.main([str(tmp_path / "data"), "--scenes", "bonsai", "--archives", str(tmp_path / "zips")]) == 0
    assert served.sent == 0


def test_a_check(fetcher, served, tmp_path, capsys):
    fetcher.main([str(tmp_path), "--scenes", "bonsai"])
    (tmp_path / "bonsai" / "images_8" / "2.JPG").unlink()
    (tmp_path / "bonsai" / "sparse" / "0" / "images.bin").unlink()
    capsys.readouterr()
    served.sent = 0
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai", "--check", "--models"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "images_8: expected 3 photographs, found 2" in line
    assert "images.bin missing" in line
    assert "models/bonsai" in line
    assert served.sent == 0
    assert fetcher.main([str(tmp_path), "--scenes", "bonsai", "--check", "--small"]) == 1
    assert fetcher.main([]) == 2
    assert fetcher.main([str(tmp_path), "--scenes", "lego"]) == 2
    assert "lego" in capsys.readouterr().err


def test_the_real_manifest(fetcher, capsys):
    from gscompress.evaluate.batch.protocols import FACTOR, MIPNERF360

    assert tuple(fetcher.MANIFEST["scenes"]) == MIPNERF360
    for scene, known in fetcher.MANIFEST["scenes"].items():
        assert known["archive"] in fetcher.MANIFEST["archives"]
        assert fetcher.small_folder(scene) == f"images_{FACTOR[scene]}"
    assert fetcher.main(["--list"]) == 0
    out = capsys.readouterr().out
    assert "licence" in out
    assert "storage.googleapis.com" in out
