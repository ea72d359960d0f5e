"""Compiles the decoder (cuda/core/codec) to viewer/src/decode/decoder.wasm, which is committed.

    pip install ziglang==0.17.0
    python viewer/build_wasm.py            writes the file
    python viewer/build_wasm.py --check    says whether it is what the sources give

The same compiler gives the same bytes everywhere. A first run takes a few minutes, for it compiles the C++ library too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "viewer" / "src" / "decode" / "decoder.wasm"
ZIG = "0.17.0"

SOURCES = [
    "cuda/wasm/decoder.cpp",
    *(f"cuda/core/codec/{name}.cpp" for name in ("anchor_coder", "block_coder", "block_decoder", "decisions", "file", "following", "frames", "network_payload", "networks", "params")),
]
FLAGS = [
    "-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c++20", "-O3", "-msimd128", "-fno-exceptions", "-fno-rtti",
    "-ffp-contract=off", "-fno-fast-math", "-DNDEBUG", "-s", "-Wall", "-Wextra",
]  # fmt: skip


def zig_version() -> str | None:
    """Version of the compiler, or None where it is not installed."""
    done = subprocess.run([sys.executable, "-m", "ziglang", "version"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def build(target: Path) -> None:
    """Compiles to `target`. Paths are relative, so that none of this machine gets in."""
    command = [sys.executable, "-m", "ziglang", "c++", *FLAGS, "-I", "cuda/core", *SOURCES, "-o", str(target)]
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing; exit status 1 where they differ")
    check = parser.parse_args().check
    found = zig_version()
    if found != ZIG:
        print(f"ziglang: expected {ZIG}, found {found or 'none'}: pip install ziglang=={ZIG}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / TARGET.name
        build(made)
        data = made.read_bytes()
    if check:
        same = TARGET.is_file() and TARGET.read_bytes() == data
        print(f"{TARGET.relative_to(ROOT)}: {'as' if same else 'not what'} the sources give")
        return 0 if same else 1
    TARGET.write_bytes(data)
    print(f"{TARGET.relative_to(ROOT)}: {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
