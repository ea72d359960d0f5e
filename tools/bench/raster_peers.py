"""Others' renderers of Gaussians that run on a CPU and differentiate, each behind the same two calls.

    pip install --no-deps metal-gauss==0.2.1 mitsuba==3.9.1 drjit==1.5.0

drjit needs a libLLVM newer than 15 (Debian: libllvm19), or takes the one that DRJIT_LIBLLVM_PATH names. Of metal-gauss's tile
sizes 8, 16 and 32, 16 measured fastest. No limit of theirs leaves Gaussians out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gscompress.cameras import Camera
from gscompress.render.rasterization import rasterization
from gscompress.scene import Scene

THINNEST = 0.01
"""Of a Gaussian's length: thinner ones vanish in Mitsuba's float32, so they are given to it no thinner."""

Gradients = dict[str, np.ndarray]
"""By means, quats, scales, opacities and colors; empty where a renderer has other arrays."""


@dataclass(frozen=True)
class Steps:
    """One scene from one camera.

    Attributes:
        forward: the image over black, float32 [H, W, 3].
        both: renders and differentiates `sum(image * weights)`.
    """

    forward: Callable[[], np.ndarray]
    both: Callable[[], Gradients]


@dataclass(frozen=True)
class Peer:
    """A renderer that may be installed.

    Attributes:
        distribution: its name on PyPI.
        what: what it does, in a few words.
        make: Steps of a scene, a camera and the weights of `Steps.both`.
        same_arrays: whether `Steps.both` gives gradients by the arrays that `rasterization` takes.
    """

    distribution: str
    what: str
    make: Callable[[Scene, Camera, np.ndarray], Steps]
    same_arrays: bool

    @property
    def version(self) -> str | None:
        """None where it is not installed."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None


def activated(scene: Scene) -> dict[str, np.ndarray]:
    """float32 arrays of a scene as gsplat's `rasterization` takes them."""
    return {
        "means": scene.means, "quats": scene.quats, "scales": np.exp(scene.log_scales),
        "opacities": 1 / (1 + np.exp(-scene.opacity_logits.clip(-80, 80))), "colors": scene.sh,
    }  # fmt: skip


def in_torch(scene: Scene, weights: np.ndarray, render: Callable[[dict[str, Tensor]], Tensor]) -> Steps:
    """Steps of a differentiable function of the `activated` arrays."""
    leaves = {name: torch.tensor(values, requires_grad=True) for name, values in activated(scene).items()}
    by_image = torch.from_numpy(weights)

    def forward() -> np.ndarray:
        with torch.no_grad():
            return render(leaves).numpy()

    def both() -> Gradients:
        for leaf in leaves.values():
            leaf.grad = None
        (render(leaves) * by_image).sum().backward()
        return {name: leaf.grad.numpy() for name, leaf in leaves.items() if leaf.grad is not None}

    return Steps(forward, both)


def ours(scene: Scene, camera: Camera, weights: np.ndarray) -> Steps:
    """`gscompress.render.rasterization`."""
    viewmats, ks = torch.tensor(camera.world_to_camera[None]), torch.tensor(intrinsics(camera)[None])

    def render(leaves: dict[str, Tensor]) -> Tensor:
        return rasterization(
            **leaves, viewmats=viewmats, Ks=ks, width=camera.width, height=camera.height, sh_degree=scene.sh_degree,
            rasterize_mode="antialiased" if scene.antialiased else "classic",
        )[0][0]  # fmt: skip

    return in_torch(scene, weights, render)


def intrinsics(camera: Camera) -> np.ndarray:
    """float64 [3, 3]."""
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])


def _metal_gauss(scene: Scene, camera: Camera, weights: np.ndarray) -> Steps:
    torch_ref: Any = import_module("metal_gauss.torch_ref")
    viewmat, k = torch.tensor(camera.world_to_camera, dtype=torch.float32), torch.tensor(intrinsics(camera), dtype=torch.float32)

    def render(leaves: dict[str, Tensor]) -> Tensor:
        return torch_ref.render(
            leaves["means"], leaves["quats"], leaves["scales"], leaves["opacities"], leaves["colors"], k, viewmat, camera.width,
            camera.height, sh_degree=scene.sh_degree, tile=16, tile_chunk=32, slab=256, max_per_tile=len(scene), far=1e10,
            max_radius_frac=1e9, antialias=scene.antialiased,
        )[0]  # fmt: skip

    return in_torch(scene, weights, render)


