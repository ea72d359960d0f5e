"""Files stay small enough to be read in one sitting."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 600
ENDINGS = {".py", ".cpp", ".hpp", ".inl", ".cu", ".cuh", ".ts", ".md", ".toml"}
FOLDERS = ("gscompress", "cuda", "tests", "tools", "viewer", "scenes")


def test_no_file_is_long():
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in ENDINGS and path.is_file()]
    files = [path for path in files if "node_modules" not in path.parts]
    assert len(files) > 50
    lines = {path.relative_to(ROOT).as_posix(): path.read_bytes().count(b"\n") for path in files}
    assert {name: count for name, count in lines.items() if count > LIMIT} == {}
