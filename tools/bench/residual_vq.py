"""Residual vector quantisation of scales, rotations and harmonics against the format's own coding, at equal PSNR.

    python tools/bench/residual_vq.py --scenes tile human bonsai --targets 34 42 --scene-folder DIR -o tools/bench/results/residual_vq.json
    python tools/bench/residual_vq.py --table tools/bench/results/residual_vq.json > tools/bench/results/residual_vq.md

A scene is encoded without the colour fit. In the decoded scene one part is replaced by what another coding of it gives, everything
else stays; its bits per splat, with codebooks, are read off at the PSNR that the file itself has: between two rates, never
beyond. The format's own curves come from other steps for that part alone. "floor": scales are raised to 3 octaves below the
blur first, where nobody sees a difference (train/shape_space.py); the codebooks always get them so.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import log_covariance
import numpy as np
import torch
from index_coder import codebook_bits, in_order, index_bits, neighbours
from torch import Tensor

from gscompress import draft as drafting
from gscompress.bitstream.container import BASIS
from gscompress.draft import BLUR_SIGMA, Draft
from gscompress.encoder import Encoder, plan
from gscompress.model.prediction import DEFAULT, fit_predictor
from gscompress.render import render_view
from gscompress.scene import SH_C0, Scene
from gscompress.train.residual_vq import ResidualCodebooks
from gscompress.train.shape_space import FLOOR, LN2, SCALE_WEIGHT, Canonical, precision, rotation_metric
from gscompress.version import VERSION
from scenes import cameras_of, load_scene

STEPS = {"scales": ("scale",), "rotations": ("rotation",), "both": ("scale", "rotation"), "harmonics": ("sh",)}
"""Of the format, by part; "both" are scales and rotations as the logarithm of a covariance."""
GROUPS = {"scales": [2], "rotations": [3], "both": [2, 3], "harmonics": [7]}
"""Of `Run.bits`."""
SHIFTS = (192, 128, 64, 0, -64, -128)
"""Of the format's steps, 1/256 octave."""
RATES = (4.0, 2.0, 1.0, 0.5, 0.25)
"""What a bit counts against distortion, from few bits to many."""
ROUNDS, BEAM = 8, 4
LOG2_UNIT = {"scales": -6, "rotations": -10, "both": -6, "harmonics": -9}
"""Of codewords."""
PAPER = "6 x 64 nearest"
BOOKS = {
    "scales": {PAPER: (6, 64), "6 x 16": (6, 16), "4 x 64": (4, 64), "2 x 256": (2, 256)},
    "rotations": {PAPER: (6, 64), "6 x 16": (6, 16), "6 x 64": (6, 64), "10 x 64": (10, 64)},
    "both": {"6 x 64": (6, 64), "10 x 64": (10, 64)},
    "harmonics": {"6 x 8": (6, 8), "6 x 16": (6, 16), "6 x 64": (6, 64), "4 x 256": (4, 256)},
}


@contextmanager
def steps_shifted(names: tuple[str, ...], shift: int) -> Iterator[None]:
    """The format with other steps."""
    for name in names:
        drafting.LOG2_STEPS[name] += shift
    yield
    for name in names:
        drafting.LOG2_STEPS[name] -= shift


@dataclass(frozen=True, eq=False)
class Case:
    """The splats of a scene that stay at a slope: the scene's, in the file's order, and all that the coder knows of them."""

    encoder: Encoder
    slope: float
    source: Scene
    draft: Draft

    @staticmethod
    def of(encoder: Encoder, target: float) -> Case:
        """At the slope for a PSNR."""
        slope = encoder.slope(target)
        rows = encoder.rows(slope)
        draft = Draft.of(encoder.scene, rows, encoder.weights.select(rows), slope)
        return Case(encoder, slope, encoder.scene.select(rows[draft.layout.order]), draft)

    def __len__(self) -> int:
        return len(self.source)

    def coded(self, draft: Draft) -> tuple[Scene, np.ndarray]:
        """What the format gives: the scene, in the file's order, and bits per splat by group."""
        components = draft.basis.shape[0]
        predictor = fit_predictor(draft.run(DEFAULT, components).normal)
        run = draft.run(predictor, components)
        file = draft.file(run, components, predictor, np.arange(len(self)))
        bits = run.bits / len(self)
        if components:
            bits[GROUPS["harmonics"]] += 8 * sum(len(s.payload) for s in file.sections if s.kind == BASIS) / len(self)
        return file.decode(), bits

    @cached_property
    def base(self) -> tuple[Scene, np.ndarray]:
        """The file that `compress` would write, but for the colour fit."""
        return self.coded(self.draft)

    @cached_property
    def log2_blur(self) -> np.ndarray:
        """float64 [N]."""
        return np.log2(BLUR_SIGMA * self.draft.blur.at(self.draft.splats.means))

    @cached_property
    def raised(self) -> Draft:
        """The draft with a floor under the scales."""
        values = self.draft.splats.values.copy()
        values[:, :3] = np.maximum(values[:, :3], self.log2_blur[:, None] + FLOOR)
        return replace(self.draft, splats=replace(self.draft.splats, values=values))

    @cached_property
    def blocks(self) -> np.ndarray:
        """int64 [N]."""
        layers = self.draft.layout.block_layers
        return np.repeat(np.arange(len(layers)), [sum(block) for block in layers])

    @cached_property
    def near(self) -> list[int]:
        """See `index_coder.neighbours`."""
        return neighbours(self.draft.codes, self.blocks)

    def psnr(self, scene: Scene) -> float:
        """See `psnr_of`."""
        return psnr_of(self.encoder, scene)


