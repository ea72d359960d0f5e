"""From a measured scene and a slope (lambda, distortion per bit) to a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ._native import core, threads
from .bitstream.container import ABOUT, BASIS, GEOMETRY, HARMONICS, VALUE_LIMIT, Header, Section, pack
from .cameras import Camera
from .errors import InputError
from .evaluate.compare import DEFAULT_VIEWS
from .evaluate.metrics import mean_psnr, psnr
from .model.canonical import COLOR_AXES, OPACITY_CEILING, OPACITY_FLOOR, CanonicalSplats, canonical
from .model.harmonics import fit_basis, to_basis
from .model.prediction import DEFAULT, fit_predictor
from .model.voxels import Grid, Layout, fit_grid, layout
from .model.weights import (
    BlurModel,
    Weights,
    fit_blur,
    kept,
    precision_classes,
    slope_for,
    with_prior,
)
from .render import render_view, synthesise
from .scene import Scene
from .train.measure import Measured, measure
from .train.refit import pull, refit

ONE = 4096
"""Fixed point of the bitstream."""

LOG2_STEPS = {"scale": -53, "rotation": -241, "opacity": -60, "position": -114, "color": 180, "sh": 320}
"""Steps at class 0 in 1/256 octave. High-rate theory (model/weights.py) gives them up to small constants, measured."""

BLUR_SIGMA = 0.8
"""Detail below this many pixels is hidden: 0.55 by the rasteriser's dilation, the rest by the pixel itself."""

COLOR_CLASS_WEIGHT = 0.955
"""Centres the colour classes on their steps."""

EXTRA_IMPORTANCE = 0.25
"""Of a synthesised view beside the caller's own."""

MAX_VOXELS = 1 << 26
JUDGES = 100


@dataclass(frozen=True)
class Plan:
    """How much work an effort stands for.

    Attributes:
        given: at most this many of the caller's cameras are used.
        synthesised: cameras added to them; `alone` where there are none.
        width: of synthesised images, px.
        rarity, prior: see `model.weights.with_prior`, beside the caller's cameras.
        rarity_alone, prior_alone: without them; the views are guesses then, so they count for less.
        iterations: of the colour fit; half as many to synthesised views alone, where more would fit what nobody sees.
        asked: views from which dropped Gaussians are asked back.
        fitted: fit the predictor to the scene in a pass of its own.
    """

    given: int
    synthesised: int
    alone: int
    width: int
    rarity: float
    prior: float
    rarity_alone: float
    prior_alone: float
    iterations: int
    asked: int
    fitted: bool


def plan(effort: str, splats: int) -> Plan:
    """The plan of an effort; fewer views where every one is slow."""
    share = min(1.0, 300_000 / max(splats, 1))
    if effort == "fast":
        return Plan(16, 4, 16, 320, 0.5, 0.02, 0.5, 0.1, 0, 4, False)
    if effort == "normal":
        views, extra, alone = max(12, round(48 * share)), max(4, round(12 * share)), max(24, round(48 * share))
        return Plan(views, extra, alone, 640, 0.0, 0.003, 0.5, 0.06, max(3, round(10 * share)), 16, True)
    return Plan(128, 32, 96, 640, 0.0, 0.003, 0.5, 0.06, 24, 32, True)


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
        """The scene that a decoder gives."""
        *arrays, antialiased, _, _ = core().decode(self.pack({}), False, 1 << 31, threads())
        return Scene(*arrays, antialiased=antialiased)


