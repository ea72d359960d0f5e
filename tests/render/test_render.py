"""Image formation by hand-computed values, degenerate input, and independence of the number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress import _native
from gscompress.cameras import Camera
from gscompress.errors import InputError
from gscompress.render import contributions, render_view
from gscompress.scene import SH_C0, Scene, empty_scene

from .helpers import random_scene, views


def facing(width: int = 33, height: int = 17, focal: float = 20.0) -> Camera:
    """At the origin, looking along +z, with the middle pixel's centre on the axis."""
    return Camera(np.eye(4), focal, focal, width / 2, height / 2, width, height)


def ball(z: float = 4.0, scale: float = 0.5, opacity: float = 0.6, rgb: tuple[float, float, float] = (0.9, 0.5, 0.1)) -> Scene:
    """One round Gaussian on the axis."""
    return Scene(
        np.array([[0, 0, z]]),
        np.array([[2.0, 0, 0, 0]]),
        np.full((1, 3), np.log(scale)),
        np.array([np.log(opacity / (1 - opacity))]),
        ((np.array(rgb) - 0.5) / SH_C0)[None, None],
    )


def test_one_gaussian_by_hand():
    result = render_view(ball(), facing(), background=(0, 0, 1))
    variance = (20 * 0.5 / 4) ** 2 + 0.3
    for dx in (0, 3, 6):
        alpha = 0.6 * np.exp(-0.5 * dx * dx / variance)
        assert result.alpha[8, 16 + dx] == pytest.approx(alpha, rel=1e-5)
        expected = alpha * np.array([0.9, 0.5, 0.1]) + (1 - alpha) * np.array([0, 0, 1])
        np.testing.assert_allclose(result.image[8, 16 - dx], expected, rtol=1e-5)
    assert result.alpha[0, 0] == 0


def test_antialiasing_dims_small_gaussians():
    plain = ball(scale=0.02)
    smooth = Scene(plain.means, plain.quats, plain.log_scales, plain.opacity_logits, plain.sh, antialiased=True)
    variance = (20 * 0.02 / 4) ** 2
    ratio = render_view(smooth, facing()).alpha[8, 16] / render_view(plain, facing()).alpha[8, 16]
    assert ratio == pytest.approx(variance / (variance + 0.3), rel=1e-4)


def test_alpha_is_capped_and_colour_is_not():
    bright = ball(rgb=(7.0, 0.5, -3.0))
    bright.opacity_logits[:] = 50
    result = render_view(bright, facing())
    np.testing.assert_allclose(result.image[8, 16], [0.999 * 7, 0.999 * 0.5, 0], rtol=1e-5)


def test_nearer_gaussian_hides_the_farther():
    near, far = ball(z=3, rgb=(1, 0, 0)), ball(z=6, rgb=(0, 1, 0))
    two = near.select(np.array([0, 0]))
    two.means[0], two.sh[0] = far.means[0], far.sh[0]
    np.testing.assert_allclose(render_view(two, facing()).image[8, 16], [0.6, 0.4 * 0.6, 0], rtol=1e-4, atol=1e-6)
    found = contributions(two, [facing()])
    np.testing.assert_allclose(found.weight_max, [0.24, 0.6], rtol=1e-4)


def test_contributions_of_one_gaussian():
    result, found = render_view(ball(), facing()), contributions(ball(), [facing()])
    alpha = result.alpha[result.alpha > 0].astype(float)
    assert found.weight_sum[0] == pytest.approx(alpha.sum(), rel=1e-5)
    assert found.weight_sq[0] == pytest.approx((alpha**2).sum(), rel=1e-5)
    assert found.weight_max[0] == pytest.approx(0.6, rel=1e-5)
    assert found.energy[0] == pytest.approx((alpha**2).sum() * (0.81 + 0.25 + 0.01), rel=1e-4)
    assert found.footprint[0] == pytest.approx(4 / 20, rel=1e-5)
    assert found.pixels[0] == len(alpha)


def test_empty_scene_is_background():
    result = render_view(empty_scene(), facing(), background=(0.1, 0.2, 0.3))
    np.testing.assert_array_equal(result.image, np.broadcast_to(np.array([0.1, 0.2, 0.3], np.float32), (17, 33, 3)))
    assert not result.alpha.any()
    assert contributions(empty_scene(3), [facing()]).energy.shape == (0,)


def test_one_pixel():
    assert render_view(ball(), facing(1, 1)).alpha[0, 0] == pytest.approx(0.6, rel=1e-5)


def test_behind_and_too_near():
    for z in (-4.0, 0.0, 0.009):
        assert not render_view(ball(z=z), facing()).alpha.any()


