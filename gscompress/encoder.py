"""From a measured scene and a slope (lambda, distortion per bit) to a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from .cameras import Camera
from .draft import Draft, Encoded, Run
from .errors import InputError
from .evaluate.compare import DEFAULT_VIEWS
from .evaluate.metrics import mean_psnr, psnr
from .following import Followed, FollowingDraft, Reference
from .model.prediction import DEFAULT, fit_predictor
from .model.weights import Weights, kept, slope_for, with_prior
from .render import render_view, synthesise
from .scene import Scene
from .train.measure import Measured, measure
from .train.refit import pull, refit

View = TypeVar("View")

EXTRA_IMPORTANCE = 0.25
"""Of a synthesised view beside the caller's own."""

JUDGES = 100

LARGEST_SIDE = 1600
"""px, of the caller's views, the field's rule for photographs: cameras of a reconstruction may have ten times the pixels, all of which
would be rendered and held."""

FOLLOWING_SLOPE = 0.8
"""Of a frame that follows, over that of its key frame: as good a picture, although what is not worth telling adds up."""

MEAN_LIMIT, SH_LIMIT = 1e25, 128.0
"""Largest coordinate and harmonic that a file holds."""


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
class Encoder:
    """A scene with its weights, ready to be encoded at any slope."""

    scene: Scene
    plan: Plan
    measured: Measured
    weights: Weights
    given: tuple[Camera, ...]
    teacher: Scene

    @staticmethod
    def open(scene: Scene, plan: Plan, cameras: Sequence[Camera] | None, progress: Callable[[float], None]) -> Encoder:
        """Measures `scene` from the given cameras and from synthesised ones.

        Raises:
            InputError: cameras were given, and none of them sees a Gaussian.
        """
        cameras = [camera.within(LARGEST_SIDE) for camera in cameras or ()]
        given = spread(cameras, plan.given)
        height = plan.width * 5 // 8
        extra = synthesise(scene, plan.synthesised if given else plan.alone, width=plan.width, height=height)
        importance = [1.0] * len(given) + [EXTRA_IMPORTANCE if given else 1.0] * len(extra)
        measured = measure(scene, given + extra, importance, progress)
        if given and not any(image.any() for image in measured.images[: len(given)]):
            raise InputError(f"cameras: expected one that sees the scene, found none among {len(given)}")
        weights = with_prior(scene, measured.weights, measured.views, measured.views_seen, *_prior(plan, bool(given)))
        return Encoder(scene, plan, measured, weights, tuple(cameras), scene)

    @cached_property
    def judges(self) -> list[tuple[Camera, np.ndarray]]:
        """Views that a result is judged from, and the scene's renders: the caller's, or those that `compare` makes up."""
        cameras = spread(list(self.given), JUDGES) or synthesise(self.teacher, DEFAULT_VIEWS)
        return [(camera, render_view(self.teacher, camera).image) for camera in cameras]

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
        file = draft.file(run, components, predictor, rows)
        progress(0.2)
        if iterations:
            m = self.measured
            fitted = refit(file.decode(), m.cameras, m.images, m.importance, iterations, lambda s: progress(0.2 + 0.7 * s))
            draft = draft.recolored(fitted)
            del fitted
            file = draft.file(draft.run(predictor, components), components, predictor, rows)
        progress(1.0)
        return file

    def follow(self, before: Reference, slope: float, iterations: int, progress: Callable[[float], None]) -> Followed:
        """The scene at `slope` as a frame that follows another one, colours fitted in `iterations` steps."""
        rows = self.rows(FOLLOWING_SLOPE * slope)
        draft = FollowingDraft.of(Draft.of(self.scene, rows, self.weights.select(rows), FOLLOWING_SLOPE * slope), before)
        made = draft.run()
        if not iterations:
            return made
        m = self.measured
        fitted = refit(made.reference.scene, m.cameras, m.images, m.importance, iterations, progress)
        return draft.recolored(fitted).run()

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

    def of_student(self, student: Scene) -> Encoder:
        """An encoder of another scene that should look like this one.

        Every view is rendered, for a Gaussian that only one of them sees must not pass for worthless.
        """
        m = self.measured
        found = measure(student, m.cameras, m.importance)
        own = replace(found.weights, image_energy=m.weights.image_energy)
        weights = with_prior(student, own, m.views, found.views_seen, *_prior(self.plan, bool(self.given)))
        return replace(self, scene=student, measured=replace(m, weights=own, views_seen=found.views_seen), weights=weights)

    def selected(self, rows: np.ndarray) -> Encoder:
        """The encoder of some of the scene's Gaussians."""
        m = self.measured
        measured = replace(m, weights=m.weights.select(rows), views_seen=m.views_seen[rows])
        return replace(self, scene=self.scene.select(rows), measured=measured, weights=self.weights.select(rows))

    def draft(self, scene: Scene, slope: float) -> Draft:
        """All Gaussians of `scene`, whose weights are this encoder's, at `slope`."""
        return Draft.of(scene, np.arange(len(scene)), self.weights, slope)

    def code(self, scene: Scene, slope: float) -> tuple[Draft, np.ndarray, Run]:
        """The `draft` coded, with the predictor that was used."""
        draft, predictor = self.draft(scene, slope), DEFAULT
        if self.plan.fitted:
            predictor = fit_predictor(draft.run(predictor, draft.basis.shape[0]).normal)
        return draft, predictor, draft.run(predictor, draft.basis.shape[0])

    def judge(self, file: Encoded) -> Encoded:
        """`file` with its PSNR over `judges`."""
        return replace(file, psnr=self.psnr_of(file.decode()))

    def psnr_of(self, scene: Scene) -> float:
        """dB, mean over `judges`."""
        return mean_psnr([psnr(render_view(scene, camera).image, image) for camera, image in self.judges])


def check_scene(scene: Scene) -> None:
    """Refuses what the format can not hold.

    Raises:
        InputError: values that are not finite, or beyond the limits.
    """
    finite = scene.finite()
    if not finite.all():
        raise InputError(f"scene: expected finite values, found {int((~finite).sum())} Gaussians that are not")
    for name, values, limit in (("means", scene.means, MEAN_LIMIT), ("sh", scene.sh, SH_LIMIT)):
        beyond = int((np.abs(values).reshape(len(scene), -1) > limit).any(1).sum()) if len(scene) else 0
        if beyond:
            raise InputError(f"scene.{name}: expected values within {limit:g}, found {beyond} Gaussians beyond; remove them first")


def spread(views: list[View], count: int) -> list[View]:
    """At most `count` of the views, evenly from the list."""
    if len(views) <= count:
        return views
    return [views[i] for i in np.linspace(0, len(views) - 1, count).round().astype(int)]


def _prior(plan: Plan, given: bool) -> tuple[float, float]:
    """Rarity and prior of the plan, with the caller's cameras or without."""
    return (plan.rarity, plan.prior) if given else (plan.rarity_alone, plan.prior_alone)
