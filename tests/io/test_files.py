"""Dispatch by path and content, and the promise that nothing is left half-written."""

from __future__ import annotations

import os
import stat

import pytest
from kit import assert_same, written
from scenes_for_tests import random_scene

from gscompress import io
from gscompress.errors import BadMagic, InputError, OutputError, Unsupported
from gscompress.files import atomic_write


@pytest.mark.parametrize("ending", io.FORMATS)
def test_content_decides_and_not_the_name(tmp_path, ending):
    content = written(random_scene(20, 1), tmp_path, ending)
    for name in ("a.txt", "a.ply", "a.spz", "a.sog", "a.splat"):
        (tmp_path / name).write_bytes(content)
        assert io.detect(content, tmp_path / name) == ending
        loaded = io.read(tmp_path / name)
        assert (loaded.format, loaded.size_bytes, len(loaded.scene)) == (ending, len(content), 20)


def test_a_long_comment_does_not_hide_a_chunk_element(tmp_path):
    content = written(random_scene(2), tmp_path, "compressed.ply").replace(b"element chunk", b"comment " + b"x" * 9000 + b"\nelement chunk")
    assert io.detect(content, tmp_path / "x") == "compressed.ply"


def test_gsz_is_known_and_left_to_others(tmp_path):
    (tmp_path / "a").write_bytes(b"GSZ\x1a" + bytes(28))
    assert io.detect(b"GSZ\x1a" + bytes(28), tmp_path / "a") == "gsz"
    with pytest.raises(Unsupported, match="gsz"):
        io.read(tmp_path / "a")


def test_folders(tmp_path):
    with pytest.raises(BadMagic, match="folder"):
        io.read(tmp_path)
    (tmp_path / "lod-meta.json").write_text("{}")
    with pytest.raises(Unsupported, match="streamed"):
        io.read(tmp_path)


@pytest.mark.parametrize("name", ["absent.ply", "no\0name"])
def test_no_such_file(tmp_path, name):
    with pytest.raises(InputError):
        io.read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "expected"), [("a.ply", "ply"), ("A.PLY", "ply"), ("a.compressed.ply", "compressed.ply"), ("b.x.spz", "spz")]
)
def test_format_of_name(name, expected):
    assert io.format_of_name(name) == expected


@pytest.mark.parametrize("name", ["a.obj", "ply", "a", "a.plyx"])
def test_an_unknown_ending_lists_the_known(tmp_path, name):
    with pytest.raises(InputError, match=r"\.ply, \.compressed\.ply, \.spz, \.splat, \.sog"):
        io.write(random_scene(1), tmp_path / name)


def test_an_explicit_format_overrides_the_ending(tmp_path):
    io.write(random_scene(1), tmp_path / "a.ply", format="spz")
    assert io.read(tmp_path / "a.ply").format == "spz"
    with pytest.raises(InputError, match="format"):
        io.write(random_scene(1), tmp_path / "b.ply", format="obj")


def test_scene_save(tmp_path):
    scene = random_scene(5, 1)
    scene.save(tmp_path / "a.ply")
    assert_same(io.read(tmp_path / "a.ply").scene, scene)
    with pytest.raises(OutputError):
        scene.save(tmp_path / "a.ply")
    scene.save(tmp_path / "a.ply", overwrite=True)


def test_an_existing_file_is_kept_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "a.ply").write_bytes(b"precious")
    monkeypatch.setattr("gscompress.io.ply.encode", lambda *_: pytest.fail("encoded in vain"))
    with pytest.raises(OutputError, match="exists"):
        io.write(random_scene(1), tmp_path / "a.ply")
    assert (tmp_path / "a.ply").read_bytes() == b"precious"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failing_writer_leaves_the_old_file_and_no_other(tmp_path, error):
    (tmp_path / "a").write_bytes(b"old")

    def fail(file):
        file.write(b"half")
        raise error("no")

    with pytest.raises(OutputError if error is OSError else error):
        atomic_write(tmp_path / "a", fail, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_atomic_write_returns_the_size_and_respects_the_umask(tmp_path):
    assert atomic_write(tmp_path / "a", b"12345") == 5
    assert atomic_write(tmp_path / "b", lambda file: file.write(b"123")) == 3
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("target", ["absent/a.ply", "a.ply/b.ply", "", "nul\0l"])
def test_an_unwritable_target(tmp_path, target):
    (tmp_path / "a.ply").write_bytes(b"a file, not a folder")
    with pytest.raises(OutputError):
        atomic_write(tmp_path / target, b"x", overwrite=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError):
            atomic_write(tmp_path / "a", b"x")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("ending", io.FORMATS)
@pytest.mark.parametrize("n", [1, 30])
def test_a_scene_outlives_its_file(tmp_path, ending, n):
    io.write(random_scene(n, 1), tmp_path / f"a.{ending}")
    scene = io.read(tmp_path / f"a.{ending}").scene
    before = scene.means.copy()
    (tmp_path / f"a.{ending}").write_bytes(b"")
    assert (scene.means == before).all()
    assert scene.means.flags.writeable
    io.write(scene, tmp_path / f"a.{ending}", overwrite=True)
    assert len(io.read(tmp_path / f"a.{ending}").scene) == n