@pytest.mark.parametrize("field", ["means", "quats", "log_scales", "opacity_logits", "sh"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(field: str, value: float):
    scene = random_scene(60, 3, seed=1)
    getattr(scene, field)[::2].reshape(30, -1)[:, 0] = value
    for camera in views():
        result = render_view(scene, camera)
        assert np.isfinite(result.image).all()
        assert np.isfinite(contributions(scene, [camera]).energy).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [("quats", 0.0), ("quats", 1e-30), ("log_scales", -200.0), ("log_scales", 20.0), ("log_scales", 80.0),
     ("opacity_logits", 50.0), ("opacity_logits", -50.0), ("opacity_logits", 1e30), ("means", 1e30), ("sh", 1e30)],
)  # fmt: skip
def test_extreme_values(field: str, value: float):
    scene = random_scene(200, 2, seed=2)
    getattr(scene, field)[::3] = value
    for camera in views():
        result = render_view(scene, camera)
        assert np.isfinite(result.image).all()
        assert result.alpha.min() >= 0
        assert result.alpha.max() <= 1
        found = contributions(scene, [camera])
        assert not np.isnan(found.weight_sum).any()


def test_needles_across_the_image():
    scene = random_scene(300, 0, seed=3)
    scene.log_scales[:, 0] = 3
    scene.log_scales[:, 1:] = -9
    for camera in views():
        result = render_view(scene, camera)
        assert np.isfinite(result.image).all()
        assert result.alpha.max() > 0.1


def test_any_number_of_threads_gives_the_same_bits():
    scene = random_scene(30000, 1, seed=4)
    cameras = views(200, 130)
    for camera in cameras:
        one = render_view(scene, camera, threads=1)
        for threads in (2, 3, 7):
            other = render_view(scene, camera, threads=threads)
            np.testing.assert_array_equal(one.image, other.image)
            np.testing.assert_array_equal(one.alpha, other.alpha)
    one, other = (contributions(scene, cameras, threads=t) for t in (1, 5))
    for name in ("weight_sum", "weight_sq", "weight_max", "energy", "footprint", "pixels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_weights_add_up_to_alpha():
    scene, camera = random_scene(2000, 0, seed=6), views(90, 70)[0]
    total = contributions(scene, [camera]).weight_sum.sum()
    assert total == pytest.approx(render_view(scene, camera).alpha.sum(dtype=float), rel=1e-5)


def test_progress_is_told():
    told: list[tuple[int, int]] = []
    contributions(ball(), [facing()] * 3, lambda *step: told.append(step))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    "camera",
    [
        facing(0, 4),
        facing(4, -1),
        facing(40000, 2),
        facing(focal=0),
        facing(focal=float("nan")),
        Camera(np.eye(3), 1, 1, 1, 1, 2, 2),
        Camera(np.full((4, 4), np.nan), 1, 1, 1, 1, 2, 2),
    ],
)
def test_unusable_cameras(camera: Camera):
    with pytest.raises(InputError, match="Camera"):
        render_view(ball(), camera)
    with pytest.raises(InputError, match="Camera"):
        contributions(ball(), [camera])


def test_other_unusable_arguments():
    with pytest.raises(InputError, match="sh_degree"):
        render_view(ball(), facing(), sh_degree=1)
    with pytest.raises(InputError, match="background"):
        render_view(ball(), facing(), background=(0, 0))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="threads"):
        render_view(ball(), facing(), threads=0)
    with pytest.raises(InputError, match="cameras"):
        contributions(ball(), [])


def test_the_core_checks_its_arguments():
    scene = ball()
    good = {
        "means": scene.means, "quats": scene.quats, "log_scales": scene.log_scales,
        "opacity_logits": scene.opacity_logits, "sh": scene.sh, "world_to_camera": np.eye(4),
        "intrinsics": np.array([1.0, 1, 1, 1]), "width": 4, "height": 3, "sh_degree": 0, "antialiased": False,
        "background": np.zeros(3, np.float32), "image": np.zeros((3, 4, 3), np.float32),
        "alpha": np.zeros((3, 4), np.float32), "threads": 1,
    }  # fmt: skip
    _native.core().render(**good)
    wrong = {
        "means": scene.means.astype(np.float64), "quats": scene.quats[:, :3], "log_scales": np.zeros((2, 3), np.float32),
        "opacity_logits": scene.opacity_logits[:, None], "sh": np.zeros((1, 4, 3), np.float32)[:, ::2],
        "world_to_camera": np.eye(4, dtype=np.float32), "intrinsics": np.zeros(4), "width": 0, "height": 5, "sh_degree": 1,
        "image": np.zeros((4, 3, 3), np.float32), "alpha": np.zeros((4, 3), np.float32).T,
    }  # fmt: skip
    for name, value in wrong.items():
        with pytest.raises(ValueError):  # noqa: PT011 (the wording is checked nowhere else)
            _native.core().render(**{**good, name: value})
