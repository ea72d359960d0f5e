"""Outputs that cannot be written are refused before the work, and nothing is left half-written."""

from __future__ import annotations

import pytest

from gscompress import codec
from gscompress.errors import InputError


@pytest.fixture
def no_work(monkeypatch):
    """Fails the test if anything is encoded or decoded."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("work was done before the output was looked at")

    for name in ("compress_scene", "decode"):
        monkeypatch.setattr(codec, name, refuse)


@pytest.mark.usefixtures("no_work")
def test_existing_output(run, shapes, gsz, tmp_path):
    for name in ("a.gsz", "a.ply"):
        (tmp_path / name).write_bytes(b"precious")
    run("compress", shapes, "-o", tmp_path / "a.gsz").failed_in_one_line("a.gsz: exists already; --overwrite")
    run("decompress", gsz, "-o", tmp_path / "a.ply").failed_in_one_line("a.ply: exists already; --overwrite")
    assert {p.read_bytes() for p in tmp_path.iterdir()} == {b"precious"}


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("place", ["no/such/folder/x", "file/x", "folder", "n" * 300, "nul\0l"])
def test_unwritable_output(run, shapes, gsz, tmp_path, place):
    (tmp_path / "file").write_bytes(b"")
    for ending, command, source in ((".gsz", "compress", shapes), (".ply", "decompress", gsz)):
        (tmp_path / f"folder{ending}").mkdir()
        run(command, source, "-o", tmp_path / (place + ending), "--overwrite").failed_in_one_line(ending)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.gsz", "folder.ply"]


@pytest.mark.usefixtures("no_work")
def test_output_is_the_input(run, gsz):
    before = gsz.read_bytes()
    run("compress", gsz, "--overwrite").failed_in_one_line("is the input itself")
    assert gsz.read_bytes() == before


def test_overwrite(run, shapes, tmp_path):
    (tmp_path / "a.gsz").write_bytes(b"old")
    assert run("compress", shapes, "-o", tmp_path / "a.gsz", "--overwrite", "--effort", "fast").code == 0
    assert (tmp_path / "a.gsz").read_bytes()[:4] == b"GSZ\x1a"
    assert [p.name for p in tmp_path.iterdir()] == ["a.gsz"]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("quality: expected\nlittle"), 2, "error: quality: expected little"),
        (MemoryError(), 2, "error: not enough memory"),
        (PermissionError(13, "Permission denied", "a.bin"), 2, "error: a.bin: Permission denied"),
        (OSError(28, "No space left on device"), 2, "error: No space left on device"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
    ],
)
def test_failure_in_the_middle(run, shapes, tmp_path, monkeypatch, error, code, said):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(codec, "compress_scene", fail)
    outcome = run("compress", shapes, "-o", tmp_path / "x.gsz")
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err == f"gscompress: {said}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_bug_is_not_hidden(run, shapes, tmp_path, monkeypatch):
    monkeypatch.setattr(codec, "compress_scene", lambda *_: {}["bug"])
    with pytest.raises(KeyError):
        run("compress", shapes, "-o", tmp_path / "x.gsz")
    assert list(tmp_path.iterdir()) == []
