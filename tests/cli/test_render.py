"""gscompress render: images, paths, videos."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import gscompress
from gscompress.cameras import Camera
from gscompress.cli import video
from gscompress.cli.render import safe_names
from gscompress.cli.video import find_ffmpeg
from gscompress.errors import MissingExtra
from gscompress.io.camera_files import write_cameras
from gscompress.render import synthesise
from gscompress.render.paths import orbit_like

SMALL = ("--size", "48x32", "--backend", "cpu")


@pytest.fixture
def cameras(shapes: Path, tmp_path: Path) -> Path:
    """Four made-up cameras of `shapes`."""
    path = tmp_path / "cameras.json"
    write_cameras(synthesise(gscompress.load(shapes), 4, width=64, height=48), path)
    return path


def png(path: Path) -> np.ndarray:
    """uint8 [H, W, 3] of a file that `encode_png` wrote."""
    pillow = pytest.importorskip("PIL.Image")
    return np.asarray(pillow.open(path))


def test_an_orbit_is_the_default(run, gsz, tmp_path):
    outcome = run("render", gsz, "-o", tmp_path / "new" / "images", "--frames", 5, *SMALL, "--json")
    assert outcome.code == 0
    report = outcome.json
    files = sorted(path.name for path in (tmp_path / "new" / "images").iterdir())
    assert report["names"] == files == [f"frame_{i:04d}.png" for i in range(5)]
    assert (report["images"], report["width"], report["height"]) == (5, 48, 32)
    assert (report["path"], report["backend"], report["video"], report["notes"]) == ("orbit", "cpu", None, [])
    assert report["sh_degree"] == 3
    assert report["splats"] == len(gscompress.load(gsz))
    assert report["seconds"] > 0
    images = [png(tmp_path / "new" / "images" / name) for name in files]
    assert all(image.shape == (32, 48, 3) and image.std() > 5 for image in images)


def test_given_cameras(run, shapes, cameras, tmp_path):
    outcome = run("render", shapes, "-o", tmp_path / "out", "--cameras", cameras, "--format", "npy", "--background", "white", "--backend", "cpu")
    assert outcome.code == 0
    assert outcome.err == ""
    assert "4, 64 x 48 px, SH degree 3, by cpu" in outcome.out
    scene = gscompress.load(shapes)
    views = synthesise(scene, 4, width=64, height=48)
    for view, wanted in zip(views, gscompress.render(scene, views, backend="cpu", background=(1, 1, 1)), strict=True):
        found = np.load(tmp_path / "out" / f"{view.name}.npy")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted.image, atol=1e-5)
    run("render", shapes, "-o", tmp_path / "out", "--cameras", cameras, "--sh-degree", 0, *SMALL)
    assert png(tmp_path / "out" / f"{views[0].name}.png").shape == (32, 48, 3)


@pytest.mark.parametrize("path", ["orbit", "interpolate"])
def test_paths(run, shapes, cameras, tmp_path, path):
    report = run("render", shapes, "-o", tmp_path / "out", "--cameras", cameras, "--path", path, "--frames", 3, "--backend", "cpu", "--json").json
    assert (report["path"], report["images"], report["width"], report["height"]) == (path, 3, 64, 48)
    if path == "orbit":
        scene = gscompress.load(shapes)
        wanted = gscompress.render(scene, orbit_like(synthesise(scene, 4, width=64, height=48), 3), backend="cpu")[1].image
        np.testing.assert_allclose(png(tmp_path / "out" / "frame_0001.png") / 255, wanted.clip(0, 1), atol=0.01)


def test_cameras_of_another_frame_are_told(run, tile, tmp_path):
    away = [Camera(np.diag([-1.0, 1, -1, 1]) @ c.world_to_camera, c.fx, c.fy, c.cx, c.cy, c.width, c.height, c.name)
            for c in synthesise(gscompress.load(tile), 5, width=64, height=48)]  # fmt: skip
    cameras = tmp_path / "cameras.json"
    write_cameras(away, cameras)
    outcome = run("render", tile, "-o", tmp_path / "out", "--cameras", cameras, "--backend", "cpu", "--json")
    assert outcome.err.count("another frame") == 1
    assert any("another frame" in note for note in outcome.json["notes"])
    assert "another frame" in run("compare", tile, tile, "--cameras", cameras).err
    assert "another frame" in run("compress", tile, "-o", tmp_path / "a.gsz", "--effort", "fast", "--cameras", cameras).err
    assert run("compare", tile, tile, "--cameras", cameras, "--quiet").err == ""


def test_names_are_safe():
    def named(*names: str) -> list[str]:
        return safe_names([Camera(np.eye(4), 1, 1, 1, 1, 2, 2, name) for name in names])

    assert named("a.JPG", "A.png", "a", "left/IMG 0001.jpeg") == ["a", "A_2", "a_3", "left_IMG_0001"]
    assert named("../../etc/passwd", "/some/x", "..", "", ".hidden") == ["etc_passwd", "some_x", "view_0002", "view_0003", "hidden"]
    assert named("a\0b", "a\nb", "C:\\x", "-rf", "con", "NUL.png", "straße.jpg") == ["a_b", "a_b_2", "C_x", "rf", "view_0004_con", "view_0005_NUL", "straße"]
    long = named("x" * 300, "x" * 301, "ß" * 200)
    assert len(set(long)) == 3
    assert all(len(name.encode()) <= 110 for name in long)
    many = named(*["same"] * 500)
    assert len(set(many)) == 500


def test_images_that_exist_are_kept(run, shapes, tmp_path):
    (tmp_path / "frame_0001.png").write_bytes(b"mine")
    (tmp_path / "other.png").write_bytes(b"mine")
    arguments = ("render", shapes, "-o", tmp_path, "--frames", 2, *SMALL)
    run(*arguments).failed_in_one_line("frame_0001.png", "exists already")
    assert not (tmp_path / "frame_0000.png").exists()
    assert (tmp_path / "frame_0001.png").read_bytes() == b"mine"
    assert run(*arguments, "--overwrite", "--quiet") == (0, "", "")
    assert (tmp_path / "frame_0001.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "other.png").read_bytes() == b"mine"
    run("render", shapes, "-o", tmp_path / "other.png", *SMALL).failed_in_one_line("cannot take images")


def test_what_is_refused(run, shapes, cameras, tmp_path):
    out = ("-o", tmp_path / "out")
    run("render", shapes).failed_in_one_line("-o, --video")
    run("render", shapes, *out, "--path", "given").failed_in_one_line("--cameras")
    run("render", shapes, *out, "--path", "interpolate").failed_in_one_line("--cameras")
    run("render", shapes, *out, "--cameras", cameras, "--frames", 3).failed_in_one_line("--frames")
    run("render", tmp_path / "none.ply", *out).failed_in_one_line("none.ply")
    run("render", shapes, *out, "--video", tmp_path / "a.avi").failed_in_one_line("a.avi", ".mp4")
    run("render", shapes, "--video", shapes).failed_in_one_line("expected a name ending")
    run("render", shapes, "--video", tmp_path / "no" / "a.png").failed_in_one_line("no folder")
    for flag, value in (("--size", "0x5"), ("--size", "99999x5"), ("--size", "5"), ("--background", "red"), ("--background", "1,2,3"),
                        ("--background", "nan,0,0"), ("--fps", "0"), ("--fps", "nan"), ("--frames", "0"), ("--sh-degree", "4")):  # fmt: skip
        outcome = run("render", shapes, *out, flag, value)
        assert outcome.code == 2
        assert flag in outcome.err
    outcome = run("render", shapes, *out, "--backend", "gsplat", "--frames", 1)
    assert outcome.code in (0, 2)  # a CUDA device may be there
    assert outcome.code == 0 or "gsplat" in outcome.err


def test_colours(run, shapes, tmp_path):
    for name, wanted in (("#ff8000", [255, 128, 0]), ("0,1,0.2", [0, 255, 51]), ("black", [0, 0, 0])):
        run("render", shapes, "-o", tmp_path, "--frames", 1, "--background", name, "--overwrite", *SMALL)
        assert png(tmp_path / "frame_0000.png")[0, 0].tolist() == wanted


def test_animated_png(run, shapes, tmp_path):
    report = run("render", shapes, "--video", tmp_path / "orbit.png", "--frames", 4, "--fps", 12.5, *SMALL, "--json").json
    assert report["names"] == []
    assert report["output"] is None
    pillow = pytest.importorskip("PIL.Image")
    image = pillow.open(tmp_path / "orbit.png")
    assert (image.n_frames, image.size, image.info["loop"]) == (4, (48, 32), 0)
    frames = []
    for number in range(4):
        image.seek(number)
        assert image.info["duration"] == pytest.approx(80)
        frames.append(np.asarray(image.convert("RGB")))
    run("render", shapes, "-o", tmp_path / "images", "--frames", 4, *SMALL)
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame, png(tmp_path / "images" / f"frame_{number:04d}.png"))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["orbit.png"]


def test_video_by_ffmpeg(run, shapes, tmp_path):
    try:
        program = find_ffmpeg()
    except MissingExtra as missing:
        pytest.skip(str(missing))
    for ending in ("mp4", "webm", "gif"):
        target = tmp_path / f"orbit.{ending}"
        outcome = run("render", shapes, "--video", target, "--frames", 6, "--fps", 10, "--size", "47x31", "--backend", "cpu")
        assert outcome.code == 0, outcome.err
        assert "0.6 s at 10 frames a second" in outcome.out
        told = subprocess.run([program, "-hide_banner", "-i", str(target), "-f", "null", "-"], capture_output=True, text=True, check=False)
        assert ("48x32" if ending != "gif" else "47x31") in told.stderr
        assert "frame=    6" in told.stderr or "frame=6" in told.stderr.replace(" ", "")
    run("render", shapes, "--video", target, *SMALL).failed_in_one_line("exists already")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orbit.gif", "orbit.mp4", "orbit.webm"]


def test_no_ffmpeg(run, shapes, tmp_path, monkeypatch):
    monkeypatch.setattr(video.shutil, "which", lambda name: None)
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    run("render", shapes, "--video", tmp_path / "a.mp4", *SMALL).failed_in_one_line("ffmpeg", "gscompress[video]")
    assert not list(tmp_path.iterdir())


def fake_ffmpeg(folder: Path, script: str) -> Path:
    program = folder / "ffmpeg"
    program.write_text(f'#!/bin/sh\ncase "$*" in *-encoders*) echo libx264; exit 0;; esac\n{script}\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("script", ["echo no space >&2; exit 3", "cat >/dev/null; echo no space >&2; exit 3", "head -c 10 >/dev/null; exit 0"])
def test_ffmpeg_that_fails(run, shapes, tmp_path, monkeypatch, script):
    """One line says so, whenever it stops reading, and nothing is left behind."""
    (tmp_path / "bin").mkdir()
    program = fake_ffmpeg(tmp_path / "bin", script)
    monkeypatch.setattr(video, "find_ffmpeg", lambda: str(program))
    outcome = run("render", shapes, "--video", tmp_path / "a.mp4", "--frames", 40, "--size", "200x200", "--backend", "cpu")
    outcome.failed_in_one_line("no space" if "space" in script else "")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_failure_leaves_no_video(run, shapes, tmp_path, monkeypatch):
    from gscompress.cli import render

    def broken(*_: object, **__: object):
        yield SimpleNamespace(image=np.zeros((32, 48, 3), np.float32))
        raise KeyboardInterrupt

    monkeypatch.setattr(render, "render_each", broken)
    assert run("render", shapes, "--video", tmp_path / "a.png", *SMALL).code == 130
    assert not list(tmp_path.iterdir())


def test_chunks_of_an_animated_png(run, shapes, tmp_path):
    """Sequence numbers count up over both kinds of chunks, and the header counts the frames."""
    run("render", shapes, "--video", tmp_path / "a.apng", "--frames", 3, *SMALL)
    data, at, kinds, numbers = (tmp_path / "a.apng").read_bytes(), 8, [], []
    while at < len(data):
        (size,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        kinds.append(kind)
        if kind in (b"fcTL", b"fdAT"):
            numbers += struct.unpack_from(">I", data, at + 8)
        if kind == b"acTL":
            assert struct.unpack_from(">II", data, at + 8) == (3, 0)
        at += 12 + size
    assert kinds == [b"IHDR", b"acTL", b"fcTL", b"IDAT", b"fcTL", b"fdAT", b"fcTL", b"fdAT", b"IEND"]
    assert numbers == [0, 1, 2, 3, 4]


def test_what_would_go_wrong_in_the_end_is_refused_at_once(run, gsz, tmp_path):
    folder = tmp_path / "new"
    run("render", tmp_path / "missing.ply", "-o", folder).failed_in_one_line("missing.ply")
    run("render", gsz, "-o", tmp_path, "--video", tmp_path / "frame_0000.png", "--frames", 2, *SMALL).failed_in_one_line("--video")
    run("render", gsz, "-o", folder, "--fps", 24, *SMALL).failed_in_one_line("--fps")
    assert run("render", gsz, "-o", folder, "--frames", 999_999_999).code == 2
    assert not folder.exists()
