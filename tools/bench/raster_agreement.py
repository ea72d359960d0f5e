"""How far images and gradients of the compiled rasteriser are from those of the reference in torch, in float64.

The reference lets every Gaussian meet every pixel, so real scenes are compared in small windows of their views, on those
Gaussians that the reference's own projection puts near the window; the compiled one gets the whole scene.

Where an alpha lies within float32 rounding of 1/255, or a transmittance of 1e-4, the two may decide differently, and each is
right. Pixels in which the reference itself jumps when it is nudged by such an amount are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from gscompress.cameras import Camera
from gscompress.render import gradients, reference, render_view
from gscompress.scene import SH_COEFFICIENTS, Scene

ASKED = 2e-4
"""Largest difference of an image that issue 4 allows."""

BACKGROUND = (0.3, 0.1, 0.8)
ARRAYS = ("means", "quats", "log_scales", "opacity_logits", "sh")
NUDGE_PX, NUDGE_LOGIT = 5e-5, 1e-5
"""About what float32 leaves open: half the spacing of coordinates near 640 px, and the arithmetic up to an opacity."""


def random_scene(count: int, sh_degree: int, seed: int, log_scale: float = -2.8, antialiased: bool = False) -> Scene:
    """Gaussians around the origin, of all shapes; `log_scale` is the mean of theirs."""
    rng = np.random.default_rng(seed)
    sh = rng.normal(0, 0.3, (count, SH_COEFFICIENTS[sh_degree], 3)).astype(np.float32)
    sh[:, 0] += 0.5
    return Scene(
        rng.normal(0, 0.5, (count, 3)), rng.normal(0, 1, (count, 4)), rng.normal(log_scale, 0.7, (count, 3)),
        rng.normal(0.5, 2, count), sh, antialiased,
    )  # fmt: skip


def camera_before(width: int, height: int) -> Camera:
    """Looks at the origin from 2.5 units."""
    matrix = np.eye(4)
    matrix[2, 3] = 2.5
    return Camera(matrix, 0.9 * width, 0.9 * width, 0.48 * width, 0.53 * height, width, height)


def windows(cameras: list[Camera], count: int, width: int = 48, height: int = 32) -> Iterator[Camera]:
    """Parts of views about the middle, evenly from the cameras."""
    rng = np.random.default_rng(0)
    for number in np.linspace(0, len(cameras) - 1, count).astype(int):
        view = cameras[number]
        x, y = (int(side * rng.uniform(0.25, 0.75)) - part // 2 for side, part in ((view.width, width), (view.height, height)))
        yield replace(view, cx=view.cx - x, cy=view.cy - y, width=width, height=height)


def rows_near(scene: Scene, camera: Camera) -> np.ndarray:
    """Rows of the Gaussians that can reach 1/255 anywhere in the image."""
    means, quats, log_scales, logits, _ = reference.tensors(scene, torch.float64)
    matrix = torch.as_tensor(camera.world_to_camera)
    local = means @ matrix[:3, :3].T + matrix[:3, 3]
    centres, covariances = reference.project(local, matrix[:3, :3], quats, log_scales, camera)
    largest = torch.linalg.eigvalsh(covariances.nan_to_num() + reference.DILATION * torch.eye(2))[:, 1]
    reach = (2 * largest * torch.log(torch.sigmoid(logits) / reference.MIN_ALPHA).clamp(min=0)).sqrt() + 1
    size = torch.tensor([camera.width, camera.height])
    return (((centres > -reach[:, None]) & (centres < size + reach[:, None])).all(1) & (local[:, 2] > 0)).nonzero()[:, 0].numpy()


def difference(scene: Scene, near: Scene, camera: Camera, sh_degree: int) -> np.ndarray:
    """[H, W]: largest absolute difference of image and alpha, of the whole scene and of those near in the reference."""
    found = render_view(scene, camera, sh_degree=sh_degree, background=BACKGROUND)
    wanted = reference.render(near, camera, sh_degree=sh_degree, background=BACKGROUND)
    return np.maximum(np.abs(found.image - wanted.image).max(2), np.abs(found.alpha - wanted.alpha))


def undecided(near: Scene, camera: Camera, sh_degree: int) -> np.ndarray:
    """bool [H, W]: where the reference jumps under a nudge."""

    def image(camera: Camera, logit: float = 0.0) -> np.ndarray:
        moved = Scene(near.means, near.quats, near.log_scales, near.opacity_logits + logit, near.sh, near.antialiased)
        return reference.render(moved, camera, sh_degree=sh_degree, background=BACKGROUND).image

    still, jumps = image(camera), np.zeros((camera.height, camera.width), bool)
    nudged = [image(camera, step) for step in (-NUDGE_LOGIT, NUDGE_LOGIT)]
    nudged += [image(replace(camera, cx=camera.cx + s)) for s in (-NUDGE_PX, NUDGE_PX)]
    nudged += [image(replace(camera, cy=camera.cy + s)) for s in (-NUDGE_PX, NUDGE_PX)]
    for other in nudged:
        jumps |= np.abs(other - still).max(2) > ASKED / 2
    return jumps


def image_agreement(scene: Scene, cameras: list[Camera]) -> dict[str, dict]:
    """By degree of harmonics: pixels, largest difference where both decide alike, and pixels that are undecided."""
    nearby = [scene.select(rows_near(scene, camera)) for camera in cameras]
    out = {}
    for degree in range(scene.sh_degree + 1):
        row = {"pixels": 0, "max_abs": 0.0, "undecided": 0, "max_abs_undecided": 0.0}
        for camera, near in zip(cameras, nearby, strict=True):
            apart = difference(scene, near, camera, degree)
            row["pixels"] += apart.size
            if apart.max() > ASKED:
                jumps = undecided(near, camera, degree) & (apart > ASKED)
                row["undecided"] += int(jumps.sum())
                row["max_abs_undecided"] = max(row["max_abs_undecided"], float(apart[jumps].max(initial=0)))
                apart = apart[~jumps]
            row["max_abs"] = max(row["max_abs"], float(apart.max(initial=0)))
        out[str(degree)] = row
    return out


def gradient_agreement(scene: Scene, camera: Camera, sh_degree: int, seed: int = 0) -> dict[str, float]:
    """Norm of the difference over the norm, by array, of the gradients of a random function of image and alpha.

    Pixels that the two decide differently have no part in the function; `elsewhere` is the largest gradient of Gaussians
    that the reference does not see.
    """
    rows = rows_near(scene, camera)
    near = scene.select(rows)
    alike = difference(scene, near, camera, sh_degree) < ASKED / 10
    rng = np.random.default_rng(seed)
    by_image = (rng.normal(0, 1, (*alike.shape, 3)) * alike[..., None]).astype(np.float32)
    by_alpha = (rng.normal(0, 1, alike.shape) * alike).astype(np.float32)
    found = gradients(scene, camera, by_image, by_alpha, sh_degree=sh_degree, background=BACKGROUND)

    leaves = tuple(t.requires_grad_() for t in reference.tensors(near, torch.float64))
    parts = reference.blend_tensors(leaves, camera, sh_degree, scene.antialiased)
    left = 1 - parts.weight.sum(0)
    image = parts.weight.T @ parts.rgb + left[:, None] * torch.tensor(BACKGROUND, dtype=torch.float64)
    loss = (image.reshape(by_image.shape) * torch.from_numpy(by_image)).sum() - (left * torch.from_numpy(by_alpha).flatten()).sum()
    loss.backward()

    out, others = {"pixels_left_out": float((~alike).sum()), "elsewhere": 0.0}, np.ones(len(scene), bool)
    others[rows] = False
    for name, leaf in zip(ARRAYS, leaves, strict=True):
        assert leaf.grad is not None
        wanted, own = leaf.grad.numpy(), getattr(found, name)
        out[name] = float(np.linalg.norm(own[rows] - wanted) / max(np.linalg.norm(wanted), 1e-30))
        out["elsewhere"] = max(out["elsewhere"], float(np.abs(own[others]).max(initial=0)))
    return out
