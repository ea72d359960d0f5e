"""Scales and rotations by residual vector quantisation, beside the coder's own: bits and PSNR of the same splats.

    python tools/bench/residual_vq.py --scenes tile human --scene-folder DIR -o tools/bench/results/residual_vq.json
    python tools/bench/residual_vq.py --table tools/bench/results/residual_vq.json > tools/bench/results/residual_vq.md

A file is made as `compress --effort fast` does it; then its scales and rotations alone are replaced by what codebooks hold. Bits of
codes are those of their shares among all splats, by stage, plus 16 bits for every number of the codebooks.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from gscompress.draft import Draft
from gscompress.encoder import Encoder, plan
from gscompress.model.prediction import DEFAULT, fit_predictor
from gscompress.model.reconstruct import quaternions
from gscompress.scene import Scene
from gscompress.train.residual_vq import ResidualCodebooks, code_bits, residual_assign
from scenes import cameras_of, load_scene

LN2 = float(np.log(2))
CODEBOOK_BITS = 16
LEVEL = 40.0
SHAPES = ((6, 64), (4, 64), (3, 256))
PRICES = (0.0, 0.5, 2.0)
"""Of a bit, over what it is worth to the coder; 0 takes the nearest code."""
ROUNDS = 8


def quantised(values: np.ndarray, weights: np.ndarray, stages: int, codes: int, price: float) -> tuple[np.ndarray, float]:
    """What codebooks make of values [N, D], and bits per vector."""
    v, w = torch.tensor(values, dtype=torch.float32), torch.tensor(weights, dtype=torch.float32)
    books = ResidualCodebooks(v, w, stages, codes)
    optimizer = torch.optim.Adam(books.parameters(), lr=2e-3)
    prices = torch.zeros(stages, codes)
    chosen = residual_assign(v, books.codebooks.detach(), w, prices)
    for _ in range(ROUNDS):
        for _ in range(20):
            loss = ((books.decode(chosen) - v).square().sum(1) * w).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        prices = price * code_bits(chosen, codes)
        chosen = residual_assign(v, books.codebooks.detach(), w, prices)
    own = code_bits(chosen, codes)
    bits = sum(float(own[s][chosen[:, s]].sum()) for s in range(stages)) + CODEBOOK_BITS * books.codebooks.numel()
    return books.decode(chosen).detach().numpy(), bits / len(v)


def measured(name: str, folder: Path) -> list[dict]:
    """Rows: title, bits per splat of scales and rotations, PSNR."""
    scene = load_scene(folder, name)
    encoder = Encoder.open(scene, plan("fast", len(scene)), cameras_of(name), lambda share: None)
    out = []

    def coded(level: float) -> tuple[Draft, Scene, np.ndarray, float]:
        """Draft, decoded scene, which of the kept rows each of its rows is, bits per splat."""
        slope = encoder.slope(level)
        rows = encoder.rows(encoder.slope(LEVEL))
        draft = Draft.of(scene, rows, encoder.weights.select(rows), slope)
        components = draft.basis.shape[0]
        predictor = fit_predictor(draft.run(DEFAULT, components).normal)
        run = draft.run(predictor, components)
        file = draft.file(run, components, predictor, np.arange(len(rows)))
        return draft, file.decode(), file.order, float(run.bits[2:4].sum()) / len(rows)

    draft, decoded, order, bits = coded(LEVEL)
    out.append({"title": "the coder", "bits": round(bits, 2), "psnr": round(encoder.psnr_of(decoded), 2)})
    for level in (LEVEL - 6, LEVEL + 6):  # its scales and rotations at other precisions, all else as it is
        _, other, places, bits = coded(level)
        rows = np.argsort(places)[order]
        mixed = replace(decoded, log_scales=other.log_scales[rows], quats=other.quats[rows])
        out.append({"title": f"the coder, for {level:g} dB", "bits": round(bits, 2), "psnr": round(encoder.psnr_of(mixed), 2)})
    s = draft.splats
    scales, ratio = s.values[:, :3], draft.ratios[:, 0]
    quats = quaternions([list(s.axes[:, i].T) for i in range(3)])
    quats = quats * np.where(quats[:, :1] < 0, -1, 1)
    long = np.sinh(LN2 * np.minimum(scales[:, 0] - scales[:, 2], 5))
    for stages, codes in SHAPES:
        for price in PRICES:
            found, first = quantised(scales, ratio * 0.75 * LN2**2, stages, codes, price)
            turned, second = quantised(quats, ratio * 4 * long**2, stages, codes, price)
            turned = turned / np.linalg.norm(turned, axis=1, keepdims=True).clip(1e-9)
            mixed = replace(decoded, log_scales=(found * LN2).astype(np.float32), quats=turned.astype(np.float32))
            title = f"{stages} × {codes}" + (f", a bit at {price:g}" if price else ", nearest")
            out.append({"title": title, "bits": round(first + second, 2), "psnr": round(encoder.psnr_of(mixed), 2)})
            print(name, out[-1], file=sys.stderr, flush=True)
    return out


def table(results: dict) -> str:
    """Markdown."""
    lines = ["Bits per splat of scales and rotations together, and PSNR of the scene with them.", "", "| scene | | bits | PSNR |", "|---|---|---|---|"]
    lines += [f"| {name} | {r['title']} | {r['bits']:.2f} | {r['psnr']:.2f} dB |" for name, rows in results.items() for r in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=["tile", "human"])
    parser.add_argument("--scene-folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    results = json.loads(args.output.read_text()) if args.output.exists() else {}
    for name in args.scenes:
        results[name] = measured(name, args.scene_folder)
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
