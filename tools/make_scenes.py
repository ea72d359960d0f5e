"""Writes the scenes of `scenes/`: generated ones from formulas, and the real one from the file it was published as.

    python tools/make_scenes.py                      the generated scenes, the same bytes every time
    python tools/make_scenes.py --tile tile_lod1.ply the real one, from the published file

The tests run `shapes` again and compare it with what is committed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gscompress import io
from gscompress.scene import SH_C0, Scene

SCENES = Path(__file__).resolve().parents[1] / "scenes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=SCENES, help="folder to write to (default: %(default)s)")
    parser.add_argument("--tile", type=Path, metavar="FILE", help="make tile.ply of this published file instead")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.tile:
        write_plain(io.read(args.tile).scene, args.out / "tile.ply")
    else:
        io.write(shapes(), args.out / "shapes_sh3.ply", overwrite=True)


def shapes(per_shape: int = 210, seed: int = 7) -> Scene:
    """A ball, a ring and the floor below them: flat Gaussians on surfaces, with gloss in the harmonics up to degree 3.

    Rounded to multiples of 2^-12, so that every machine's sine and logarithm lead to the same bytes.
    """
    random = np.random.default_rng(seed)
    parts = [_ball(per_shape, random), _ring(per_shape, random), _floor(per_shape, random)]
    means, normals, colours = (np.concatenate(part) for part in zip(*parts, strict=True))
    n = len(means)
    size = 0.075 * random.uniform(0.7, 1.4, (n, 1))
    scales = np.concatenate([size, size * random.uniform(0.5, 1, (n, 1)), 0.1 * size], 1)
    sh = np.zeros((n, 16, 3))
    sh[:, 0] = (colours - 0.5) / SH_C0
    # A highlight fades with the band, and what lies near in space shines alike.
    for k in range(1, 16):
        band = int(np.sqrt(k))
        sh[:, k] = (np.sin(means @ random.normal(0, 1.5, 3))[:, None] * colours) * 0.25 / band**2
    logits = np.where(random.random(n) < 0.8, random.uniform(3, 6, n), random.uniform(-3, 1, n))
    means, quats, log_scales, logits, sh = (
        np.rint(v * 4096) / 4096 for v in (means, _facing(normals), np.log(scales), logits, sh)
    )
    return Scene(means, quats, log_scales, logits, sh)


def _ball(n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, normals and colours [n, 3] on a ball striped along its height; -y is up."""
    normals = random.normal(0, 1, (n, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    stripes = 0.5 + 0.4 * np.sin(9 * normals[:, 1:2])
    return 0.6 * normals, normals, stripes * [0.9, 0.5, 0.2] + 0.05


def _ring(n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same on a torus about the ball."""
    around, across = random.uniform(0, 2 * np.pi, (2, n))
    normals = np.stack([np.cos(around) * np.cos(across), np.sin(across), np.sin(around) * np.cos(across)], 1)
    means = np.stack([np.cos(around), np.zeros(n), np.sin(around)], 1) + 0.15 * normals
    hue = np.stack([0.5 + 0.4 * np.cos(around + shift) for shift in (0, 2, 4)], 1)
    return means, normals, hue


def _floor(n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same on a chequered floor."""
    flat = random.uniform(-1.5, 1.5, (n, 2))
    means = np.stack([flat[:, 0], np.full(n, 0.62), flat[:, 1]], 1)
    dark = (np.floor(2 * flat).sum(1, keepdims=True) % 2) * 0.5
    return means, np.tile([0.0, -1.0, 0.0], (n, 1)), np.repeat(0.8 - dark, 3, 1)


def _facing(normals: np.ndarray) -> np.ndarray:
    """Quaternions wxyz [n, 4] that turn z, the thin axis, to the normals."""
    quats = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(len(normals))], 1)
    quats[quats[:, 0] < 1e-3] = [0, 1, 0, 0]
    return quats / np.linalg.norm(quats, axis=1, keepdims=True)


def write_plain(scene: Scene, path: Path) -> None:
    """INRIA's .ply without the normals, which are zero, and without harmonics: 56 bytes a Gaussian."""
    columns = {axis: scene.means[:, i] for i, axis in enumerate("xyz")}
    columns |= {f"f_dc_{i}": scene.sh[:, 0, i] for i in range(3)}
    columns["opacity"] = scene.opacity_logits
    columns |= {f"scale_{i}": scene.log_scales[:, i] for i in range(3)}
    columns |= {f"rot_{i}": scene.quats[:, i] for i in range(4)}
    if scene.sh[:, 1:].any():
        raise SystemExit("expected a scene whose harmonics above degree 0 are all zero")
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(scene)}"]
    lines += [*(f"property float {name}" for name in columns), "end_header", ""]
    table = np.stack(list(columns.values()), 1).astype("<f4")
    path.write_bytes("\n".join(lines).encode() + table.tobytes())


if __name__ == "__main__":
    main()
