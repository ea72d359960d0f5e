"""What anchors, and each of the networks that predict them, are worth: bytes of the same splats at the same precision.

    python tools/bench/anchors.py --scenes tile human --scene-folder DIR -o tools/bench/results/anchors.json
    python tools/bench/anchors.py --table tools/bench/results/anchors.json > tools/bench/results/anchors.md

The splats are those that `compress --effort fast` keeps, with the scene's cameras, for each PSNR; all files decode to the same
scene but for the rounding, so their bytes compare at equal quality. Networks are trained for the bits of these splats.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from gscompress.anchored import GROUPS, anchored
from gscompress.draft import Draft
from gscompress.encoder import Encoder, plan
from gscompress.model.prediction import DEFAULT, fit_predictor
from gscompress.train.anchors.fit import coded, fit
from gscompress.train.anchors.parts import Parts
from scenes import cameras_of, load_scene

LEVELS = (36.0, 42.0)
"""dB that the splats are chosen for."""
GRID = (4, 8, 16)
ROWS = {
    "anchors alone": Parts(hidden=0),
    "+ network for children": Parts(hidden=16),
    "+ latent": Parts(hidden=16, latent=4),
    "+ condition grid": Parts(hidden=16, latent=4, resolutions=GRID),
    "+ hyper-latent": Parts(hidden=16, latent=4, resolutions=GRID, hyper=2),
    "all, rounded at the end": Parts(hidden=16, latent=4, resolutions=GRID, hyper=2, integer=False),
    "grid and network, no latents": Parts(hidden=16, resolutions=GRID),
}


def measured(name: str, folder: Path, level: float) -> dict:
    """Bytes of every row, and bits by group."""
    scene = load_scene(folder, name)
    encoder = Encoder.open(scene, plan("fast", len(scene)), cameras_of(name), lambda share: None)
    slope = encoder.slope(level)
    rows = encoder.rows(slope)
    draft = Draft.of(scene, rows, encoder.weights.select(rows), slope)
    components = draft.basis.shape[0]
    predictor = fit_predictor(draft.run(DEFAULT, components).normal)
    run = draft.run(predictor, components)
    splats = len(rows)

    def row(size: int, bits: np.ndarray) -> dict:
        return {"bytes": size, "bits_per_splat": {g: round(float(b) / splats, 3) for g, b in zip(GROUPS, bits, strict=False)}}

    out: dict = {"splats": splats, "rows": {"splats by themselves": row(len(draft.file(run, components, predictor, rows).pack({})), run.bits)}}
    for title, parts in ROWS.items():
        made, _ = fit(anchored(draft, parts.slots, parts.coarser), parts)
        found, used = coded(made)
        out["rows"][title] = row(len(made.file(found, components, used, rows).pack({})), found.bits)
        print(name, level, title, out["rows"][title]["bytes"], file=sys.stderr, flush=True)
    return out


def table(results: dict) -> str:
    """Markdown."""
    lines = [
        "Bytes over those of the same splats by themselves, mean over the levels, and bits per splat at the last level.",
        "",
        f"| scene | splats | | bytes | {' | '.join(GROUPS)} |",
        f"|---|---|---|---|{'---|' * len(GROUPS)}",
    ]
    for name, levels in results.items():
        last = list(levels.values())[-1]
        for title, row in last["rows"].items():
            ratios = [level["rows"][title]["bytes"] / level["rows"]["splats by themselves"]["bytes"] for level in levels.values()]
            counts = " – ".join(f"{level['splats']:,}" for level in levels.values())
            bits = [f"{row['bits_per_splat'].get(group, 0):.2f}" for group in GROUPS]
            lines.append(f"| {name} | {counts} | {title} | {np.mean(ratios):.3f} | {' | '.join(bits)} |")
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
    torch.set_num_threads(2)
    results = json.loads(args.output.read_text()) if args.output.exists() else {}
    for name in args.scenes:
        results[name] = {f"{level:g}": measured(name, args.scene_folder, level) for level in LEVELS}
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
