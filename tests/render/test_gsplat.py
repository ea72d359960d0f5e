"""gsplat on a CUDA device against the compiled rasteriser: images, gradients, degenerate input. And what is said without one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscompress import io
from gscompress.cameras import Camera
from gscompress.errors import InputError, MissingExtra
from gscompress.evaluate import psnr
from gscompress.render import gsplat_backend, render, render_view, synthesise
from gscompress.render.images import resolve
from gscompress.scene import Scene, empty_scene

from .helpers import look_at, random_scene, views

torch = pytest.importorskip("torch")

SCENES = Path(__file__).resolve().parents[2] / "scenes"
PARAMETERS = ("means", "quats", "scales", "opacities", "colors")


def gpu(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that needs gsplat and a CUDA device."""
    return pytest.mark.cuda(pytest.mark.skipif(find_spec("gsplat") is None, reason="gsplat is not installed")(test))


def in_mode(scene: Scene, antialiased: bool) -> Scene:
    return Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, antialiased)


def shapes() -> tuple[Scene, list[Camera]]:
    scene = io.read(SCENES / "shapes_sh3.ply").scene
    return scene, synthesise(scene, 4, width=320, height=200)


def tile() -> tuple[Scene, list[Camera]]:
    scene = io.read(SCENES / "tile.ply").scene
    return scene, synthesise(scene, 4, width=320, height=200)


def made() -> tuple[Scene, list[Camera]]:
    """Camera within the scene, principal point off the centre, pixels that are not square, odd sizes."""
    return random_scene(2000, 3, seed=5), views(161, 117)


CASES = [
    pytest.param(case, antialiased, id=f"{case.__name__}-{'antialiased' if antialiased else 'classic'}")
    for case in (shapes, tile, made)
    for antialiased in (False, True)
]


def degenerate() -> tuple[Scene, list[Camera]]:
    """All that a trained scene should not have, among Gaussians that are well."""
    scene, cameras = random_scene(300, 2, seed=8), views()
    eye, forward = cameras[1].position, cameras[1].world_to_camera[2, :3]
    scene.means[:20] = eye
    scene.means[20:40] = eye - 2 * forward
    scene.means[40:50] = eye + 0.0101 * forward
    scene.log_scales[50:60] = -80
    scene.log_scales[60:70] = 30
    scene.log_scales[70:75] = 80
    scene.quats[80:90] = 0
    scene.quats[90:100] *= 1e-30
    scene.opacity_logits[100:110] = 100
    scene.opacity_logits[110:120] = -100
    scene.means[120:125] = np.nan
    scene.log_scales[125:130] = -np.inf
    scene.means[130:135] = 1e30
    scene.sh[135:140] = np.inf
    return scene, [*cameras, look_at((2, 0, 0), (0, 0, 0), 1, 1, 1.0)]


@gpu
@pytest.mark.parametrize(("case", "antialiased"), CASES)
def test_images_agree(case: Callable[[], tuple[Scene, list[Camera]]], antialiased: bool):
    scene, cameras = case()
    scene = in_mode(scene, antialiased)
    background = (0.2, 0.5, 0.9)
    theirs = render(scene, cameras, backend="gsplat", background=background)
    ours = render(scene, cameras, backend="cpu", background=background)
    for a, b in zip(theirs, ours, strict=True):
        assert a.image.dtype == a.alpha.dtype == np.float32
        assert a.image.shape == b.image.shape
        assert psnr(a.image, b.image) >= 50
        assert psnr(a.alpha[..., None], b.alpha[..., None]) >= 50
    print(f"PSNR {min(psnr(a.image, b.image) for a, b in zip(theirs, ours, strict=True)):.1f} dB at worst")


@gpu
def test_lower_degrees_agree():
    scene, cameras = shapes()
    for degree in range(4):
        theirs = render(scene, cameras[:1], backend="gsplat", sh_degree=degree)[0]
        assert psnr(theirs.image, render_view(scene, cameras[0], sh_degree=degree).image) >= 50
    with pytest.raises(InputError, match="sh_degree"):
        render(scene, cameras, backend="gsplat", sh_degree=4)
    with pytest.raises(InputError, match="background"):
        render(scene, cameras, backend="gsplat", background=(0, float("nan"), 0))


def tamed(given: dict[str, Any]) -> tuple[Any, ...]:
    means, quats, scales, opacities, colors = (given[name] for name in PARAMETERS)
    return gsplat_backend.tamed(means, quats, scales, opacities, colors, given["viewmats"].float(), given["Ks"].float())


