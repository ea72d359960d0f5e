"""The rasteriser once more, in plain torch: what the compiled core is tested against.

Every Gaussian meets every pixel, in tensors of [G, P] (G visible Gaussians by depth, P pixels), so memory limits it to
small images. Everything but the culling is differentiable. The formulas are those of EWA splatting (Zwicker et al. 2001;
Kerbl et al. 2023, https://arxiv.org/abs/2308.04079) with gsplat's constants (https://arxiv.org/abs/2409.06765).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..cameras import Camera
from ..errors import MissingExtra
from ..scene import Scene
from .contributions import Contributions, from_columns
from .raster import Rendered

try:
    import torch
except ImportError as error:
    raise MissingExtra("torch", "train", "the reference rasteriser") from error

if TYPE_CHECKING:
    from torch import Tensor

NEAR, FAR = 0.01, 1e10
DILATION = 0.3
MIN_ALPHA, MAX_ALPHA = 1 / 255, 0.999
MIN_TRANSMITTANCE = 1e-4


@dataclass
class Blend:
    """One view, Gaussian by Gaussian; G visible ones sorted by depth, P = height * width pixels.

    Attributes:
        index: int64 [G], rows of the scene.
        depth: [G], z in the camera's frame.
        rgb: [G, 3], colour.
        alpha: [G, P], 0 where a Gaussian leaves a pixel alone.
        weight: [G, P], alpha * transmittance, 0 from where the pixel ends.
    """

    index: Tensor
    depth: Tensor
    rgb: Tensor
    alpha: Tensor
    weight: Tensor


def render(
    scene: Scene,
    camera: Camera,
    *,
    sh_degree: int | None = None,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    dtype: torch.dtype = torch.float64,
) -> Rendered:
    """As `gscompress.render.render_view`, in `dtype`; the result is rounded to float32."""
    parts = blend(scene, camera, scene.sh_degree if sh_degree is None else sh_degree, dtype)
    transmittance = 1 - parts.weight.sum(0)
    image = parts.weight.T @ parts.rgb + transmittance[:, None] * torch.tensor(background, dtype=dtype)
    shape = (camera.height, camera.width)
    return Rendered(
        image.reshape(*shape, 3).numpy().astype(np.float32), (1 - transmittance).reshape(shape).numpy().astype(np.float32)
    )


def contributions(scene: Scene, cameras: Sequence[Camera], dtype: torch.dtype = torch.float64) -> Contributions:
    """As `gscompress.render.contributions`, in `dtype`."""
    columns = np.zeros((len(scene), 6))
    for camera in cameras:
        parts = blend(scene, camera, scene.sh_degree, dtype)
        own = parts.weight[:, :, None] * parts.rgb[:, None, :]  # [G, P, 3]
        behind = own.sum(0) - own.cumsum(0)
        odds = (parts.alpha / (1 - parts.alpha))[:, :, None]
        used = parts.weight > 0
        energy = (((own - odds * behind) ** 2).sum(2) * used).sum(1)
        rows = parts.index.numpy()
        columns[rows, 0] += parts.weight.sum(1).numpy()
        columns[rows, 1] += (parts.weight**2).sum(1).numpy()
        columns[rows, 2] = np.maximum(columns[rows, 2], parts.weight.amax(1).numpy())
        columns[rows, 3] += energy.numpy()
        columns[rows, 4] += (energy * parts.depth**2 / (camera.fx * camera.fy)).numpy()
        columns[rows, 5] += used.sum(1).numpy()
    return from_columns(columns, sum(c.width * c.height for c in cameras), len(cameras), [])


def blend(scene: Scene, camera: Camera, sh_degree: int, dtype: torch.dtype) -> Blend:
    """Alphas and weights of all visible Gaussians in all pixels."""
    return blend_tensors(tensors(scene, dtype), camera, sh_degree, scene.antialiased)


def tensors(scene: Scene, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """means, quats, log_scales, opacity_logits and sh of a scene."""
    return tuple(
        torch.from_numpy(a).to(dtype) for a in (scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh)
    )


def blend_tensors(scene: tuple[Tensor, ...], camera: Camera, sh_degree: int, antialiased: bool) -> Blend:
    """As `blend`, of `tensors`, which may ask for gradients."""
    means, quats, log_scales, logits, sh = scene
    dtype = means.dtype
    matrix = torch.as_tensor(camera.world_to_camera, dtype=dtype)
    rotation, translation = matrix[:3, :3], matrix[:3, 3]
    local = means @ rotation.T + translation
    mean2d, sharp = project(local, rotation, quats, log_scales, camera)
    cov = sharp + DILATION * torch.eye(2, dtype=dtype)
    det = torch.linalg.det(cov)
    opacity = torch.sigmoid(logits)
    if antialiased:
        opacity = opacity * (torch.linalg.det(sharp).clamp(min=0) / det).sqrt()
    rgb = (harmonics(means - torch.as_tensor(camera.position, dtype=dtype), sh, sh_degree) + 0.5).clamp(min=0)

    depth = local[:, 2]
    ok = (depth >= NEAR) & (depth <= FAR) & (opacity >= MIN_ALPHA) & (det > 0)
    for values in (mean2d, rgb, cov.flatten(1)):
        ok &= values.isfinite().all(1)
    index = ok.nonzero()[:, 0]
    index = index[depth[index].to(torch.float32).argsort(stable=True)]  # the order of the stored precision

    y, x = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
    pixels = torch.stack([x.flatten(), y.flatten()], 1).to(dtype) + 0.5
    offset = pixels[None] - mean2d[index, None]  # [G, P, 2]
    sigma = 0.5 * (offset * (offset @ torch.linalg.inv(cov[index]))).sum(2)
    alpha = (opacity[index, None] * torch.exp(-sigma)).clamp(max=MAX_ALPHA)
    alpha = torch.where(alpha >= MIN_ALPHA, alpha, 0)
    after = (1 - alpha).cumprod(0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    weight = torch.where(after > MIN_TRANSMITTANCE, alpha * before, 0)
    return Blend(index, depth[index], rgb[index], alpha, weight)


def project(
    local: Tensor, rotation: Tensor, quats: Tensor, log_scales: Tensor, camera: Camera
) -> tuple[Tensor, Tensor]:
    """Centres [N, 2] in px and covariances [N, 2, 2] in px², not dilated, of Gaussians at `local` [N, 3].

    The Jacobian's point is kept within the frame plus 0.3 half fields of view, as in gsplat.
    """
    x, y, z = local.unbind(1)
    low = (-camera.cx / camera.fx, -camera.cy / camera.fy)
    high = ((camera.width - camera.cx) / camera.fx, (camera.height - camera.cy) / camera.fy)
    margin = (0.15 * camera.width / camera.fx, 0.15 * camera.height / camera.fy)
    at_x = (x / z).clamp(low[0] - margin[0], high[0] + margin[0])
    at_y = (y / z).clamp(low[1] - margin[1], high[1] + margin[1])
    zero = torch.zeros_like(z)
    jacobian = torch.stack(
        [
            torch.stack([camera.fx / z, zero, -camera.fx * at_x / z], 1),
            torch.stack([zero, camera.fy / z, -camera.fy * at_y / z], 1),
        ],
        1,
    )
    root = jacobian @ rotation @ rotation_matrices(quats) * log_scales.exp()[:, None]
    centres = torch.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], 1)
    return centres, root @ root.transpose(1, 2)


def rotation_matrices(quats: Tensor) -> Tensor:
    """[N, 3, 3] of quaternions [N, 4] wxyz of any length."""
    w, x, y, z = (quats / quats.norm(dim=1, keepdim=True)).unbind(1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, 1).reshape(-1, 3, 3)


def harmonics(directions: Tensor, sh: Tensor, degree: int) -> Tensor:
    """[N, 3]: the real harmonics of 3DGS up to `degree`, at `directions` [N, 3] of any length, times `sh` [N, K, 3].

    The constants are the usual ones of real spherical harmonics with the Condon-Shortley phase,
    https://en.wikipedia.org/wiki/Table_of_spherical_harmonics#Real_spherical_harmonics
    """
    x, y, z = torch.nn.functional.normalize(directions, dim=1).unbind(1)
    pi = np.pi
    bands = [
        [0.5 * (1 / pi) ** 0.5 * torch.ones_like(x)],
        [-((3 / (4 * pi)) ** 0.5) * y, (3 / (4 * pi)) ** 0.5 * z, -((3 / (4 * pi)) ** 0.5) * x],
        [
            0.5 * (15 / pi) ** 0.5 * x * y,
            -0.5 * (15 / pi) ** 0.5 * y * z,
            0.25 * (5 / pi) ** 0.5 * (3 * z * z - 1),
            -0.5 * (15 / pi) ** 0.5 * x * z,
            0.25 * (15 / pi) ** 0.5 * (x * x - y * y),
        ],
        [
            -0.25 * (35 / (2 * pi)) ** 0.5 * y * (3 * x * x - y * y),
            0.5 * (105 / pi) ** 0.5 * x * y * z,
            -0.25 * (21 / (2 * pi)) ** 0.5 * y * (5 * z * z - 1),
            0.25 * (7 / pi) ** 0.5 * z * (5 * z * z - 3),
            -0.25 * (21 / (2 * pi)) ** 0.5 * x * (5 * z * z - 1),
            0.25 * (105 / pi) ** 0.5 * z * (x * x - y * y),
            -0.25 * (35 / (2 * pi)) ** 0.5 * x * (x * x - 3 * y * y),
        ],
    ]
    basis = torch.stack([term for band in bands[: degree + 1] for term in band], 1)
    return torch.einsum("nk,nkc->nc", basis, sh[:, : basis.shape[1]])