def _mitsuba(scene: Scene, camera: Camera, weights: np.ndarray) -> Steps:
    mitsuba: Any = import_module("mitsuba")
    mitsuba.set_variant("llvm_ad_rgb")
    drjit: Any = import_module("drjit")
    drjit.set_thread_count(int(os.environ["GSCOMPRESS_THREADS"]))
    given, tensor = activated(scene), mitsuba.TensorXf
    scales = np.maximum(given["scales"], THINNEST * given["scales"].max(axis=1, keepdims=True))
    lengths = np.linalg.norm(scene.quats, axis=1, keepdims=True)
    ellipsoids = {
        "type": "ellipsoids", "centers": tensor(given["means"]), "scales": tensor(scales),
        "quaternions": tensor(np.ascontiguousarray(np.roll(scene.quats / lengths, -1, axis=1))),  # xyzw
        "opacities": tensor(given["opacities"][:, None]), "sh_coeffs": tensor(scene.sh.reshape(len(scene), -1)),
    }  # fmt: skip
    film = {
        "type": "hdrfilm", "width": camera.width, "height": camera.height, "pixel_format": "rgb", "component_format": "float32",
        "rfilter": {"type": "box"},
    }  # fmt: skip
    to_world = np.linalg.inv(camera.world_to_camera) @ np.diag([-1.0, -1, 1, 1])  # its cameras have x left and y up
    sensor = {
        "type": "perspective", "fov": float(2 * np.degrees(np.arctan(0.5 * camera.width / camera.fx))), "fov_axis": "x",
        "near_clip": 0.01, "to_world": mitsuba.ScalarTransform4f(to_world), "film": film,
    }  # fmt: skip
    integrator = {"type": "volprim_rf_basic", "max_depth": -1, "srgb_primitives": False}
    world = mitsuba.load_dict({"type": "scene", "integrator": integrator, "sensor": sensor, "splats": mitsuba.load_dict(ellipsoids)})
    params, by_image = mitsuba.traverse(world), tensor(weights)
    leaves = [f"splats.{name}" for name in ("data", "opacities", "sh_coeffs")]
    for name in leaves:
        drjit.enable_grad(params[name])
    params.update()

    def forward() -> np.ndarray:
        with drjit.suspend_grad():
            return np.array(mitsuba.render(world, spp=1))

    def both() -> Gradients:
        for name in leaves:
            drjit.clear_grad(params[name])
        drjit.backward(drjit.sum(mitsuba.render(world, params, spp=1) * by_image))
        drjit.eval([drjit.grad(params[name]) for name in leaves])
        drjit.sync_thread()
        return {}

    return Steps(forward, both)


PEERS = {
    "metal-gauss": Peer("metal-gauss", "tiles in plain torch (`torch_ref`), the same image formation, cut at 3 sigma", _metal_gauss, True),
    "mitsuba": Peer(
        "mitsuba", "one ray a pixel through ellipsoids (LLVM, Embree), another image formation, without dilation", _mitsuba, False
    ),
}

NOT_MEASURED = {
    "gsplat 1.5.3": "cannot rasterise on a CPU",
    "gswarp 1.1.0": "refuses CPU tensors",
    "splax 0.2.3": "needs an NVIDIA GPU",
    "taichi-splatting 0.13": "compiles a CUDA library when imported",
    "gausscam 0.1.5": "WebGPU; forward only, degree 0, 8 bits",
    "splatstream 0.1.4": "Vulkan; forward only",
    "litesplat 0.1.1": "every Gaussian at every pixel, without harmonics or dilation: another picture",
    "gaussian-renderer, splatkit, fast-gauss, splatreg": "call gsplat, CUDA or OpenGL",
    "msplat 1.1.4": "Apple GPUs only",
}
"""Found on PyPI, and why there is no row."""