def leaves(scene: Scene, cameras: list[Camera], device: str) -> dict[str, Any]:
    """What `rasterization` takes for a scene."""
    activated = {
        "means": scene.means, "quats": scene.quats, "scales": np.exp(scene.log_scales),
        "opacities": 1 / (1 + np.exp(-scene.opacity_logits.clip(-80, 80))), "colors": scene.sh,
    }  # fmt: skip
    ks = [[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]] for c in cameras]
    return {
        **{name: torch.tensor(values, device=device, requires_grad=True) for name, values in activated.items()},
        "viewmats": torch.tensor(np.stack([c.world_to_camera for c in cameras]), device=device),
        "Ks": torch.tensor(ks, device=device), "width": cameras[0].width, "height": cameras[0].height,
        "sh_degree": scene.sh_degree, "rasterize_mode": "antialiased" if scene.antialiased else "classic",
    }  # fmt: skip


def gradients_on(device: str, scene: Scene, cameras: list[Camera]) -> dict[str, np.ndarray]:
    """By every parameter, of what a random image of weights makes of the rendering and its alpha."""
    from gscompress.render.rasterization import rasterization

    given = leaves(scene, cameras, device)
    backgrounds = torch.full((len(cameras), 3), 0.4, device=device)
    colors, alphas, meta = rasterization(**given, backgrounds=backgrounds)
    rng = np.random.default_rng(0)
    by_colors, by_alphas = (torch.tensor(rng.normal(0, 1, tuple(t.shape)), device=device, dtype=torch.float32) for t in (colors, alphas))
    meta["means2d"].retain_grad()  # as gsplat's strategies do
    ((colors * by_colors).sum() + (alphas * by_alphas).sum()).backward()
    found = {name: given[name].grad.cpu().numpy() for name in PARAMETERS}
    return {**found, "means2d": meta["means2d"].grad.cpu().numpy()}


@gpu
@pytest.mark.parametrize(("case", "antialiased"), CASES)
def test_gradients_agree(case: Callable[[], tuple[Scene, list[Camera]]], antialiased: bool):
    scene, cameras = case()
    scene = in_mode(scene, antialiased)
    theirs, ours = (gradients_on(device, scene, cameras) for device in ("cuda", "cpu"))
    for name in theirs:
        a, b = theirs[name].ravel().astype(np.float64), ours[name].ravel().astype(np.float64)
        cosine = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        print(f"{name}: cosine {cosine:.6f}, length {np.linalg.norm(a) / np.linalg.norm(b):.6f}")
        assert cosine >= 0.999, name
        assert np.linalg.norm(a) == pytest.approx(np.linalg.norm(b), rel=0.02), name


@gpu
@pytest.mark.parametrize("antialiased", [False, True])
def test_degenerate_input_on_the_device(antialiased: bool):
    scene, cameras = degenerate()
    scene = in_mode(scene, antialiased)
    theirs, ours = (render(scene, cameras, backend=b, background=(0.1, 0.2, 0.3)) for b in ("gsplat", "cpu"))
    for a, b in zip(theirs, ours, strict=True):
        assert np.isfinite(a.image).all()
        assert psnr(a.image, b.image) >= 40  # scales that float32 hardly holds may be drawn or left out
    for name, values in gradients_on("cuda", scene, cameras[:2]).items():
        assert np.isfinite(values).all(), name
    for nothing in (empty_scene(2), scene.select(np.arange(20, 40))):
        empty = render(nothing, cameras[1:], backend="gsplat", background=(0.1, 0.2, 0.3))
        np.testing.assert_allclose(empty[0].image, np.broadcast_to(np.array([0.1, 0.2, 0.3], np.float32), (45, 61, 3)))
        assert not empty[0].alpha.any()


@gpu
def test_auto_is_gsplat_where_it_can_be():
    assert resolve("auto") == "gsplat"
    scene, cameras = made()
    auto, theirs = (render(scene, cameras, backend=b) for b in ("auto", "gsplat"))
    for a, b in zip(auto, theirs, strict=True):
        np.testing.assert_allclose(a.image, b.image, atol=1e-5)


