"""The README's picture: a scene, what `compress` makes of it, and four times their difference, side by side.

    python tools/bench/picture.py SCENE.ply -o docs/picture.png [--cameras cameras.json] [--view 0] [--target-psnr 40]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gscompress.codec import compress_scene, decompress
from gscompress.config import CompressOptions
from gscompress.evaluate.png import write_png
from gscompress.io import read
from gscompress.io.camera_files import read_cameras
from gscompress.render import render_view, synthesise


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--cameras", type=Path)
    parser.add_argument("--view", type=int, default=0)
    parser.add_argument("--target-psnr", type=float, default=40.0)
    parser.add_argument("--width", type=int, default=400, help="of each of the three images, px")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    scene = read(args.scene).scene
    cameras = read_cameras(args.cameras) if args.cameras else None
    made = compress_scene(scene, CompressOptions(target_psnr=args.target_psnr), cameras)
    view = (cameras or synthesise(scene, 8))[args.view]
    view = view.resized(args.width, round(args.width * view.height / view.width))
    images = [np.clip(render_view(s, view).image, 0, 1) for s in (scene, decompress(made.data))]
    images.append(np.clip(4 * np.abs(images[0] - images[1]), 0, 1))
    write_png(args.output, np.concatenate(images, axis=1))
    print(f"{args.scene.name}: {args.scene.stat().st_size} -> {len(made.data)} bytes, {made.psnr_estimate:.2f} dB")


if __name__ == "__main__":
    main()