def psnr_of(encoder: Encoder, scene: Scene) -> float:
    """dB of the squared error over all views of an encoder, each with its importance."""
    m = encoder.measured
    errors = (np.square(render_view(scene, c).image - i, dtype=np.float64).sum() for c, i in zip(m.cameras, m.images, strict=True))
    total = sum(w * e for w, e in zip(m.importance, errors, strict=True))
    return float(-10 * np.log10(total / m.weights.samples))


def own_curve(case: Case, part: str, draft: Draft) -> list[dict]:
    """The format's own coding of a part at several steps; its decisions are made as if lambda had changed along with them."""
    base, points = case.base[0], []
    for shift in SHIFTS:
        ratios = draft.ratios.copy()
        ratios[:, int(part == "harmonics")] *= 2.0 ** (-2 * shift / 256)
        with steps_shifted(STEPS[part], shift):
            found, bits = case.coded(replace(draft, ratios=ratios))
        points.append({"bits": float(bits[GROUPS[part]].sum()), "psnr": case.psnr(_with(base, part, found))})
    return points


def _with(base: Scene, part: str, other: Scene) -> Scene:
    """`base` with one part of `other`."""
    if part == "harmonics":
        return replace(base, sh=np.concatenate([base.sh[:, :1], other.sh[:, 1:]], axis=1))
    scales, quats = part != "rotations", part != "scales"
    return replace(base, log_scales=other.log_scales if scales else base.log_scales, quats=other.quats if quats else base.quats)


@dataclass(frozen=True, eq=False)
class Vectors:
    """A part as vectors [N, D] with their metric, groups [N], and the way back to a scene."""

    values: Tensor
    metric: Tensor
    group: Tensor
    scene: Callable[[np.ndarray], Scene]

    @staticmethod
    def of(case: Case, part: str) -> Vectors:
        """Of a case."""
        source, base, draft = case.source, case.base[0], case.draft
        classes = [torch.tensor(c, dtype=torch.int64) for c in draft.classes.T]
        if part == "harmonics":
            metric = torch.tensor(SH_C0**2 * draft.ratios[:, 1], dtype=torch.float32)
            values = torch.tensor(source.sh[:, 1:].reshape(len(case), -1))
            return Vectors(values, metric, classes[1], lambda v: _with(base, part, replace(base, sh=np.concatenate([base.sh[:, :1], v.reshape(len(v), -1, 3)], axis=1))))
        weight, blur = (torch.tensor(a, dtype=torch.float32) for a in (draft.ratios[:, 0], case.log2_blur))
        scales = torch.tensor(case.raised.splats.values[:, :3], dtype=torch.float32)
        if part == "scales":
            return Vectors(scales, SCALE_WEIGHT * weight, classes[0], lambda v: replace(base, log_scales=v * LN2))
        quats = Canonical.of(torch.tensor(source.log_scales), torch.tensor(source.quats)).quats
        if part == "rotations":
            metric = rotation_metric(scales, quats, blur, weight)
            return Vectors(quats, metric, precision(metric), lambda v: replace(base, quats=v))
        arrays = log_covariance.vectors(scales.double().numpy(), quats.double().numpy(), case.log2_blur, draft.ratios[:, 0])
        values, metric = (torch.tensor(a, dtype=torch.float32) for a in arrays)
        return Vectors(values, metric, classes[0], lambda v: _of_covariances(base, v))


def _of_covariances(base: Scene, found: np.ndarray) -> Scene:
    scales, quats = log_covariance.shapes(found)
    return replace(base, log_scales=scales * LN2, quats=quats)


