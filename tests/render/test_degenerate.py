"""Gaussians and images that no training should give: finite images and finite gradients, on every way to render."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gscompress.cameras import Camera
from gscompress.errors import InputError
from gscompress.render import contributions, gradients, render, render_view, synthesise
from gscompress.render.gradients import Gradients
from gscompress.scene import Scene, empty_scene

from .helpers import look_at, random_scene, views


def behind(scene: Scene, camera: Camera) -> None:
    scene.means[:] = camera.position - np.abs(scene.means) @ np.ones((3, 1)) * camera.world_to_camera[2, :3]


def on_the_plane(scene: Scene, camera: Camera) -> None:
    """z = 0 up to rounding: also huge offsets to the side."""
    side = camera.world_to_camera[:2, :3]
    scene.means[:] = camera.position + scene.means[:, :2] * np.geomspace(1e-3, 1e3, len(scene))[:, None] @ side


def at_the_camera(scene: Scene, camera: Camera) -> None:
    scene.means[:] = camera.position


def just_before_it(scene: Scene, camera: Camera) -> None:
    """About the near plane of 0.01, where the projection is steepest."""
    scene.means[:] = camera.position + np.linspace(0.0099, 0.0102, len(scene))[:, None] * camera.world_to_camera[2, :3]


def set_to(field: str, value: float) -> Callable[[Scene, Camera], None]:
    def change(scene: Scene, camera: Camera) -> None:
        getattr(scene, field)[:] = value

    change.__name__ = f"{field}-{value:g}"
    return change


def one_axis(value: float) -> Callable[[Scene, Camera], None]:
    def change(scene: Scene, camera: Camera) -> None:
        scene.log_scales[:, 1] = value

    change.__name__ = f"one_axis-{value:g}"
    return change


def tiny_quaternions(scene: Scene, camera: Camera) -> None:
    scene.quats[:] *= 1e-30


CASES = [
    behind, on_the_plane, at_the_camera, just_before_it, tiny_quaternions, one_axis(-80), one_axis(-np.inf), one_axis(12), one_axis(40),
    set_to("log_scales", -np.inf), set_to("log_scales", -80), set_to("log_scales", 12), set_to("log_scales", 40), set_to("log_scales", 88),
    set_to("log_scales", np.inf), set_to("log_scales", np.nan), set_to("quats", 0), set_to("quats", 1e30), set_to("quats", np.nan),
    set_to("opacity_logits", -np.inf), set_to("opacity_logits", np.inf), set_to("opacity_logits", -100), set_to("opacity_logits", 100),
    set_to("opacity_logits", np.nan), set_to("means", 1e30), set_to("means", np.inf), set_to("means", np.nan), set_to("sh", 1e20),
    set_to("sh", np.inf), set_to("sh", np.nan),
]  # fmt: skip
UNSEEN = {"behind", "at_the_camera", "quats-0", "quats-nan", "opacity_logits--inf", "opacity_logits--100", "opacity_logits-nan",
          "means-1e+30", "means-inf", "means-nan", "log_scales-inf", "log_scales-nan", "sh-inf", "sh-nan"}  # fmt: skip


def spoiled(case: Callable[[Scene, Camera], None], antialiased: bool, all_of_it: bool) -> tuple[Scene, Camera]:
    """A scene of which all or a third is spoiled, and the camera that is within it."""
    healthy, camera = random_scene(120, 3, seed=8), views()[1]
    scene = Scene(healthy.means, healthy.quats, healthy.log_scales, healthy.opacity_logits, healthy.sh, antialiased)
    part = scene.select(np.arange(0, 120, 1 if all_of_it else 3))
    case(part, camera)
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh"):
        getattr(scene, name)[:: 1 if all_of_it else 3] = getattr(part, name)
    return scene, camera


def assert_finite(found: Gradients) -> None:
    for name in Gradients.__dataclass_fields__:
        assert np.isfinite(getattr(found, name)).all(), name


@pytest.mark.parametrize("all_of_it", [False, True], ids=["a_third", "all"])
@pytest.mark.parametrize("antialiased", [False, True], ids=["classic", "antialiased"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_spoiled_gaussians(case: Callable[[Scene, Camera], None], antialiased: bool, all_of_it: bool):
    scene, camera = spoiled(case, antialiased, all_of_it)
    made = render_view(scene, camera, background=(0.2, 0.4, 0.6))
    assert np.isfinite(made.image).all()
    assert made.alpha.min() >= 0
    assert made.alpha.max() <= 1
    if all_of_it and case.__name__ in UNSEEN:
        np.testing.assert_array_equal(made.image, np.broadcast_to(np.array([0.2, 0.4, 0.6], np.float32), made.image.shape))
    if not all_of_it:
        assert made.alpha.max() > 0.5  # those that are well are still there
    rng = np.random.default_rng(0)
    by_image, by_alpha = (rng.normal(0, 1, a.shape).astype(np.float32) for a in (made.image, made.alpha))
    found = gradients(scene, camera, by_image, by_alpha)
    assert_finite(found)
    sums = contributions(scene, [camera])
    assert not np.isnan(sums.weight_sum).any()
    assert not np.isnan(sums.footprint).any()


@pytest.mark.parametrize("antialiased", [False, True], ids=["classic", "antialiased"])
def test_rasterization_of_activated_limits(antialiased: bool):
    """Of what has no stored form: scales that are zero or negative, opacities of 0, 1 and beyond."""
    torch = pytest.importorskip("torch")
    from gscompress.render.rasterization import rasterization

    scene, cameras = random_scene(120, 1, seed=4), views()
    values = {"means": scene.means, "quats": scene.quats, "scales": np.exp(scene.log_scales),
              "opacities": 1 / (1 + np.exp(-scene.opacity_logits)), "colors": scene.sh}  # fmt: skip
    values["scales"][:10], values["scales"][10:20], values["scales"][20:30] = 0, -1, 1e15
    values["opacities"][30:40], values["opacities"][40:50], values["opacities"][50:60], values["opacities"][60:70] = 0, 1, 1.5, -0.5
    values["quats"][70:80] = 0
    values["means"][80:90] = cameras[1].position
    leaves = {name: torch.from_numpy(array).requires_grad_() for name, array in values.items()}
    ks = torch.tensor([[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]] for c in cameras])
    colors, alphas, meta = rasterization(
        **leaves, viewmats=torch.tensor(np.stack([c.world_to_camera for c in cameras])), Ks=ks, width=61, height=45, sh_degree=1,
        rasterize_mode="antialiased" if antialiased else "classic",
    )  # fmt: skip
    assert colors.isfinite().all()
    assert meta["means2d"].isfinite().all()
    (colors.square().sum() + alphas.sum()).backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all(), name


def test_no_gaussians():
    for scene in (empty_scene(), empty_scene(3)):
        for camera, made in zip(views(), render(scene, views(), backend="cpu", background=(0.5, 0, 1)), strict=True):
            np.testing.assert_array_equal(made.image, np.broadcast_to(np.array([0.5, 0, 1], np.float32), made.image.shape))
            assert gradients(scene, camera, made.image, made.alpha).sh.shape == scene.sh.shape
        assert len(synthesise(scene, 2)) == 2


def test_one_pixel():
    scene = random_scene(300, 3, seed=3)
    for width, height in ((1, 1), (1, 50), (50, 1)):
        camera = look_at((2.2, 1.1, 0.7), (0, 0, 0), width, height, 20.0)
        made = render_view(scene, camera)
        assert made.image.shape == (height, width, 3)
        assert made.alpha.max() > 0.5
        assert_finite(gradients(scene, camera, made.image, made.alpha))


def test_too_many_intersections_are_refused():
    """As a typed error, not by running out of memory: most Gaussians cover every tile of a huge image."""
    scene = random_scene(12000, 0, seed=1)
    scene.log_scales[:] = 6
    scene.opacity_logits[:] = 5
    with pytest.raises(InputError, match="render_view"):
        render_view(scene, look_at((2.2, 1.1, 0.7), (0, 0, 0), 8192, 8192, 9000.0))


@pytest.mark.slow
def test_five_million_gaussians():
    """An image and its gradients; and a thousand of them give what they give alone once the others have faded."""
    count = 5_000_000
    rng = np.random.default_rng(0)
    one = np.float32
    scene = Scene(
        rng.normal(0, 1, (count, 3)).astype(one), rng.normal(0, 1, (count, 4)).astype(one), rng.normal(-6, 0.5, (count, 3)).astype(one),
        rng.normal(0, 2, count).astype(one), rng.normal(0, 0.3, (count, 4, 3)).astype(one),
    )  # fmt: skip
    camera = look_at((4, 2, 1), (0, 0, 0), 640, 360, 500.0)
    made = render_view(scene, camera)
    assert np.isfinite(made.image).all()
    assert made.alpha.max() > 0.99
    found = gradients(scene, camera, made.image, made.alpha)
    assert_finite(found)
    assert (np.abs(found.means).sum(1) > 0).mean() > 0.05
    scene.opacity_logits[1000:] = -20
    few = scene.select(np.arange(1000))
    np.testing.assert_array_equal(render_view(scene, camera).image, render_view(few, camera).image)
