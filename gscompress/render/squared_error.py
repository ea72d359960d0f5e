"""The squared error of one view, differentiable in torch: what training on the CPU spends its time on."""

from __future__ import annotations

import numpy as np

from ..cameras import Camera
from ..errors import MissingExtra
from ..scene import Scene
from .gradients import squared_error as error_of_view

try:
    import torch
except ImportError as error:
    raise MissingExtra("torch", "train", "differentiable rasterisation") from error
from torch import Tensor
from torch.autograd.function import once_differentiable


def squared_error(
    means: Tensor, quats: Tensor, log_scales: Tensor, opacity_logits: Tensor, sh_constant: Tensor, sh_rest: Tensor,
    camera: Camera, wanted: Tensor, antialiased: bool, background: Tensor,
) -> Tensor:  # fmt: skip
    """The sum of squared differences between the image and `wanted`, by the compiled rasteriser.

    Derivatives come with it, so this costs the same whether they are asked for or not.

    Args:
        means, quats, log_scales, opacity_logits: float32 [N, 3], [N, 4] wxyz of any length, [N, 3], [N], on the CPU.
        sh_constant, sh_rest: float32 [N, 1, 3], [N, K - 1, 3].
        camera: the view.
        wanted: float32 [H, W, 3]. No gradient.
        antialiased: whether opacity makes up for the dilation by 0.3 px.
        background: float32 [3], behind everything. No gradient.

    Raises:
        InputError: shapes that do not fit together.
    """
    parts = (means, quats, log_scales, opacity_logits, sh_constant, sh_rest)
    return _SquaredError.apply(*parts, camera, wanted, antialiased, background)  # pyright: ignore[reportReturnType]


class _SquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx, means, quats, log_scales, opacity_logits, sh_constant, sh_rest, camera, wanted, antialiased, background):
        sh = np.concatenate([sh_constant.detach().numpy(), sh_rest.detach().numpy()], axis=1)
        geometry = [t.detach().numpy() for t in (means, quats, log_scales, opacity_logits)]
        scene = Scene(*geometry, sh=sh, antialiased=antialiased)
        value, g = error_of_view(scene, camera, wanted.numpy(), background=tuple(background.tolist()))
        ctx.gradients = (g.means, g.quats, g.log_scales, g.opacity_logits, g.sh[:, :1], g.sh[:, 1:])
        return torch.tensor(value, dtype=torch.float32)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):
        factor = float(grads[0])
        return *(torch.from_numpy(g * np.float32(factor)) for g in ctx.gradients), None, None, None, None
