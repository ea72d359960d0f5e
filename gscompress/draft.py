"""The kept splats of a scene as the coder takes them, and the file that comes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._native import core, sound, threads
from .bitstream.container import ABOUT, BASIS, GEOMETRY, HARMONICS, VALUE_LIMIT, Header, Section, pack
from .model.canonical import COLOR_AXES, OPACITY_CEILING, OPACITY_FLOOR, CanonicalSplats, canonical
from .model.harmonics import fit_basis, to_basis
from .model.voxels import Grid, Layout, fit_grid, layout
from .model.weights import BlurModel, Weights, fit_blur, precision_classes
from .scene import Scene

ONE = 4096
"""Fixed point of the bitstream."""

LOG2_STEPS = {"scale": -53, "rotation": -241, "opacity": -60, "position": -114, "color": 180, "sh": 320}
"""Steps at class 0 in 1/256 octave. High-rate theory (model/weights.py) gives them up to small constants, measured."""

BLUR_SIGMA = 0.8
"""Detail below this many pixels is hidden: 0.55 by the rasteriser's dilation, the rest by the pixel itself."""

COLOR_CLASS_WEIGHT = 0.955
"""Centres the colour classes on their steps."""

THIN_BITS = 0.15
"""Distortion, in bits' worth, for which an axis may be made thicker than it is: four bits a splat were spent on how thin it is, which
nobody sees (tools/bench/results/residual_vq.md)."""
THICKEST = -2.0
"""log2 of the thickest that it is made, over the blur."""

MAX_VOXELS = 1 << 26


@dataclass(frozen=True, eq=False)
class Encoded:
    """A file before packing.

    Attributes:
        header, sections: see bitstream/container.py.
        order: int64 [M], rows of the input scene in the file's order.
        psnr: dB against the input's renders, None where not measured.
    """

    header: Header
    sections: list[Section]
    order: np.ndarray
    psnr: float | None = None

    @staticmethod
    def empty(scene: Scene) -> Encoded:
        """The file of a scene without Gaussians."""
        header = Header(
            0, scene.sh_degree, 0, 1, (0,), 1, (0.0, 0.0, 0.0), 1.0, (0, 0, 0), 1, 0, tuple(LOG2_STEPS.values()), (0,) * 7,
            (0,) * 70, scene.antialiased,
        )  # fmt: skip
        return Encoded(header, [Section(GEOMETRY, 0, 0, 0, b"")], np.zeros(0, np.int64))

    def pack(self, about: dict) -> bytes:
        """The file's bytes, with `about` as the encoder's own note."""
        extra = [Section(ABOUT, 0, 0, 0, json.dumps(about, separators=(",", ":")).encode())] if about else []
        return pack(self.header, self.sections + extra)

    def decode(self) -> Scene:
        """The scene that a decoder gives.

        Raises:
            Corrupt: a value was beyond what the format holds.
        """
        *arrays, antialiased, _, _ = sound(core().decode(self.pack({}), False, 1 << 31, threads()), "<encoded>")
        return Scene(*arrays, antialiased=antialiased)


@dataclass(frozen=True, eq=False)
class Run:
    """What the coder gave: chunks by block and layer, bits by group, normal equations, basis rows in use."""

    geometry: list[list[bytes]]
    harmonics: list[list[bytes]]
    bits: np.ndarray
    normal: np.ndarray
    components: int


