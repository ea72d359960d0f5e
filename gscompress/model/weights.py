"""What an error in each Gaussian costs, and from it: which Gaussians stay, and how finely each is quantised.

All distortions are squared errors of the images, summed over pixels, channels and views; `lambda` is distortion per bit.
At a slope of `lambda`, entropy-coded uniform quantisation of a value whose squared error weighs w has the step
sqrt(6 lambda / (ln 2 w)) (high-rate theory: 6 dB a bit), and leaves lambda / (2 ln 2) of distortion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..scene import SH_C0, Scene

CLASSES = 16
CLASS_OFFSET = 2.5
"""Class 0 stands for a weight of 2^(2 * 2.5) = 32 lambda: what is weaker costs more bits than it brings."""

PRUNE_BITS = 120.0
"""A Gaussian stays if it brings at least this many bits' worth of distortion, by itself or with others dropped as well."""

VALUES = 11
"""Geometric values of a splat: 3 scales, 3 of rotation, opacity, 3 of position; one for the rest of its cost."""

PRIOR_FLOOR = 1e-9

TOGETHER_POWER = 4
"""Of the dropped share: how late dropping together begins to count."""

SAMPLE = 40_000
"""So many Gaussians tell the distortion of a scene."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Per Gaussian, over all views.

    Attributes:
        energy: float64 [N], distortion per squared relative error of its blending weight.
        color: float64 [N], distortion per squared error of its colour, one channel.
        footprint: float64 [N], size of a pixel at the Gaussian, world units.
        view_centre: float64 [3], the middle of the cameras, world units.
        samples: pixels times channels of all views, each view counted with its importance: distortion / samples is the mean squared error.
    """

    energy: np.ndarray
    color: np.ndarray
    footprint: np.ndarray
    view_centre: np.ndarray
    samples: float
    image_energy: float

    def select(self, index: np.ndarray) -> Weights:
        """The rows that `index` names."""
        return Weights(self.energy[index], self.color[index], self.footprint[index], self.view_centre, self.samples, self.image_energy)


@dataclass(frozen=True)
class BlurModel:
    """Size of a pixel by distance: scale * hypot(|mean - centre|, radius), world units."""

    centre: np.ndarray
    radius: float
    scale: float

    def at(self, means: np.ndarray) -> np.ndarray:
        """float64 [N], world units."""
        return self.scale * np.hypot(np.linalg.norm(means - self.centre, axis=1), self.radius)


def fit_blur(means: np.ndarray, footprint: np.ndarray, importance: np.ndarray, centre: np.ndarray) -> BlurModel:
    """The model that fits log footprint best, weighted by (capped) importance, over rows with a footprint."""
    seen = footprint > 0
    if not seen.any():
        return BlurModel(centre, 1.0, 1e-3)
    distance = np.linalg.norm(means[seen] - centre, axis=1)
    weight = np.minimum(importance[seen], np.quantile(importance[seen], 0.9)) + 1e-30
    weight = weight / weight.sum()
    log_footprint = np.log2(footprint[seen])
    best = (np.inf, 1.0, 0.0)
    far = float(distance.max()) + 1e-12
    for radius in (*np.quantile(distance, [0.02, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99]), 3 * far, 10 * far):
        rest = log_footprint - np.log2(np.hypot(distance, radius) + 1e-30)
        mean = float(weight @ rest)
        spread = float(weight @ (rest - mean) ** 2)
        if spread < best[0]:
            best = (spread, float(radius), mean)
    return BlurModel(centre, max(best[1], 1e-12), float(np.exp2(best[2])))


