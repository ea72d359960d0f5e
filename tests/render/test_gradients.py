"""Gradients of the compiled rasteriser against autograd through the one in torch, and against finite differences."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from gscompress.errors import InputError
from gscompress.render import gradients, render_view
from gscompress.render.gradients import Gradients, squared_error
from gscompress.scene import Scene

from .helpers import look_at, random_scene, views

pytest.importorskip("torch")
import torch

from gscompress.render import reference  # needs torch

ARRAYS = ("means", "quats", "log_scales", "opacity_logits", "sh")
BACKGROUND = (0.3, 0.1, 0.8)


def cotangents(camera, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (camera.height, camera.width)
    return rng.normal(0, 1, (*shape, 3)).astype(np.float32), rng.normal(0, 1, shape).astype(np.float32)


def by_autograd(scene: Scene, camera, by_image, by_alpha, sh_degree: int) -> list[np.ndarray]:
    leaves = tuple(t.requires_grad_() for t in reference.tensors(scene, torch.float64))
    parts = reference.blend_tensors(leaves, camera, sh_degree, scene.antialiased)
    left = 1 - parts.weight.sum(0)
    image = parts.weight.T @ parts.rgb + left[:, None] * torch.tensor(BACKGROUND, dtype=torch.float64)
    loss = (image.reshape(by_image.shape) * torch.from_numpy(by_image)).sum()
    loss = loss + ((1 - left).reshape(by_alpha.shape) * torch.from_numpy(by_alpha)).sum()
    loss.backward()
    return [(leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)).numpy() for leaf in leaves]


def assert_close(found: Gradients, expected: list[np.ndarray], tolerance: float = 1e-3) -> None:
    for name, wanted in zip(ARRAYS, expected, strict=True):
        ours = getattr(found, name)
        assert ours.dtype == np.float32
        assert np.linalg.norm(ours - wanted) <= tolerance * np.linalg.norm(wanted), name
        np.testing.assert_allclose(ours, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max(), err_msg=name)


@pytest.mark.parametrize("sh_degree", [0, 1, 2, 3])
@pytest.mark.parametrize("antialiased", [False, True])
def test_autograd_agrees(sh_degree: int, antialiased: bool):
    scene = random_scene(300, sh_degree, seed=40 + sh_degree, antialiased=antialiased)
    for camera in views():
        by_image, by_alpha = cotangents(camera)
        found = gradients(scene, camera, by_image, by_alpha, background=BACKGROUND)
        assert_close(found, by_autograd(scene, camera, by_image, by_alpha, sh_degree))


def test_lower_degree_leaves_the_higher_bands_alone():
    scene, camera = random_scene(100, 3, seed=3), views()[0]
    by_image, by_alpha = cotangents(camera)
    found = gradients(scene, camera, by_image, by_alpha, sh_degree=1, background=BACKGROUND)
    assert not found.sh[:, 4:].any()
    assert_close(found, by_autograd(scene, camera, by_image, by_alpha, 1))


def test_many_solid_layers():
    """Pixels end long before the last Gaussian; what lies behind has no gradient."""
    scene, camera = random_scene(600, 0, seed=11), views()[0]
    scene.opacity_logits[:] += 3
    scene.log_scales[:] += 1.0
    by_image, by_alpha = cotangents(camera)
    found = gradients(scene, camera, by_image, by_alpha, background=BACKGROUND)
    assert_close(found, by_autograd(scene, camera, by_image, by_alpha, 0), tolerance=2e-3)


def test_finite_differences():
    """Of the reference in float64; faint Gaussians whose rims lie outside the image, so that no threshold is crossed."""
    camera = look_at((2.5, 0, 0.3), (0, 0, 0), 17, 15, 15.0)
    scene = random_scene(12, 2, seed=5)
    scene.means[:] *= 0.3
    scene.log_scales[:] = np.clip(scene.log_scales + 2.5, 0.2, 0.8)
    scene.opacity_logits[:] = np.clip(scene.opacity_logits, -1.5, -0.5)
    by_image, by_alpha = cotangents(camera)
    found = gradients(scene, camera, by_image, by_alpha, background=BACKGROUND)

    def loss(values: tuple) -> float:
        parts = reference.blend_tensors(values, camera, 2, False)
        left = 1 - parts.weight.sum(0)
        image = parts.weight.T @ parts.rgb + left[:, None] * torch.tensor(BACKGROUND, dtype=torch.float64)
        return float((image.numpy().reshape(by_image.shape) * by_image).sum() + ((1 - left).numpy().reshape(by_alpha.shape) * by_alpha).sum())

    rng, step = np.random.default_rng(1), 1e-5
    base = reference.tensors(scene, torch.float64)
    for place, name in enumerate(ARRAYS):
        ours = getattr(found, name)
        scale = float(np.abs(ours).max())
        for index in rng.choice(ours.size, min(8, ours.size), replace=False):
            sides = []
            for sign in (1, -1):
                values = tuple(t.clone() for t in base)
                values[place].view(-1)[index] += sign * step
                sides.append(loss(values))
            assert ours.reshape(-1)[index] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-3, abs=1e-4 * scale), name


def test_centres_in_the_image():
    """A shift of the principal point moves every centre alike: the sum of `means2d`."""
    scene, camera = random_scene(40, 0, seed=9), look_at((2.5, 0.4, 0.3), (0, 0, 0), 33, 31, 30.0)
    scene.log_scales[:] += 0.8  # smooth against the pixels
    by_image, _ = cotangents(camera)
    by_image = np.ones_like(by_image) * np.linspace(-1, 1, 33, dtype=np.float32)[None, :, None]
    found = gradients(scene, camera, by_image).means2d.sum(0)
    for axis, name in enumerate(("cx", "cy")):
        step = 0.05
        images = [render_view(scene, camera.__class__(**{**vars(camera), name: getattr(camera, name) + s})).image for s in (step, -step)]
        difference = ((images[0].astype(float) - images[1]) * by_image).sum() / (2 * step)
        assert found[axis] == pytest.approx(difference, rel=0.05, abs=0.02 * float(np.abs(found).max()))


def test_threads_do_not_matter():
    scene, camera = random_scene(500, 3, seed=2), views(200, 150)[0]
    by_image, by_alpha = cotangents(camera)
    one, four = (gradients(scene, camera, by_image, by_alpha, threads=t) for t in (1, 4))
    for name in Gradients.__dataclass_fields__:
        assert getattr(one, name).tobytes() == getattr(four, name).tobytes()


def test_degenerate_scenes_have_finite_gradients():
    scene, camera = random_scene(200, 3, seed=8), views()[1]
    scene.means[:20] = camera.position  # at the camera, behind it, on its plane
    scene.means[20:40] = camera.position - 2 * camera.world_to_camera[2, :3]
    scene.log_scales[40:50] = -80
    scene.log_scales[50:60] = 30
    scene.quats[60:70] = 0
    scene.quats[70:80] *= 1e-30
    scene.opacity_logits[80:90] = 100
    scene.opacity_logits[90:100] = -100
    for antialiased in (False, True):
        scene = Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, antialiased)
        found = gradients(scene, camera, *cotangents(camera))
        for name in Gradients.__dataclass_fields__:
            assert np.isfinite(getattr(found, name)).all(), name
    empty = scene.select(np.zeros(0, int))
    assert gradients(empty, camera, *cotangents(camera)).means.shape == (0, 3)
    tiny = look_at((2, 0, 0), (0, 0, 0), 1, 1, 1.0)
    assert np.isfinite(gradients(scene, tiny, *cotangents(tiny)).means).all()


def test_black_can_become_brighter():
    """A colour of 0, on whichever side of it rounding leaves it; one well below 0 is cut off and has no gradient."""
    scene, camera = random_scene(60, 0, seed=3), views()[0]
    black = np.float32(-0.5 / 0.28209479177387814)
    scene.sh[:20] = np.nextafter(black, np.float32(0))
    scene.sh[20:40] = np.nextafter(black, np.float32(-10))
    scene.sh[40:] = black - 0.01
    found = gradients(scene, camera, np.ones((camera.height, camera.width, 3), np.float32)).sh[:, 0]
    bright = Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, np.zeros_like(scene.sh))
    wanted = gradients(bright, camera, np.ones((camera.height, camera.width, 3), np.float32)).sh[:, 0]
    np.testing.assert_allclose(found[:40], wanted[:40], rtol=1e-5)
    assert not found[40:].any()


def test_shapes_are_checked():
    scene, camera = random_scene(5, 0, seed=0), views()[0]
    with pytest.raises(InputError, match="by_image"):
        gradients(scene, camera, np.zeros((3, 3, 3)))


@pytest.mark.parametrize("antialiased", [False, True])
def test_the_squared_error_is_that_of_the_image(antialiased: bool):
    scene = random_scene(200, 2, seed=5, antialiased=antialiased)
    for camera in views():
        wanted = np.random.default_rng(1).random((camera.height, camera.width, 3), np.float32)
        excess = render_view(scene, camera, background=BACKGROUND).image - wanted
        error, found = squared_error(scene, camera, wanted, background=BACKGROUND)
        assert error == pytest.approx(float(np.square(excess, dtype=np.float64).sum()), rel=1e-6)
        expected = gradients(scene, camera, 2 * excess, background=BACKGROUND)
        for field in fields(Gradients):
            other = getattr(expected, field.name)
            np.testing.assert_allclose(getattr(found, field.name), other, rtol=1e-4, atol=1e-6 * np.abs(other).max())


def test_torch_carries_the_squared_error_on():
    from gscompress.render.squared_error import squared_error as in_torch

    scene, camera = random_scene(50, 1, seed=6), views()[0]
    wanted = torch.rand((camera.height, camera.width, 3), generator=torch.Generator().manual_seed(0))
    arrays = (scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh[:, :1], scene.sh[:, 1:])
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    means, quats, log_scales, opacity_logits, sh_constant, sh_rest = leaves
    loss = in_torch(means, quats, log_scales, opacity_logits, sh_constant, sh_rest, camera, wanted, False, torch.tensor(BACKGROUND))
    (3 * loss).backward()
    error, g = squared_error(scene, camera, wanted.numpy(), background=BACKGROUND)
    assert float(loss.detach()) == pytest.approx(error, rel=1e-6)
    for leaf, by in zip(leaves, (g.means, g.quats, g.log_scales, g.opacity_logits, g.sh[:, :1], g.sh[:, 1:]), strict=True):
        assert leaf.grad is not None
        np.testing.assert_allclose(leaf.grad.numpy(), 3 * by, rtol=1e-6)


def test_a_wanted_image_of_another_size_is_refused():
    with pytest.raises(InputError, match="wanted"):
        squared_error(random_scene(5, 0, seed=0), views()[0], np.zeros((3, 4, 3), np.float32))