def book_curve(case: Case, part: str, name: str) -> list[dict]:
    """Codebooks at several rates; the paper's has no metric, no rate and one point."""
    stages, codes = BOOKS[part][name]
    given = Vectors.of(case, part)
    nearest = name == PAPER
    metric = torch.ones(len(case)) if nearest else given.metric
    books = ResidualCodebooks.start(given.values, metric, stages, codes, stops=not nearest, groups=int(given.group.max()) + 1)
    books.count(books.assign(given.values, metric, given.group, 0.0), given.group)
    points = []
    for rate in (0.0,) if nearest else RATES:
        for _ in range(ROUNDS):
            books.lloyd(given.values, metric, given.group, rate, BEAM)
        rounded = books.integers(LOG2_UNIT[part])
        indices = books.assign(given.values, metric, given.group, rate, BEAM).numpy()
        renamed = in_order(rounded.words, indices)
        group, arguments = given.group.numpy(), (case.near, case.blocks)
        coded = min(index_bits(renamed, codes, group, *arguments, rich=rich) for rich in (False, True))
        words = codebook_bits(rounded)
        points.append({
            "bits": (coded + words) / len(case), "codebook_bits": words / len(case),
            "psnr": case.psnr(given.scene(rounded.values(indices).astype(np.float32))),
        })  # fmt: skip
    return points


def bits_at(points: list[dict], psnr: float) -> float | None:
    """Bits per splat at `psnr` dB between two points, None outside of what was measured."""
    ordered = sorted(points, key=lambda p: p["bits"])
    for a, b in itertools.pairwise(ordered):
        if min(a["psnr"], b["psnr"]) <= psnr <= max(a["psnr"], b["psnr"]):
            share = (psnr - a["psnr"]) / (b["psnr"] - a["psnr"]) if b["psnr"] != a["psnr"] else 0.0
            return a["bits"] + share * (b["bits"] - a["bits"])
    return None


def measure_case(case: Case, report: Callable[[str, list[dict]], None]) -> dict:
    """All curves of a case by part."""
    scene, bits = case.base
    out: dict = {"splats": len(case), "bits": float(bits.sum()), "psnr": case.psnr(scene), "parts": {}}
    for part in BOOKS:
        if part == "harmonics" and not scene.sh_degree:
            continue
        curves = {"format": own_curve(case, part, case.draft)}
        if part != "harmonics":
            curves["format, floor"] = own_curve(case, part, case.raised)
        report(part, curves["format"])
        for name in BOOKS[part]:
            curves[name] = book_curve(case, part, name)
            report(f"{part} {name}", curves[name])
        out["parts"][part] = curves
    return out


def table(results: dict) -> str:
    """Markdown."""
    lines = [
        f"gscompress {results['version']}. Bits per splat of one part of the file, codebooks included, at the PSNR of the file itself. In brackets",
        "what comes nearest where that PSNR is out of reach. \"format\": the format's own coding; \"floor\": with scales raised to",
        f"{-FLOOR:g} octaves below the blur, which the codebooks have as well. \"{PAPER}\": Compact 3DGS's sizes, its k-means start",
        "without metric and rate. The others are fitted by entropy-constrained Lloyd.",
        "",
    ]
    for part in BOOKS:
        names = ["format", *(["format, floor"] if part != "harmonics" else []), *BOOKS[part]]
        lines += [f"### {part}", "", f"| scene | splats | PSNR | {' | '.join(names)} |", f"|---|---|---|{'---|' * len(names)}"]
        for key, case in results["cases"].items():
            if part in case["parts"]:
                cells = [_cell(case["parts"][part][name], case["psnr"]) for name in names]
                lines.append(f"| {key.split()[0]} | {case['splats']:,} | {case['psnr']:.2f} dB | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _cell(points: list[dict], psnr: float) -> str:
    bits = bits_at(points, psnr)
    if bits is not None:
        return f"{bits:.2f}"
    near = min(points, key=lambda p: abs(p["psnr"] - psnr))
    return f"({near['bits']:.2f} at {near['psnr']:.2f} dB)"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=["tile", "human", "bonsai"])
    parser.add_argument("--targets", nargs="+", type=float, default=[34.0, 42.0], help="dB that slopes are estimated for")
    parser.add_argument("--scene-folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of these results instead")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.table.read_text())), end="")
        return
    torch.set_num_threads(1)
    results = json.loads(args.output.read_text()) if args.output.exists() else {"version": VERSION, "cases": {}}
    for name in args.scenes:
        scene = load_scene(args.scene_folder, name)
        views = replace(plan("normal", len(scene)), given=16, synthesised=4, width=480)
        encoder = Encoder.open(scene, views, cameras_of(name), lambda share: None)
        for target in args.targets:
            key = f"{name} {target:g}"
            results["cases"][key] = measure_case(Case.of(encoder, target), lambda *row, key=key: print(key, *row, file=sys.stderr, flush=True))
            args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