@dataclass(frozen=True, eq=False)
class Encoder:
    """A scene with its weights, ready to be encoded at any slope."""

    scene: Scene
    plan: Plan
    measured: Measured
    weights: Weights
    given: tuple[Camera, ...]

    @staticmethod
    def open(scene: Scene, plan: Plan, cameras: Sequence[Camera] | None, progress: Callable[[float], None]) -> Encoder:
        """Measures `scene` from the given cameras and from synthesised ones.

        Raises:
            InputError: cameras were given, and none of them sees a Gaussian.
        """
        given = _spread(list(cameras or []), plan.given)
        height = plan.width * 5 // 8
        extra = synthesise(scene, plan.synthesised if given else plan.alone, width=plan.width, height=height)
        importance = [1.0] * len(given) + [EXTRA_IMPORTANCE if given else 1.0] * len(extra)
        measured = measure(scene, given + extra, importance, progress)
        if given and not any(image.any() for image in measured.images[: len(given)]):
            raise InputError(f"cameras: expected one that sees the scene, found none among {len(given)}")
        rarity, prior = (plan.rarity, plan.prior) if given else (plan.rarity_alone, plan.prior_alone)
        weights = with_prior(scene, measured.weights, measured.views, measured.views_seen, rarity, prior)
        return Encoder(scene, plan, measured, weights, tuple(cameras or ()))

    @cached_property
    def judges(self) -> list[tuple[Camera, np.ndarray]]:
        """Views that a result is judged from, and the scene's renders: the caller's, or those that `compare` makes up."""
        cameras = _spread(list(self.given), JUDGES) or synthesise(self.scene, DEFAULT_VIEWS)
        return [(camera, render_view(self.scene, camera).image) for camera in cameras]

    @property
    def iterations(self) -> int:
        """Steps of the colour fit."""
        return self.plan.iterations if self.given else -(-self.plan.iterations // 2)

    def slope(self, psnr: float) -> float:
        """The lambda that should give `psnr` dB."""
        return slope_for(self.weights, self.scene.sh, psnr)

    def encode(self, slope: float, iterations: int, progress: Callable[[float], None]) -> Encoded:
        """The file at `slope`, colours fitted in `iterations` steps."""
        rows = self.rows(slope)
        draft = Draft.of(self.scene, rows, self.weights.select(rows), slope)
        predictor, components = DEFAULT, draft.basis.shape[0]
        if self.plan.fitted:
            trial = draft.run(predictor, components)
            predictor, components = fit_predictor(trial.normal), trial.components
        run = draft.run(predictor, components)
        file = draft.file(run, components, predictor, rows, self.scene.antialiased)
        progress(0.2)
        if iterations:
            m = self.measured
            fitted = refit(file.decode(), m.cameras, m.images, m.importance, iterations, lambda s: progress(0.2 + 0.7 * s))
            draft = draft.recolored(fitted)
            del fitted
            file = draft.file(draft.run(predictor, components), components, predictor, rows, self.scene.antialiased)
        progress(1.0)
        return file

    def rows(self, slope: float) -> np.ndarray:
        """int64: Gaussians worth their bits at `slope`.

        Many weak ones that lie over each other are missed more than the sum of their own energies tells: those that the
        error of dropping all of them asks back the most are kept as well.
        """
        stays = kept(self.weights.energy, slope)
        if not stays.any():  # never nothing; and where no view shows anything, there is nothing to choose by
            stays |= self.weights.energy >= self.weights.energy.max()
        if not stays.all():
            m = self.measured
            some = range(0, len(m.cameras), max(1, len(m.cameras) // self.plan.asked))
            cameras, importance = [m.cameras[i] for i in some], [m.importance[i] for i in some]
            bare = self.scene.select(stays)
            wanted = [2 * m.images[i] - render_view(bare, m.cameras[i]).image for i in some]
            asked = pull(self.scene, cameras, wanted, importance)[0][:, 4]
            asked *= m.weights.samples / (3 * sum(w * c.width * c.height for c, w in zip(cameras, importance, strict=True)))
            stays |= kept(asked, slope)
        return np.flatnonzero(stays)

    def judge(self, file: Encoded) -> Encoded:
        """`file` with its PSNR over `judges`."""
        decoded = file.decode()
        values = [psnr(render_view(decoded, camera).image, image) for camera, image in self.judges]
        return replace(file, psnr=mean_psnr(values))


def _spread(cameras: list[Camera], count: int) -> list[Camera]:
    """At most `count` of the cameras, evenly from the list."""
    if len(cameras) <= count:
        return cameras
    return [cameras[i] for i in np.linspace(0, len(cameras) - 1, count).round().astype(int)]


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
        splats = canonical(scene.select(rows[o]))
        ratios = np.stack([weights.energy, weights.color], axis=1)[o] / slope
        basis = fit_basis(splats.sh_rest, ratios[:, 1])
        coefficients = to_basis(splats.sh_rest, basis)
        certain = ratios[:, 0] / (1 + ratios[:, 0])
        mean = np.clip(np.round(certain @ splats.values / max(certain.sum(), 1e-30) * ONE), -VALUE_LIMIT, VALUE_LIMIT)
        bare = replace(splats, sh_rest=splats.sh_rest[:, :0].copy())  # the coefficients say it; this is most of the memory
        return Draft(
            bare, codes[o], grid, arranged, np.ascontiguousarray(classes[o]), ratios, blur, basis, coefficients,
            tuple(int(m) for m in mean), scene.sh_degree,
        )  # fmt: skip

    def recolored(self, decoded: Scene) -> Draft:
        """The draft with the constant colours and opacities of `decoded`, whose rows are in the file's order."""
        values = self.splats.values.copy()
        opacities = 1 / (1 + np.exp(-decoded.opacity_logits.astype(np.float64)))
        values[:, 3] = np.log2(np.clip(opacities, OPACITY_FLOOR, OPACITY_CEILING))
        values[:, 4:] = decoded.sh[:, 0].astype(np.float64) @ COLOR_AXES.T
        return replace(self, splats=replace(self.splats, values=values))

    def header(self, predictor: np.ndarray, components: int, antialiased: bool = False) -> Header:
        """The header of the file."""
        centre = np.clip(np.round((self.blur.centre - np.array(self.grid.origin)) / self.grid.voxel), -MAX_VOXELS, MAX_VOXELS)
        radius = float(np.clip(np.round(self.blur.radius / self.grid.voxel), 1, MAX_VOXELS))
        footprint = np.round(np.log2(BLUR_SIGMA * self.blur.scale * self.grid.voxel) * ONE)
        return Header(
            len(self.codes), self.sh_degree, components, self.grid.depth, tuple(self.layout.lowest_class),
            len(self.layout.block_layers), self.grid.origin, self.grid.voxel, (int(centre[0]), int(centre[1]), int(centre[2])),
            int(radius), int(np.clip(footprint, -(128 << 12), 128 << 12)), tuple(LOG2_STEPS.values()), self.mean,
            tuple(int(c) for c in predictor.ravel()), antialiased,
        )  # fmt: skip

    def run(self, predictor: np.ndarray, components: int) -> Run:
        """Codes every chunk."""
        header = self.header(predictor, components)
        basis = np.ascontiguousarray(self.basis[:components])
        rest = 3 * ((self.sh_degree + 1) ** 2 - 1)
        params = core().Params.make(
            header.depth, list(header.origin), header.voxel, rest // 3, list(header.log2_step), list(header.view_centre),
            header.view_radius, header.log2_footprint, list(header.mean), np.ascontiguousarray(predictor), basis.reshape(components, rest),
        )  # fmt: skip
        s = self.splats
        return Run(*core().encode(
            params, list(self.layout.lowest_class), self.layout.block_layers, self.codes, s.values, s.axes, s.means, self.ratios,
            self.classes, np.ascontiguousarray(self.coefficients[:, :components]), threads(),
        ))  # fmt: skip

    def file(self, run: Run, components: int, predictor: np.ndarray, rows: np.ndarray, antialiased: bool) -> Encoded:
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
        return Encoded(self.header(predictor, components, antialiased), sections, rows[self.layout.order])
