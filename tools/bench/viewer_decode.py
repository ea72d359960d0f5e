"""Times of decoding in the page against the native decoder, in one run, as JSON.

    (cd viewer && npm ci)
    python tools/bench/viewer_decode.py scene.gsz ... [-o tools/bench/results/viewer_decode.json]

Every file is decoded in turns: natively on one and on two threads, in node on one, and in headless Chromium with a worker for each
core. `cpu` is the time of the processor, which other work on the machine hardly touches. `first_ms` is from when a tenth of the
bytes has come to the first splats. `page` is the built page, drawing all the while: until everything is decoded and uploaded, and from
the first byte of a server that gives a tenth and no more to the first picture.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from gscompress.codec import decode

VIEWER = Path(__file__).resolve().parents[2] / "viewer"
PROGRAM = VIEWER / "src" / "decode" / "decoder.wasm"


def node(script: str, *arguments: str, paths: list[str]) -> dict[str, Any]:
    """What a program of viewer/tests prints."""
    done = subprocess.run(["node", f"tests/{script}", *arguments], input=json.dumps(paths), capture_output=True, text=True, cwd=VIEWER, check=True)
    return json.loads(done.stdout)


def native(data: bytes, threads: int) -> dict[str, float]:
    start, cpu = time.perf_counter(), time.process_time()
    os.environ["GSCOMPRESS_THREADS"] = str(threads)
    decode(data)
    return {"whole": 1000 * (time.perf_counter() - start), "cpu": 1000 * (time.process_time() - cpu)}


def median(times: list[dict[str, Any]], key: str) -> float:
    return round(statistics.median(t[key] for t in times), 1)


def measure(path: Path, repeats: int) -> dict[str, Any]:
    """All decoders, one round after the other."""
    data = path.read_bytes()
    scene = decode(data).scene
    rounds: dict[str, list[dict[str, Any]]] = {"native_1": [], "native_2": [], "node": [], "chromium": []}
    for _ in range(repeats):
        rounds["native_1"].append(native(data, 1))
        rounds["native_2"].append(native(data, 2))
        rounds["node"] += node("decode_times.mjs", "2", paths=[str(path)])["times"][1:]
        rounds["chromium"] += node("decoding/decoding.mjs", "times", "2", paths=[str(path)])["times"][1:]
    page = json.loads(subprocess.run(["node", "bench/decode.mjs", "dist", str(path), str(repeats)], capture_output=True, text=True, cwd=VIEWER, check=True).stdout)
    out: dict[str, Any] = {"file": path.name, "bytes": len(data), "splats": len(scene), "sh_degree": scene.sh_degree}
    for name, times in rounds.items():
        out[name] = {f"{key}_ms": median(times, key) for key in ("whole", "cpu", "first") if key in times[0]}
    out["page"] = {f"{key}_ms": statistics.median(page[f"{key}_ms"]) for key in ("decoded", "first_picture")}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.gsz")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    program = PROGRAM.read_bytes()
    report = {
        "program_bytes": len(program),
        "program_gzip_bytes": len(gzip.compress(program, 9)),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "files": [measure(path.resolve(), args.repeats) for path in args.files],
    }
    text = json.dumps(report, indent=1) + "\n"
    if args.output:
        args.output.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