@dataclass(frozen=True, eq=False)
class Draft:
    """Everything the coder wants to know of the kept splats, in the file's order."""

    splats: CanonicalSplats
    codes: np.ndarray
    grid: Grid
    layout: Layout
    classes: np.ndarray
    ratios: np.ndarray
    blur: BlurModel
    basis: np.ndarray
    coefficients: np.ndarray
    mean: tuple[int, ...]
    sh_degree: int
    antialiased: bool

    @staticmethod
    def of(scene: Scene, rows: np.ndarray, weights: Weights, slope: float) -> Draft:
        """Classes, voxels, order and bases for the splats of `scene` that `rows` names; `weights` are theirs."""
        means = scene.means[rows].astype(np.float64)
        grid = fit_grid(means)
        codes = grid.morton(means)
        color_weight = COLOR_CLASS_WEIGHT * weights.color
        classes = np.stack([precision_classes(weights.energy, slope), precision_classes(color_weight, slope)], axis=1)
        arranged = layout(codes, classes[:, 0])
        o = arranged.order
        blur = fit_blur(means, weights.footprint, weights.energy, weights.view_centre)
        ratios = np.stack([weights.energy, weights.color], axis=1)[o] / slope
        splats = _thickened(canonical(scene.select(rows[o])), blur, ratios[:, 0])
        basis = fit_basis(splats.sh_rest, ratios[:, 1])
        coefficients = to_basis(splats.sh_rest, basis)
        certain = ratios[:, 0] / (1 + ratios[:, 0])
        mean = np.clip(np.round(certain @ splats.values / max(certain.sum(), 1e-30) * ONE), -VALUE_LIMIT, VALUE_LIMIT)
        bare = replace(splats, sh_rest=splats.sh_rest[:, :0].copy())  # the coefficients say it; this is most of the memory
        return Draft(
            bare, codes[o], grid, arranged, np.ascontiguousarray(classes[o]), ratios, blur, basis, coefficients,
            tuple(int(m) for m in mean), scene.sh_degree, scene.antialiased,
        )  # fmt: skip

    def recolored(self, decoded: Scene) -> Draft:
        """The draft with the constant colours and opacities of `decoded`, whose rows are in the file's order."""
        values = self.splats.values.copy()
        opacities = 1 / (1 + np.exp(-decoded.opacity_logits.astype(np.float64)))
        values[:, 3] = np.log2(np.clip(opacities, OPACITY_FLOOR, OPACITY_CEILING))
        values[:, 4:] = decoded.sh[:, 0].astype(np.float64) @ COLOR_AXES.T
        return replace(self, splats=replace(self.splats, values=values))

    def retrained(self, scene: Scene) -> Draft:
        """The draft with everything but scales and rotations of `scene`, whose rows are in the file's order.

        Voxels, classes and order stay, so that scales and rotations are coded to what they were before.
        """
        values = self.splats.values.copy()
        values[:, 3:] = canonical(scene).values[:, 3:]
        coefficients = to_basis(scene.sh[:, 1:].reshape(len(scene), -1), self.basis)
        splats = replace(self.splats, means=scene.means.astype(np.float64), values=values)
        return replace(self, splats=splats, coefficients=coefficients)

    def header(self, predictor: np.ndarray, components: int) -> Header:
        """The header of the file."""
        centre = np.clip(np.round((self.blur.centre - np.array(self.grid.origin)) / self.grid.voxel), -MAX_VOXELS, MAX_VOXELS)
        radius = float(np.clip(np.round(self.blur.radius / self.grid.voxel), 1, MAX_VOXELS))
        footprint = np.round(np.log2(BLUR_SIGMA * self.blur.scale * self.grid.voxel) * ONE)
        return Header(
            len(self.codes), self.sh_degree, components, self.grid.depth, tuple(self.layout.lowest_class),
            len(self.layout.block_layers), self.grid.origin, self.grid.voxel, (int(centre[0]), int(centre[1]), int(centre[2])),
            int(radius), int(np.clip(footprint, -(128 << 12), 128 << 12)), tuple(LOG2_STEPS.values()), self.mean,
            tuple(int(c) for c in predictor.ravel()), self.antialiased,
        )  # fmt: skip

    def params(self, predictor: np.ndarray, components: int) -> Any:
        """The header as the native coder takes it."""
        header = self.header(predictor, components)
        basis = np.ascontiguousarray(self.basis[:components])
        rest = 3 * ((self.sh_degree + 1) ** 2 - 1)
        return core().Params.make(
            header.depth, list(header.origin), header.voxel, rest // 3, list(header.log2_step), list(header.view_centre),
            header.view_radius, header.log2_footprint, list(header.mean), np.ascontiguousarray(predictor), basis.reshape(components, rest),
        )  # fmt: skip

    def run(self, predictor: np.ndarray, components: int) -> Run:
        """Codes every chunk."""
        s = self.splats
        return Run(*core().encode(
            self.params(predictor, components), list(self.layout.lowest_class), self.layout.block_layers, self.codes, s.values, s.axes, s.means, self.ratios,
            self.classes, np.ascontiguousarray(self.coefficients[:, :components]), threads(),
        ))  # fmt: skip

    def file(self, run: Run, components: int, predictor: np.ndarray, rows: np.ndarray) -> Encoded:
        """The sections in their order: basis, geometry layer by layer, harmonics layer by layer.

        `components` is what `run` was coded with, because the coder's contexts depend on it, used or not.
        """
        counts = self.layout.block_layers
        sections = []
        if components:
            sections.append(Section(BASIS, 0, 0, 0, core().encode_basis(np.ascontiguousarray(self.basis[:components]))))
        for kind, chunks in ((GEOMETRY, run.geometry), (HARMONICS, run.harmonics if components else [])):
            for layer in range(len(self.layout.lowest_class)):
                for block in range(len(chunks)):
                    sections.append(Section(kind, block, layer, counts[block][layer], chunks[block][layer]))
        return Encoded(self.header(predictor, components), sections, rows[self.layout.order])


def least_scales(blur: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """float64 [N]: log2 of scales below which nothing is seen to change.

    Under a blur b a scale s looks like sqrt(s^2 + b^2). Of 2^f b in place of nothing that is 2^(2 f) / 2 more, relatively, and
    costs 3/4 of its square times the Gaussian's weight (model/weights.py).

    Args:
        blur: world units [N].
        ratios: the Gaussians' weights over the slope, [N].
    """
    octaves = 0.25 * np.log2(THIN_BITS * 4 / 0.75 / np.maximum(ratios, 1e-9))
    return np.log2(BLUR_SIGMA * blur) + np.minimum(octaves, THICKEST)


def _thickened(splats: CanonicalSplats, blur: BlurModel, ratios: np.ndarray) -> CanonicalSplats:
    """`splats` with no axis thinner than `least_scales`."""
    values = splats.values.copy()
    values[:, :3] = np.maximum(values[:, :3], least_scales(blur.at(splats.means), ratios)[:, None])
    return replace(splats, values=values)
