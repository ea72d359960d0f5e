"""Writes viewer/tests/sequence: a small sequence, and checksums of what the native decoder makes of each frame.

    python tools/make_sequence.py

To be run again while version 2 of the format still changes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from gscompress import load
from gscompress.scene import Scene
from gscompress.sequence import SequenceOptions, SequenceReader, compress_frames

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "viewer" / "tests" / "sequence"
FRAMES, SPLATS, GONE = 7, 600, 4
ARRAYS = ("means", "quats", "log_scales", "opacity_logits", "sh")


def frame(scene: Scene, number: int) -> Scene:
    """The scene, moved, in another order and without some of its splats."""
    random = np.random.default_rng(number)
    rows = random.permutation(min(SPLATS, len(scene)))[GONE * number :]
    moved = scene.select(rows)
    return replace(moved, means=moved.means + np.array([0.02 * number, 0.0, 0.0], np.float32))


def main() -> None:
    """Writes both files."""
    scene = load(ROOT / "scenes" / "shapes_sh3.ply")
    options = SequenceOptions(quality=30, effort="fast", fps=Fraction(10))
    data = compress_frames([lambda n=n: frame(scene, n) for n in range(FRAMES)], options).data
    reader = SequenceReader(data)
    decoded = [reader.scene(n) for n in range(FRAMES)]
    frames = [{"splats": len(s), "sha256": {k: hashlib.sha256(getattr(s, k).tobytes()).hexdigest() for k in ARRAYS}} for s in decoded]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "shapes.gsz").write_bytes(data)
    (FOLDER / "shapes.json").write_text(json.dumps({"fps": float(options.fps), "frames": frames}, indent=1) + "\n")


if __name__ == "__main__":
    main()
