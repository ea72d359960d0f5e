"""The compiled rasteriser against the one in torch.

The seeds are such that no alpha lies within float32 rounding of 1/255, where the two may decide differently.
"""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.render import contributions, render_view

from .helpers import look_at, random_scene, views

pytest.importorskip("torch")
from gscompress.render import reference  # needs torch


@pytest.mark.parametrize("sh_degree", [0, 1, 2, 3])
@pytest.mark.parametrize("antialiased", [False, True])
def test_images_agree(sh_degree: int, antialiased: bool):
    scene = random_scene(400, sh_degree, seed=sh_degree, antialiased=antialiased)
    for camera in views():
        ours = render_view(scene, camera, background=(0.2, 0.4, 0.9))
        theirs = reference.render(scene, camera, background=(0.2, 0.4, 0.9))
        np.testing.assert_allclose(ours.image, theirs.image, atol=2e-4, rtol=0)
        np.testing.assert_allclose(ours.alpha, theirs.alpha, atol=2e-4, rtol=0)
        assert ours.image.std() > 0.05


def test_lower_degree_of_a_scene():
    scene, camera = random_scene(200, 3, seed=7), views()[0]
    for degree in range(4):
        ours, theirs = render_view(scene, camera, sh_degree=degree), reference.render(scene, camera, sh_degree=degree)
        np.testing.assert_allclose(ours.image, theirs.image, atol=2e-4, rtol=0)


def test_pixels_end_alike():
    """Hundreds of solid layers: most pixels stop long before the last Gaussian."""
    scene = random_scene(600, 0, seed=11)
    scene.opacity_logits[:] += 3
    scene.log_scales[:] += 1.0
    camera = views()[0]
    ours, theirs = render_view(scene, camera), reference.render(scene, camera)
    assert (ours.alpha > 0.999).mean() > 0.5
    np.testing.assert_allclose(ours.image, theirs.image, atol=2e-4, rtol=0)


@pytest.mark.parametrize("sh_degree", [0, 3])
@pytest.mark.parametrize("antialiased", [False, True])
def test_contributions_agree(sh_degree: int, antialiased: bool):
    scene = random_scene(400, sh_degree, seed=20 + sh_degree, antialiased=antialiased)
    ours = contributions(scene, views(), keep_images=True)
    theirs = reference.contributions(scene, views())
    for name in ("weight_sum", "weight_sq", "weight_max", "energy", "footprint", "pixels"):
        found, expected = getattr(ours, name), getattr(theirs, name)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6 * expected.max(), err_msg=name)
    assert (ours.pixels_total, ours.views) == (2 * 61 * 45, 2)
    for camera, image in zip(views(), ours.images, strict=True):
        np.testing.assert_array_equal(image, render_view(scene, camera).image)


def test_energy_is_the_derivative_of_the_image():
    """Against finite differences: scaling one Gaussian's alpha by 1 + h moves the image by h * alpha dI/dalpha."""
    scene, camera = random_scene(30, 0, seed=5), look_at((2.5, 0, 0.3), (0, 0, 0), 33, 31, 30.0)
    scene.opacity_logits[:] = np.clip(scene.opacity_logits, -2, 1)
    found = contributions(scene, [camera]).energy
    base = reference.render(scene, camera).image.astype(float)
    step = 1e-3
    for i in np.argsort(-found)[:5]:
        opacity = 1 / (1 + np.exp(-float(scene.opacity_logits[i]))) * (1 + step)
        changed = scene.select(np.arange(len(scene)))
        changed.opacity_logits[i] = np.log(opacity / (1 - opacity))
        moved = (reference.render(changed, camera).image.astype(float) - base) / step
        # The rim at alpha = 1/255 moves as well, which the derivative leaves out.
        assert np.square(moved).sum() == pytest.approx(found[i], rel=0.05)