def with_prior(
    scene: Scene, weights: Weights, views: float, views_seen: np.ndarray, rarity: float, prior: float
) -> Weights:
    """Weights that also hold for views which were not rendered.

    Args:
        scene: the scene.
        weights: as measured over `views` views.
        views_seen: [N], in how many of them each Gaussian is visible.
        rarity: exponent of views / views_seen; 0 takes the views as all that matters, 1 counts every Gaussian as if all
            views saw it.
        prior: share of the weight that a Gaussian of its opacity and size has when it is in full view; a floor under the
            weights of what is hidden from the rendered views.
    """
    common = (views / np.maximum(views_seen, min(1.0, views))) ** rarity
    energy, color = weights.energy * common, weights.color * common
    means = scene.means.astype(np.float64)
    strong = weights.energy > np.median(weights.energy)
    if prior <= 0 or not strong.any():
        return Weights(energy, color, weights.footprint, weights.view_centre, weights.samples, weights.image_energy)
    blur = fit_blur(means, np.where(strong, weights.footprint, 0), weights.energy, weights.view_centre).at(means)
    footprint = np.where(weights.energy > 0, weights.footprint, blur)
    opacities = 1 / (1 + np.exp(-scene.opacity_logits.astype(np.float64)))
    scales = np.sort(np.exp(np.clip(scene.log_scales.astype(np.float64), -40, 40)), axis=1)
    dilation = 0.3 * blur**2
    area = np.pi * np.sqrt(scales[:, 2] ** 2 + dilation) * np.sqrt(scales[:, 1] ** 2 + dilation) / blur**2
    presence = opacities**2 * np.minimum(area, weights.samples / (12 * views)) * views
    clear = strong & (views_seen > 0.2 * views)
    if not clear.any():
        clear = strong
    return Weights(
        np.maximum(energy, prior * presence * np.median(energy[clear] / presence[clear])),
        np.maximum(color, prior * presence * np.median(color[clear] / presence[clear])),
        footprint,
        weights.view_centre,
        weights.samples,
        weights.image_energy,
    )


def kept(energy: np.ndarray, slope: float) -> np.ndarray:
    """bool [N]: Gaussians whose loss costs more than their bits at `slope` (lambda)."""
    return energy > slope * PRUNE_BITS


def precision_classes(weight: np.ndarray, slope: float) -> np.ndarray:
    """int32 [N], 0 (coarse) to 15, of the weights of kept Gaussians."""
    octaves = 0.5 * np.log2(np.maximum(weight / slope, PRIOR_FLOOR))
    return np.clip(np.round(octaves - CLASS_OFFSET), 0, CLASSES - 1).astype(np.int32)


def expected_distortion(weights: Weights, sh_energy: np.ndarray, slope: float) -> float:
    """Distortion at `slope` by reverse water-filling: each value leaves the least of its own energy and the common level.

    Dropped Gaussians that lie over each other cost more together than one by one. Asking back (`Encoder.rows`) and the
    colour fit make up for most of that while few are dropped; dropping everything costs the whole images.

    Args:
        weights: all Gaussians.
        sh_energy: float32 [N, C], squared harmonics beyond the constant.
        slope: lambda.
    """
    level = slope / (2 * np.log(2))
    stays = kept(weights.energy, slope)
    color = weights.color * SH_C0**2
    everything, dropped = weights.energy.sum(), weights.energy[~stays].sum()
    together = max(weights.image_energy / max(everything, PRIOR_FLOOR), 1.0)
    share = dropped / max(everything, PRIOR_FLOOR)
    total = dropped * (1 + (together - 1) * share**TOGETHER_POWER) + stays.sum() * 0.8 * VALUES * level
    total += 3 * np.minimum(0.3 * color[stays], level).sum()
    if sh_energy.shape[1]:
        total += np.minimum(color[stays, None] * sh_energy[stays], 1.5 * level).sum()
    return float(total)


def slope_for(weights: Weights, sh: np.ndarray, psnr: float) -> float:
    """The lambda at which `expected_distortion` gives `psnr` dB; monotone in `psnr`.

    Args:
        weights: all Gaussians.
        sh: float32 [N, K, 3] of the scene.
        psnr: dB.
    """
    count = len(weights.energy)
    sample = np.arange(count) if count <= SAMPLE else np.linspace(0, count - 1, SAMPLE).astype(np.int64)
    share, part = count / len(sample), weights.select(sample)
    part = replace(part, image_energy=weights.image_energy / share)
    harmonics = sh[sample, 1:].reshape(len(sample), -1) ** 2
    wanted = 10 ** (-psnr / 10) * weights.samples
    low, high = 1e-16, 1e8
    for _ in range(80):
        middle = float(np.sqrt(low * high))
        if expected_distortion(part, harmonics, middle) * share < wanted:
            low = middle
        else:
            high = middle
    return low
