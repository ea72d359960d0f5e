"""Every scene decoded twice, by the native core and by the readable Python reference: the arrays have to be the same bytes.

    python tools/bench/two_decoders.py --scene-folder DIR -o tools/bench/results/two_decoders.json [--scenes tile human ...] [-q 1]

The reference takes about a millisecond per splat, so the quality is low unless asked otherwise.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from gscompress.codec import compress_scene, decode
from gscompress.config import CompressOptions
from gscompress.reference_decoder import decode as reference_decode
from gscompress.version import VERSION
from scenes import load_scene

SCENES = (
    "tile", "donut", "angel", "narcissus", "plant", "guitar", "human", *(f"human_{i:02d}" for i in range(1, 10)),
    "bonsai", "playbot", "playbot500k", "flowers", "garden",
)  # fmt: skip
ARRAYS = ("means", "quats", "log_scales", "opacity_logits", "sh")


def main() -> None:
    """Command line; exits with 1 where any scene differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene-folder", type=Path, required=True)
    parser.add_argument("--scenes", nargs="+", default=list(SCENES))
    parser.add_argument("-q", "--quality", type=float, default=1.0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    rows = json.loads(args.output.read_text())["scenes"] if args.output.exists() else {}
    for name in args.scenes:
        scene = load_scene(args.scene_folder, name)
        data = compress_scene(scene, CompressOptions(quality=args.quality, effort="fast")).data
        start = time.perf_counter()
        native = decode(data).scene
        middle = time.perf_counter()
        reference = reference_decode(data).scene
        seconds = time.perf_counter() - middle
        same = all(getattr(native, a).tobytes() == getattr(reference, a).tobytes() for a in ARRAYS)
        rows[name] = {
            "splats": len(native), "sh_degree": native.sh_degree, "bytes": len(data), "identical": same,
            "native_s": round(middle - start, 3), "reference_s": round(seconds, 1),
        }  # fmt: skip
        print(name, rows[name], flush=True)
        args.output.write_text(json.dumps({"version": VERSION, "quality": args.quality, "scenes": rows}, indent=1) + "\n")
    raise SystemExit(0 if all(row["identical"] for row in rows.values()) else 1)


if __name__ == "__main__":
    main()
