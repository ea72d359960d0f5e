"""What an error image asks of every Gaussian, and the colour fit that follows it."""

from __future__ import annotations

import numpy as np
import pytest
from scenes_for_tests import random_scene

from gscompress.cameras import Camera
from gscompress.render import contributions, render_view
from gscompress.scene import SH_C0, Scene
from gscompress.train.measure import measure
from gscompress.train.refit import logits, pull, refit


def camera(distance: float = 6.0) -> Camera:
    matrix = np.eye(4)
    matrix[2, 3] = distance
    return Camera(matrix, 60.0, 60.0, 32.0, 24.0, 64, 48)


def scene(seed: int, degree: int = 0) -> Scene:
    made = random_scene(60, degree, seed)
    return Scene(made.means, made.quats, made.log_scales * 0 - 1.5, made.opacity_logits, made.sh * 0.3)


def squared_error(now: Scene, views: list[Camera], images: list[np.ndarray]) -> float:
    return sum(float(((render_view(now, v).image.astype(np.float64) - i) ** 2).sum()) for v, i in zip(views, images, strict=True))


@pytest.mark.parametrize("degree", [0, 2])
def test_pull_is_the_gradient_by_color(degree):
    now, other, views = scene(1, degree), scene(2, degree), [camera(), camera(9.0)]
    images = [render_view(other, v).image for v in views]
    columns, squares = pull(now, views, images, [1.0, 1.0])
    assert squares == pytest.approx(squared_error(now, views, images), rel=1e-5)
    for row in np.argsort(-columns[:, 3])[:5]:
        sh = now.sh.copy()
        sh[row, 0, 1] += 1e-2
        up = squared_error(Scene(now.means, now.quats, now.log_scales, now.opacity_logits, sh), views, images)
        sh[row, 0, 1] -= 2e-2
        down = squared_error(Scene(now.means, now.quats, now.log_scales, now.opacity_logits, sh), views, images)
        assert -2 * SH_C0 * columns[row, 1] == pytest.approx((up - down) / 2e-2, rel=2e-2, abs=1e-3)


def test_pull_is_the_gradient_by_log_opacity():
    now, other, views = scene(3), scene(4), [camera()]
    images = [render_view(other, views[0]).image]
    columns, _ = pull(now, views, images, [1.0])
    log_opacities = -np.log1p(np.exp(-now.opacity_logits.astype(np.float64)))
    for row in np.argsort(-columns[:, 5])[:5]:
        errors = []
        for step in (1e-3, -1e-3):
            moved = log_opacities.copy()
            moved[row] += step
            changed = Scene(now.means, now.quats, now.log_scales, logits(np.minimum(moved, -1e-6)), now.sh)
            errors.append(squared_error(changed, views, images))
        # A pixel at the edge of the 1/255 cut appears or goes: the image is not smooth there.
        assert -2 * columns[row, 4] == pytest.approx((errors[0] - errors[1]) / 2e-3, rel=0.1, abs=0.05)


def test_pull_agrees_with_contributions_and_weighs_views():
    now, views = scene(5), [camera(), camera(8.0)]
    blank = [np.zeros((48, 64, 3), np.float32)] * 2
    columns, _ = pull(now, views, blank, [1.0, 1.0])
    whole = contributions(now, views)
    np.testing.assert_allclose(columns[:, 3], whole.weight_sum, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(columns[:, 5], whole.energy, rtol=1e-4, atol=1e-6)
    first, _ = pull(now, views[:1], blank[:1], [1.0])
    second, _ = pull(now, views[1:], blank[1:], [1.0])
    mixed, _ = pull(now, views, blank, [1.0, 0.25])
    np.testing.assert_allclose(mixed, first + 0.25 * second, rtol=1e-6, atol=1e-9)


def test_refit_brings_colors_back():
    wanted = scene(6)
    views = [camera(), camera(7.5), camera(10.0)]
    measured = measure(wanted, views, [1.0] * 3)
    spoiled = wanted.sh.copy()
    spoiled[:, 0] += np.random.default_rng(0).normal(0, 0.3, spoiled[:, 0].shape).astype(np.float32)
    start = Scene(wanted.means, wanted.quats, wanted.log_scales, wanted.opacity_logits, spoiled)
    before = squared_error(start, views, list(measured.images))
    fitted = refit(start, measured.cameras, measured.images, measured.importance, 12)
    assert squared_error(fitted, views, list(measured.images)) < 0.05 * before


def test_measure_counts_views_by_importance():
    seen = measure(scene(7), [camera(), camera(-6.0)], [1.0, 0.25])
    assert seen.views == pytest.approx(1.25)
    assert set(np.unique(seen.views_seen)) <= {0.0, 0.25, 1.0, 1.25}
    assert seen.weights.samples == pytest.approx(3 * 48 * 64 * 1.25)
