"""The program as a whole: help, version, completion, exit codes, and what a shell sees of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import IO

import pytest

import gscompress
from gscompress.cli import output
from gscompress.cli.parser import build_parser
from gscompress.config import CompressOptions

COMMANDS = ("compress", "decompress", "info", "compare", "view", "export-html", "report", "completion")


def test_help_has_examples(run):
    outcome = run("--help")
    assert outcome.code == 0
    assert "exit codes" in outcome.out
    for command in COMMANDS:
        assert command in outcome.out
        text = run(command, "--help").out
        assert f"gscompress {command} " in text.split("examples:")[1]


def test_every_option_of_the_encoder_is_a_flag(run):
    text = run("compress", "--help").out
    for field in fields(CompressOptions):
        assert f"--{field.name.replace('_', '-')}" in text


def test_version(run):
    outcome = run("--version")
    assert (outcome.code, outcome.out) == (0, f"gscompress {gscompress.__version__} (reads .gsz versions 1, 2)\n")


@pytest.mark.parametrize("arguments", [[], ["explode"], ["compress"], ["info", "a", "b"], ["compare", "a", "b", "--views", "0"]])
def test_usage_errors(run, arguments):
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("usage: gscompress")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion(run, shell, tmp_path):
    outcome = run("completion", shell)
    assert outcome.code == 0
    for word in ("gscompress", "target-size", "decompress"):
        assert word in outcome.out
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(outcome.out)
        subprocess.run([shell, "-n", script], check=True, timeout=20)


def test_every_parser_error_names_the_program():
    assert build_parser().prog == "gscompress"


def test_progress_is_for_terminals(monkeypatch, capsys):
    with output.Progress() as progress:
        progress.update("encoding", 0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with output.Progress() as progress:
        progress.update("encoding", 0.5)
    assert "encoding" in capsys.readouterr().err
    with output.Progress(quiet=True) as progress:
        progress.update("encoding", 0.5)
    assert capsys.readouterr() == ("", "")


def start(*arguments: object, cwd: Path, stdout: int | IO[str], env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """The program in a process of its own, away from the source tree."""
    command = [sys.executable, "-m", "gscompress", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=stdout, stderr=subprocess.PIPE, env=env)


@pytest.mark.skipif(os.name == "nt", reason="pipes end differently on Windows")
def test_closed_pipe_is_quiet(tmp_path):
    read, write = os.pipe()
    os.close(read)
    process = start("completion", "bash", cwd=tmp_path, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_under_stdout(tmp_path):
    with open("/dev/full", "w") as full:
        process = start("completion", "bash", cwd=tmp_path, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == b"gscompress: error: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_interrupt(tmp_path, tile):
    """Ends with 130 and leaves nothing. The signal is sent as soon as the program has begun to work."""
    process = start("compress", tile, "-o", tmp_path / "x.gsz", "--effort", "max", cwd=tmp_path, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    assert b"note" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == b"gscompress: error: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_ascii_terminal(tmp_path, tile):
    """A name that the terminal cannot show is escaped, not a crash."""
    source = tmp_path / "tile_\u00fc.ply"
    source.write_bytes(tile.read_bytes())
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"}
    process = start("info", source, cwd=tmp_path, stdout=subprocess.PIPE, env=environment)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"tile_\\xfc.ply" in out
