"""The decoder under sanitizers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "cuda" / "core"
FLAGS = ["-std=c++20", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-ffp-contract=off", "-D_GLIBCXX_ASSERTIONS"]


@pytest.mark.slow
def test_sanitizers_find_nothing(tmp_path):
    """All goldens, good and bad, and 400 changes of each."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++")
    program = tmp_path / "decode_fuzz"
    sources = [*sorted((CORE / "codec").glob("*.cpp")), CORE / "fuzz" / "decode_fuzz.cpp"]
    subprocess.run(
        [compiler, *FLAGS, "-DGSZ_FUZZ_MAIN", "-Wall", "-Wextra", "-Werror", "-I", str(CORE), *map(str, sources), "-pthread", "-o", str(program)],
        check=True,
        timeout=600,
    )
    # Changes of bad files hardly ever decode; enough of the others must, or the coder is never reached.
    golden = ROOT / "tests" / "golden"
    for folder, least, share in (("v1", 50, 20), ("anchors/good", 12, 20), ("anchors/bad", 20, None)):
        files = sorted((golden / folder).rglob("*.gsz"))
        assert len(files) > least
        done = subprocess.run([str(program), "400", *map(str, files)], capture_output=True, text=True, timeout=900)
        assert (done.returncode, done.stderr) == (0, "")
        inputs, decoded = (int(word) for word in done.stdout.split() if word.isdigit())
        assert inputs == 400 * len(files)
        assert share is None or decoded > inputs // share
