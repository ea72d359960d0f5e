"""Compiles the decoder to WebAssembly: viewer/public/decoder.wasm, the same bytes wherever it is run.

    pip install ziglang==0.17.0
    python tools/build_wasm.py [--check]

The first run compiles zig's C++ library as well and takes minutes. `--check` compares with the file that is there instead.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "viewer" / "public" / "decoder.wasm"
SOURCES = ("wasm/decoder", "core/codec/anchor_coder", "core/codec/block_coder", "core/codec/decisions", "core/codec/decoder",
           "core/codec/file", "core/codec/network_payload", "core/codec/networks", "core/codec/params")  # fmt: skip
# No contraction and no fast-math: the decoder's few double operations must round alike everywhere.
FLAGS = (
    "-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c++20", "-O3", "-msimd128", "-ffp-contract=off", "-fno-fast-math",
    "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-s", "-Wl,--max-memory=2147483648", "-Icuda/core",
)  # fmt: skip


def build(output: Path) -> None:
    """Compiles to `output`; from the repository's root, so that no path gets into the file."""
    command = [sys.executable, "-m", "ziglang", "c++", *FLAGS, *(f"cuda/{s}.cpp" for s in SOURCES), "-o", str(output)]
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail where viewer/public/decoder.wasm is not what the sources give")
    if parser.parse_args().check:
        with tempfile.TemporaryDirectory() as folder:
            built = Path(folder) / "decoder.wasm"
            build(built)
            if built.read_bytes() != OUTPUT.read_bytes():
                sys.exit(f"{OUTPUT.relative_to(ROOT)}: expected what the sources give; run python tools/build_wasm.py")
    else:
        OUTPUT.parent.mkdir(exist_ok=True)
        build(OUTPUT)
        print(f"{OUTPUT.relative_to(ROOT)}: {OUTPUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
