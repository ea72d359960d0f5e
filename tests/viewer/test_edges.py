"""`view` and `export-html` where things are odd: Ctrl-C at work, files that the page cannot read, outputs that are inputs, a page that is missing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

import gscompress
from gscompress.cameras import thinned
from gscompress.cli import main
from gscompress.render import synthesise
from gscompress.serve import shown, single_page, site
from gscompress.serve.measuring import Measuring

ROOT = Path(__file__).resolve().parents[2]
SHAPES, TILE = ROOT / "scenes" / "shapes_sh3.ply", ROOT / "scenes" / "tile.ply"
needs_site = pytest.mark.skipif(not any((place / "index.html").is_file() for place in site.PLACES), reason="the viewer is not built: npm run build in viewer/")


@pytest.fixture(scope="module")
def small() -> bytes:
    """A .gsz."""
    return gscompress.compress(gscompress.load(SHAPES), gscompress.CompressOptions(effort="fast"))


@needs_site
@pytest.mark.skipif(os.name == "nt" or signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="needs Ctrl-C")
@pytest.mark.parametrize("wait", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("together", [False, True], ids=["alone", "as a terminal does"])
def test_ctrl_c_while_measuring_is_quiet(tmp_path, wait, together):
    """At several moments: what goes wrong here goes wrong at some only."""
    gscompress.load(TILE).save(tmp_path / "tile.ply")  # of which there is nothing to note
    command = [sys.executable, "-m", "gscompress", "view", "tile.ply", "tile.ply", "--no-browser", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, start_new_session=True) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(wait)
        if together:  # the measuring process gets it as well
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert (process.returncode, said) == (0, b"")


def measure(reference: Path, other: Path, cameras: Path | None = None, count: int = 0) -> tuple[float | None, list[str]]:
    """PSNR in dB, and why there is none."""
    reasons: list[str] = []
    measuring = Measuring(reference, other, cameras, count, reasons.append)
    deadline = time.monotonic() + 60
    while measuring.pending:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    measuring.stop()
    return measuring.psnr, reasons


def test_a_dozen_cameras_are_enough(tmp_path, monkeypatch, small):
    """Files are named from where the user is, which has a package of the same name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gscompress").mkdir()
    (tmp_path / "gscompress" / "__init__.py").write_text("raise SystemExit(9)")
    (tmp_path / "-small.gsz").write_bytes(small)
    cameras = [camera.resized(96, 64) for camera in synthesise(gscompress.load(SHAPES), 30)]
    entries = [
        {"id": i, "img_name": c.name, "width": c.width, "height": c.height, "position": c.position.tolist(),
         "rotation": c.world_to_camera[:3, :3].T.tolist(), "fx": c.fx, "fy": c.fy}
        for i, c in enumerate(cameras)
    ]  # fmt: skip
    (tmp_path / "cameras.json").write_text(json.dumps(entries))
    assert [camera.name for camera in thinned(cameras, 3)] == ["view_000", "view_010", "view_020"]
    assert len(thinned(cameras, 99)) == 30
    assert thinned([], 3) == []
    psnr, reasons = measure(SHAPES, Path("-small.gsz"), Path("cameras.json"), 30)
    assert reasons == []
    assert psnr == pytest.approx(shown.measured(Path("-small.gsz"), SHAPES, cameras), abs=1e-3)


