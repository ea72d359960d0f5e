"""Differentiable images in torch, with the names and meanings of `gsplat.rasterization` (https://docs.gsplat.studio).

On the CPU the compiled rasteriser runs, forward and backward; tensors on a CUDA device go to gsplat itself. Both form images
alike, so what is trained on one looks the same on the other.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .._native import core
from ..cameras import Camera
from ..errors import InputError, MissingExtra
from ..scene import SH_C0, SH_COEFFICIENTS, Scene
from .gradients import gradients
from .gsplat_backend import rasterize
from .raster import native_arguments, render_view, worker_count

try:
    import torch
except ImportError as error:
    raise MissingExtra("torch", "train", "differentiable rasterisation") from error
from torch import Tensor
from torch.autograd.function import once_differentiable

OPACITY_MARGIN = 1e-6
"""Opacities 0 and 1 become this and 1 less this, so that they have logits and gradients."""

SCALE_FLOOR = 1e-20
"""In place of scales that have no logarithm, world units."""


def rasterization(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    *,
    sh_degree: int | None = None,
    backgrounds: Tensor | None = None,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Images of N Gaussians from C cameras.

    Args:
        means: [N, 3], world units.
        quats: [N, 4], wxyz, of any length.
        scales: [N, 3], standard deviations; what is not positive counts as next to nothing.
        opacities: [N], 0 to 1.
        colors: [N, K, 3], harmonics, with `sh_degree`; else [N, 3], colours, of which the CPU cuts off what is below 0.
        viewmats: [C, 4, 4], world to camera, OpenCV axes. No gradients.
        Ks: [C, 3, 3], intrinsics in px. No gradients.
        width, height: px.
        sh_degree: highest band used.
        backgrounds: [C, 3]; None for black. No gradients.
        rasterize_mode: whether opacity makes up for the dilation by 0.3 px.

    Returns:
        Colours [C, H, W, 3], alphas [C, H, W, 1], and what gsplat's densification strategies ask for: `means2d` [C, N, 2],
        whose gradient is there after `backward`, `radii` int32 [C, N, 2], px, 0 where a Gaussian is not seen, `width`, `height`
        and `n_cameras`.

    Raises:
        InputError: shapes or values that do not fit together, or gradients asked for by a camera.
        MissingExtra: tensors on a CUDA device without gsplat.
    """
    if any(t is not None and t.requires_grad for t in (viewmats, Ks, backgrounds)):
        raise InputError("viewmats, Ks, backgrounds: expected tensors without gradients")
    views = len(viewmats)
    for name, t, shape in (("viewmats", viewmats, (4, 4)), ("Ks", Ks, (3, 3)), ("backgrounds", backgrounds, (3,))):
        if t is not None and (views == 0 or tuple(t.shape) != (views, *shape)):
            raise InputError(f"{name}: expected [C, {', '.join(map(str, shape))}] with C = {max(views, 1)}, found {tuple(t.shape)}")
    if means.is_cuda:
        return rasterize(
            means, quats, scales, opacities, colors, viewmats, Ks, width, height, sh_degree, backgrounds, rasterize_mode
        )
    count = len(means)
    if sh_degree is None:
        colors, sh_degree = ((colors - 0.5) / SH_C0)[:, None], 0
    if colors.shape[1:] not in [(k, 3) for k in SH_COEFFICIENTS.values()] or (sh_degree + 1) ** 2 > colors.shape[1]:
        raise InputError(f"colors: expected [N, 1|4|9|16, 3] that hold degree {sh_degree}, found {tuple(colors.shape)}")
    means, quats, scales, opacities, colors = (t.to(torch.float32) for t in (means, quats, scales, opacities, colors))
    within = opacities.clamp(0, 1) * (1 - 2 * OPACITY_MARGIN) + OPACITY_MARGIN
    parts = (means, quats, scales.clamp(min=SCALE_FLOOR).log(), torch.logit(within), colors)
    trained = any(p.requires_grad for p in parts)
    means2d = torch.zeros((views, count, 2), dtype=torch.float32, requires_grad=trained)
    radii = torch.zeros((views, count, 2), dtype=torch.int32)
    images, alphas = [], []
    for view in range(views):
        camera = _camera(viewmats[view], Ks[view], width, height)
        behind = (0.0, 0.0, 0.0) if backgrounds is None else tuple(backgrounds[view].tolist())
        image, alpha = _View.apply(  # pyright: ignore[reportGeneralTypeIssues]
            *parts, means2d[view], camera, sh_degree, behind, rasterize_mode == "antialiased", means2d.detach()[view], radii[view]
        )
        images.append(image)
        alphas.append(alpha)
    meta = {"means2d": means2d, "radii": radii, "width": width, "height": height, "n_cameras": views}
    return torch.stack(images), torch.stack(alphas)[..., None], meta


class _View(torch.autograd.Function):
    """One image; `means2d` has no influence on it and takes the gradient by the centres."""

    @staticmethod
    def forward(ctx, means, quats, log_scales, logits, sh, means2d, camera, sh_degree, background, antialiased, centres, radii):
        scene = Scene(*(t.detach().numpy() for t in (means, quats, log_scales, logits, sh)), antialiased=antialiased)
        ctx.save_for_backward(means, quats, log_scales, logits, sh)  # so that torch notices what changes them in between
        ctx.view = (camera, sh_degree, background, antialiased)
        try:
            core().project(
                **native_arguments(scene, camera, sh_degree), centres=centres.numpy(), radii=radii.numpy(), threads=worker_count(None)
            )
        except ValueError as error:
            raise InputError(f"rasterization: {error}") from error
        made = render_view(scene, camera, sh_degree=sh_degree, background=background)
        return torch.from_numpy(made.image), torch.from_numpy(made.alpha)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):
        camera, sh_degree, background, antialiased = ctx.view
        scene = Scene(*(t.detach().numpy() for t in ctx.saved_tensors), antialiased=antialiased)
        by_image, by_alpha = (g.numpy() for g in grads)
        g = gradients(scene, camera, by_image, by_alpha, sh_degree=sh_degree, background=background)
        arrays = (g.means, g.quats, g.log_scales, g.opacity_logits, g.sh, g.means2d)
        return *(torch.from_numpy(a) for a in arrays), None, None, None, None, None, None


def _camera(viewmat: Tensor, K: Tensor, width: int, height: int) -> Camera:
    k = K.detach().double().numpy()
    if np.abs(k[[0, 1, 2, 2], [1, 0, 0, 1]]).max() > 0 or k[2, 2] != 1:
        raise InputError(f"Ks: expected rows (fx, 0, cx), (0, fy, cy), (0, 0, 1), found {k.tolist()}")
    return Camera(viewmat.detach().double().numpy(), k[0, 0], k[1, 1], k[0, 2], k[1, 2], width, height)
