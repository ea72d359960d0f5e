"""Inputs that are not what they should be: one line, exit code 2, nothing written."""

from __future__ import annotations

import pytest

COMMANDS = [["compress", "{}", "-o", "out.gsz"], ["info", "{}"], ["compare", "{}", "{}"], ["decompress", "{}", "-o", "out.ply"]]


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def every_command(run, path, *said: str) -> None:
    for command in COMMANDS:
        run(*(part.format(path) for part in command)).failed_in_one_line(*said)


def test_missing_file(run):
    every_command(run, "nothing.ply", "nothing.ply: cannot be read (No such file or directory)")


def test_folder(run, tmp_path):
    (tmp_path / "empty").mkdir()
    every_command(run, "empty", "empty")


@pytest.mark.parametrize(
    "content", [b"", b"garbage\n" * 99, b"ply\nformat binary_little_endian 1.0\n", b"GSZ\x1a", b"GSZ\x1a" + bytes(36), b"PK\x03\x04xx"]
)
def test_garbage(run, tmp_path, content):
    (tmp_path / "bad.ply").write_bytes(content)
    every_command(run, "bad.ply", "bad.ply", "expected", "found")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.ply"]


def test_missing_properties(run, tmp_path):
    (tmp_path / "points.ply").write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n")
    run("compress", "points.ply").failed_in_one_line("points.ply", "opacity")


def test_newer_version_and_flipped_bit(run, gsz, tmp_path):
    data = bytearray(gsz.read_bytes())
    data[4] += 2
    (tmp_path / "newer.gsz").write_bytes(data)
    every_command(run, "newer.gsz", "newer.gsz", "version", "expected", "found")
    data[4] -= 2
    data[len(data) // 2] ^= 1
    (tmp_path / "flipped.gsz").write_bytes(data)
    run("decompress", "flipped.gsz").failed_in_one_line("flipped.gsz", "expected", "found")
    assert not (tmp_path / "flipped.ply").exists()


def test_decompress_of_another_format(run, shapes):
    run("decompress", shapes, "-o", "out.spz").failed_in_one_line("expected", "found")


def test_odd_names(run, shapes, tmp_path, gsz):
    """A name that is no UTF-8, and one with a line break, still make one line."""
    odd = tmp_path / "line\nbreak \udcff.ply"
    run("info", odd).failed_in_one_line("break")
    odd.write_bytes(shapes.read_bytes())
    outcome = run("info", odd, "--json")
    assert outcome.code == 0
    assert outcome.json["splats"] == 630
    assert run("info", odd).code == 0


@pytest.mark.parametrize("command", [["render", "x.ply", "-o", ""], ["compress", ""]])
def test_an_empty_name(run, command):
    """`-o ""`, of a variable that was not set, is not the current folder."""
    outcome = run(*command)
    assert outcome.code == 2
    assert "expected a name, found nothing" in outcome.err
