"""`rasterization` on the CPU: gsplat's arguments, autograd through it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gscompress.errors import InputError
from gscompress.render import render_view

from .helpers import random_scene, views

pytest.importorskip("torch")
import torch

from gscompress.render import reference  # needs torch
from gscompress.render.rasterization import rasterization


def arguments(scene, cameras) -> dict[str, Any]:
    """What gsplat would be given for a scene; leaves that ask for gradients."""
    leaves = {
        "means": scene.means, "quats": scene.quats, "scales": np.exp(scene.log_scales),
        "opacities": 1 / (1 + np.exp(-scene.opacity_logits)), "colors": scene.sh,
    }  # fmt: skip
    ks = [[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]] for c in cameras]
    return {
        **{name: torch.from_numpy(values).requires_grad_() for name, values in leaves.items()},
        "viewmats": torch.tensor(np.stack([c.world_to_camera for c in cameras])), "Ks": torch.tensor(ks),
        "width": cameras[0].width, "height": cameras[0].height, "sh_degree": scene.sh_degree,
    }  # fmt: skip


@pytest.mark.parametrize("antialiased", [False, True])
def test_images_and_gradients(antialiased: bool):
    scene, cameras = random_scene(200, 2, seed=41, antialiased=antialiased), views()
    given = arguments(scene, cameras)
    backgrounds = torch.tensor([[0.2, 0.5, 0.7], [0.9, 0.1, 0.3]])
    mode = "antialiased" if antialiased else "classic"
    colors, alphas, _ = rasterization(**given, backgrounds=backgrounds, rasterize_mode=mode)
    assert colors.shape == (2, 45, 61, 3)
    assert alphas.shape == (2, 45, 61, 1)
    for view, camera in enumerate(cameras):
        made = render_view(scene, camera, background=tuple(backgrounds[view].tolist()))
        np.testing.assert_allclose(colors[view].detach().numpy(), made.image, atol=1e-4)
        np.testing.assert_allclose(alphas[view, ..., 0].detach().numpy(), made.alpha, atol=1e-4)
    weights = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (2, 45, 61, 3)).astype(np.float32))
    (colors * weights).sum().backward()

    # The same loss through the reference, from the same activated leaves.
    wanted = {n: given[n].detach().double().requires_grad_() for n in ("means", "quats", "scales", "opacities", "colors")}
    loss = torch.zeros((), dtype=torch.float64)
    for view, camera in enumerate(cameras):
        stored = (wanted["means"], wanted["quats"], wanted["scales"].log(), torch.logit(wanted["opacities"]), wanted["colors"])
        parts = reference.blend_tensors(stored, camera, 2, antialiased)
        image = parts.weight.T @ parts.rgb + (1 - parts.weight.sum(0))[:, None] * backgrounds[view].double()
        loss = loss + (image.reshape(45, 61, 3) * weights[view].double()).sum()
    loss.backward()
    for name, leaf in wanted.items():
        assert leaf.grad is not None
        assert (given[name].grad - leaf.grad).norm() <= 1e-3 * leaf.grad.norm(), name


def test_what_densification_asks_for():
    scene, cameras = random_scene(150, 0, seed=6), views()
    given = arguments(scene, cameras)
    colors, _, meta = rasterization(**given)
    meta["means2d"].retain_grad()  # as gsplat's strategies do
    colors.square().sum().backward()
    seen = (meta["radii"] > 0).all(-1)
    assert 0 < int(seen.sum()) < seen.numel()
    gradient = meta["means2d"].grad
    assert gradient.shape == (2, 150, 2)
    assert gradient[seen].abs().sum() > 0
    assert not gradient[~seen].any()
    inside = seen[0] & (meta["means2d"][0] > 0).all(-1)
    assert (meta["means2d"][0][inside] < 80).all()


def test_colours_without_harmonics():
    scene, cameras = random_scene(100, 0, seed=12), views()
    given = arguments(scene, cameras)
    plain = (0.5 + 0.28209479177387814 * given["colors"][:, 0]).clamp(min=0).detach()
    with_harmonics = rasterization(**given)[0]
    given |= {"colors": plain, "sh_degree": None}
    np.testing.assert_allclose(rasterization(**given)[0].detach(), with_harmonics.detach(), atol=1e-5)


def test_what_is_refused():
    given = arguments(random_scene(5, 0, seed=0), views())
    with pytest.raises(InputError, match="without gradients"):
        rasterization(**{**given, "viewmats": given["viewmats"].requires_grad_()})
    given["viewmats"] = given["viewmats"].detach()
    with pytest.raises(InputError, match="hold degree 2"):
        rasterization(**{**given, "sh_degree": 2})
    skewed = given["Ks"].clone()
    skewed[:, 0, 1] = 1
    with pytest.raises(InputError, match="found \\[\\["):
        rasterization(**{**given, "Ks": skewed})
    with pytest.raises(InputError, match="Ks"):
        rasterization(**{**given, "Ks": given["Ks"][:1]})
    with pytest.raises(InputError, match="backgrounds"):
        rasterization(**given, backgrounds=torch.zeros(3))


def test_a_change_in_between_is_noticed():
    given = arguments(random_scene(20, 0, seed=0), views())
    loss = rasterization(**given)[0].sum()
    with torch.no_grad():
        given["means"].add_(0.3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_limits_have_finite_gradients():
    scene = random_scene(60, 0, seed=4)
    given = arguments(scene, views())
    with torch.no_grad():
        given["scales"][:10] = 0
        given["opacities"][10:20] = 1
        given["opacities"][20:30] = 0
    rasterization(**given)[0].square().sum().backward()
    for name in ("means", "quats", "scales", "opacities", "colors"):
        assert given[name].grad.isfinite().all(), name
    assert given["opacities"].grad[10:20].abs().max() > 0
    half = {n: t.detach().half() if n in ("means", "quats", "scales", "opacities", "colors") else t for n, t in given.items()}
    assert rasterization(**half)[0].isfinite().all()
