"""Prints a command of the README's first code block: `python tools/readme_commands.py 2` for the one that runs the tests."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def commands(text: str) -> list[str]:
    """The lines of the first fenced block."""
    block = re.search(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for line in block.group(1).splitlines() if line.strip()] if block else []


if __name__ == "__main__":
    print(commands(README.read_text(encoding="utf-8"))[int(sys.argv[1]) - 1])