@gpu
def test_the_fields_of_densification():
    from gscompress.render.rasterization import rasterization

    scene, cameras = made()
    seen = [(rasterization(**leaves(scene, cameras, d))[2]["radii"].cpu().numpy() > 0).all(-1) for d in ("cuda", "cpu")]
    assert seen[0].shape == (2, 2000)
    assert (seen[0] == seen[1]).mean() > 0.99


@pytest.mark.parametrize("antialiased", [False, True])
def test_what_gsplat_is_given(antialiased: bool, monkeypatch: pytest.MonkeyPatch):
    """A stand-in for gsplat, made of the compiled rasteriser, is handed the scene, every camera and the mode."""
    from gscompress.render.rasterization import rasterization

    def stand_in(*arguments: Any, **others: Any):
        assert gsplat_backend.SETTINGS.items() <= others.items()
        assert all(t.dtype == torch.float32 for t in arguments[:7])
        return rasterization(*arguments, **{name: others[name] for name in others if name not in gsplat_backend.SETTINGS})

    gsplat = type(sys)("gsplat")
    gsplat.rasterization = stand_in  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "gsplat", gsplat)
    monkeypatch.setattr(gsplat_backend, "obstacle", lambda: None)
    monkeypatch.setattr(gsplat_backend, "_upload", lambda a: torch.from_numpy(np.ascontiguousarray(a, np.float32)))
    scene, cameras = degenerate()
    scene = in_mode(scene, antialiased)
    arguments = {"sh_degree": 1, "background": (0.1, 0.2, 0.3)}
    for camera, found in zip(cameras, render(scene, cameras, backend="gsplat", **arguments), strict=True):
        wanted = render_view(scene, camera, **arguments)
        np.testing.assert_allclose(found.image, wanted.image, atol=1e-3)
        np.testing.assert_allclose(found.alpha, wanted.alpha, atol=1e-3)
    empty = render(empty_scene(1), cameras, backend="gsplat", **arguments)
    np.testing.assert_array_equal(empty[0].image, render_view(empty_scene(1), cameras[0], **arguments).image)


def test_tamed_rows_have_no_gradient():
    """On the CPU, where nothing of gsplat is needed."""
    scene, cameras = degenerate()
    given = leaves(scene, cameras, "cpu")
    parts = tamed(given)
    assert all(p.isfinite().all() for p in parts)
    assert parts[1].abs().amax() == 1
    torch.stack([p.sum() for p in parts]).sum().backward()
    lost = np.r_[60:75, 80:90, 120:125, 135:140]  # by size, quaternion, position and colour
    for name in PARAMETERS:
        assert given[name].grad.isfinite().all(), name
        assert not given[name].grad[lost].any(), name
    kept = np.setdiff1d(np.arange(len(scene)), np.r_[lost, 100:120])
    assert (parts[3].detach().numpy()[kept] > 0).all()
    clean = random_scene(20, 1, seed=1)
    given = leaves(clean, cameras[:1], "cpu")
    means, quats, *others = tamed(given)
    assert means is given["means"]
    unit, wanted = (q / np.linalg.norm(q, axis=1, keepdims=True) for q in (quats.detach().numpy(), clean.quats))
    np.testing.assert_allclose(unit, wanted, atol=1e-6)
    for name, found in zip(PARAMETERS[2:], others, strict=True):
        np.testing.assert_array_equal(found.detach(), given[name].detach())


def test_without_packages_or_a_device(monkeypatch: pytest.MonkeyPatch):
    scene, cameras = random_scene(5, 0, seed=0), views()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gsplat_backend, "find_spec", lambda name: object())
    with pytest.raises(InputError, match="expected a CUDA device"):
        render(scene, cameras, backend="gsplat")
    assert resolve("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "gsplat", None)  # as if its import failed
    monkeypatch.setitem(sys.modules, "gsplat.cuda._backend", None)
    with pytest.raises(InputError, match="cannot be loaded"):
        render(scene, cameras, backend="gsplat")
    monkeypatch.setitem(sys.modules, "gsplat.cuda._backend", type(sys)("kernels"))
    sys.modules["gsplat.cuda._backend"]._C = None  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(InputError, match="neither its kernels"):
        render(scene, cameras, backend="gsplat")
    for missing in ("torch", "gsplat"):
        monkeypatch.setattr(gsplat_backend, "find_spec", lambda name, missing=missing: None if name == missing else object())
        with pytest.raises(MissingExtra, match=missing):
            render(scene, cameras, backend="gsplat")
        assert resolve("auto") == "cpu"