def test_why_nothing_was_measured_is_said(tmp_path, small):
    (tmp_path / "cut.gsz").write_bytes(small[: len(small) * 2 // 3])
    psnr, reasons = measure(SHAPES, tmp_path / "cut.gsz")
    assert psnr is None
    assert len(reasons) == 1
    assert reasons[0].startswith(f"PSNR was not measured: {tmp_path / 'cut.gsz'}: ")


@pytest.mark.skipif(os.name == "nt" or signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="needs Ctrl-C")
def test_a_measurement_that_is_interrupted_says_nothing():
    """It may hear of Ctrl-C before `view` does."""
    reasons: list[str] = []
    measuring = Measuring(TILE, TILE, None, 0, reasons.append)
    measuring._process.send_signal(signal.SIGINT)
    measuring._thread.join(20)
    assert (measuring.pending, measuring.psnr, reasons) == (False, None, [])


def test_a_sequence_is_shown_whole_or_cut(tmp_path):
    frames = (ROOT / "viewer" / "tests" / "sequence" / "shapes.gsz").read_bytes()
    (tmp_path / "frames.gsz").write_bytes(frames)
    scene = shown.shown(tmp_path / "frames.gsz")
    assert (scene.content, scene.ending, scene.format) == (frames, ".gsz", "gsz")
    assert scene.notes == ("a sequence of 7 frames, 0.70 s; where it is compared, PSNR is that of its first frame",)
    psnr, reasons = measure(SHAPES, tmp_path / "frames.gsz")
    assert psnr is not None
    assert (psnr > 20, reasons) == (True, [])
    (tmp_path / "frames.gsz").write_bytes(frames[:-9])
    assert shown.shown(tmp_path / "frames.gsz").notes[1] == "the file is cut: 6 of its frames are there"
    (tmp_path / "frames.gsz").write_bytes(frames[:100])
    with pytest.raises(gscompress.errors.Truncated):
        shown.shown(tmp_path / "frames.gsz")


@pytest.mark.parametrize("kind", ["text", "colours", "doubles"])
def test_what_the_page_does_not_read_is_converted(tmp_path, kind):
    file = PlyData.read(str(SHAPES))
    rows = file["vertex"].data
    if kind == "text":
        file.text = True
    elif kind == "doubles":
        file = PlyData([PlyElement.describe(rows.astype([(name, "f8") for name in rows.dtype.names]), "vertex")])
    else:
        kept = [(name, rows.dtype[name]) for name in rows.dtype.names if not name.startswith("f_")]
        out = np.zeros(len(rows), [*kept, *((name, "u1") for name in ("red", "green", "blue"))])
        for name, _ in kept:
            out[name] = rows[name]
        file = PlyData([PlyElement.describe(out, "vertex")])
    file.write(str(tmp_path / "odd.ply"))
    made = shown.shown(tmp_path / "odd.ply")
    assert (made.format, made.ending, made.size_bytes) == ("ply", ".ply", (tmp_path / "odd.ply").stat().st_size)
    assert shown.is_plain(made.content)
    assert not shown.is_plain((tmp_path / "odd.ply").read_bytes())
    assert shown.shown(SHAPES).content == SHAPES.read_bytes()


@pytest.mark.parametrize(("name", "said"), [("other.ply", "name ending in .html"), ("page.txt", "name ending in .html"), ("other.html", "is the input itself")])
def test_export_never_replaces_an_input(tmp_path, capsys, name, said):
    for other in ("other.ply", "other.html"):  # formats are known by content
        (tmp_path / other).write_bytes(SHAPES.read_bytes())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = tmp_path / ("other.html" if name.endswith("html") else "other.ply")
    assert main(["export-html", str(TILE), str(other), "-o", str(tmp_path / name), "--overwrite"]) == 2
    assert said in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_export_never_replaces_its_cameras(tmp_path, capsys):
    (tmp_path / "cameras.html").write_text("[]")
    assert main(["export-html", str(TILE), "--cameras", str(tmp_path / "cameras.html"), "-o", str(tmp_path / "cameras.html"), "--overwrite"]) == 2
    assert "is the input itself" in capsys.readouterr().err
    assert (tmp_path / "cameras.html").read_text() == "[]"


@needs_site
def test_a_cut_file_is_exported_unmeasured(tmp_path, capsys, small):
    (tmp_path / "cut.gsz").write_bytes(small[: len(small) * 2 // 3])
    assert main(["export-html", str(tmp_path / "cut.gsz"), str(SHAPES), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["psnr"] is None
    assert "PSNR was not measured" in said.err


@needs_site
def test_a_folder_becomes_a_page(tmp_path, monkeypatch):
    pytest.importorskip("PIL")
    gscompress.load(SHAPES).save(tmp_path / "a.sog")
    zipfile.ZipFile(tmp_path / "a.sog").extractall(tmp_path / "sog")
    monkeypatch.chdir(tmp_path / "sog")
    assert main(["export-html", ".", "-o", str(tmp_path / "p.html")]) == 0
    assert "sog.gsz" in (tmp_path / "p.html").read_text()


@needs_site
def test_a_script_cannot_end_its_element(tmp_path, monkeypatch, small):
    parts = site.site() | {"viewer.js": b"a='</SCRIPT><!--<script>'"}
    monkeypatch.setattr(single_page, "site", lambda: parts)
    (tmp_path / "scene.gsz").write_bytes(small)
    page = single_page.single_page([shown.shown(tmp_path / "scene.gsz")], [], None).decode()
    assert r"a='\x3C/SCRIPT>\x3C!--<script>'</script>" in page


def test_a_missing_page_is_said_first(tmp_path, capsys, monkeypatch):
    site.site.cache_clear()
    monkeypatch.setattr(site, "PLACES", (tmp_path,))
    for command in (["export-html", "nothing.ply", "-o", str(tmp_path / "x.html")], ["view", "nothing.ply"]):
        assert main(command) == 2
        assert "npm run build" in capsys.readouterr().err
    site.site.cache_clear()


def test_the_package_installs_what_the_page_consists_of():
    listed = re.search(r"install\(FILES ([^)]*) DESTINATION gscompress/site\)", (ROOT / "CMakeLists.txt").read_text())
    assert listed
    assert set(listed[1].split()) == {f"viewer/dist/{name}" for name in site.FILES}
