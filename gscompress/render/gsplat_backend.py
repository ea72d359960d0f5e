"""Images of a scene by gsplat on a CUDA device, under the rules of the compiled rasteriser.

torch and gsplat are imported when they are first used, so this module loads without either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..cameras import Camera
from ..errors import GSCompressError, InputError, MissingExtra
from ..scene import SH_COEFFICIENTS, Scene
from .raster import Rendered, checked_background, native_arguments

if TYPE_CHECKING:
    from torch import Tensor

NEAR = 0.01
"""Depth from which a Gaussian is seen, world units."""

SETTINGS = {"near_plane": NEAR, "far_plane": 1e10, "radius_clip": 0.0, "eps2d": 0.3, "render_mode": "RGB", "packed": False}
"""The rules in gsplat's words: the defaults of 1.5 but for `packed`, held against other versions."""

WIDEST = 4e9
"""Standard deviation in px from which the determinant of a covariance may be no float any more."""


def obstacle() -> GSCompressError | None:
    """What keeps gsplat from rendering here, as the error to raise; None where nothing does.

    torch is imported only where gsplat is installed too.
    """
    for package in ("torch", "gsplat"):
        if find_spec(package) is None:
            return MissingExtra(package, "train", "rendering with gsplat")
    try:
        if not import_module("torch").cuda.is_available():
            return InputError("backend: expected a CUDA device for 'gsplat', found none; 'cpu' needs none")
        kernels = getattr(import_module("gsplat.cuda._backend"), "_C", True)  # compiles them where they are not there yet
    except Exception as error:  # whatever a compiler or a driver comes up with
        return InputError(f"backend: 'gsplat' cannot be loaded ({type(error).__name__}: {error}); 'cpu' needs nothing of it")
    if kernels is None:
        return InputError("backend: gsplat found neither its kernels nor a CUDA compiler to make them; 'cpu' needs neither")
    return None


def rasterize(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor, viewmats: Tensor, Ks: Tensor, width: int,
    height: int, sh_degree: int | None, backgrounds: Tensor | None, rasterize_mode: Literal["classic", "antialiased"],
) -> tuple[Tensor, Tensor, dict[str, Any]]:  # fmt: skip
    """`gsplat.rasterization` as the compiled rasteriser would have it; arguments as for `rasterization`, on a CUDA device.

    Raises:
        MissingExtra: gsplat is not installed.
    """
    try:
        import gsplat  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtra("gsplat", "train", "rasterisation on a CUDA device") from error
    means, quats, scales, opacities, colors, viewmats, Ks = (
        t.float() for t in (means, quats, scales, opacities, colors, viewmats, Ks)
    )
    return gsplat.rasterization(
        *tamed(means, quats, scales, opacities, colors, viewmats, Ks), viewmats, Ks, width, height, sh_degree=sh_degree,
        backgrounds=None if backgrounds is None else backgrounds.float(), rasterize_mode=rasterize_mode, **SETTINGS,
    )  # fmt: skip


def tamed(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor, viewmats: Tensor, Ks: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The Gaussians, with those made invisible, and left without gradients, of which gsplat would make NaN in any of the views.

    Quaternions come back with a largest component of 1, since gsplat squares them in float32. What depends on a length of
    theirs is no derivative that is asked for, so it is taken as given.
    """
    rows = (means, quats, scales, opacities[:, None], colors.flatten(1))
    length = quats.detach().abs().amax(1)
    depth = means.detach() @ viewmats[:, 2, :3].T + viewmats[:, 2, 3]  # [N, C]
    spread = scales.detach().amax(1, keepdim=True) * Ks[:, [0, 1], [0, 1]].amax(1)
    lost = (length == 0) | (spread >= WIDEST * depth.clamp(min=NEAR)).any(1)
    for values in rows:
        lost |= ~values.detach().isfinite().all(1)
    quats = quats / length.masked_fill(lost, 1)[:, None]
    scales, opacities = scales.clamp(min=0), opacities.clamp(0, 1)
    if not lost.any():
        return means, quats, scales, opacities, colors
    column = lost[:, None]
    return (
        means.masked_fill(column, 0), quats.masked_fill(column, 1), scales.masked_fill(column, 1),
        opacities.masked_fill(lost, 0), colors.masked_fill(lost.view(-1, *[1] * (colors.dim() - 1)), 0),
    )  # fmt: skip


class GsplatScene:
    """A scene in the memory of the current CUDA device, to be seen from any number of cameras.

    Args:
        scene: any scene, also an empty one. Its `antialiased` chooses the mode.
        sh_degree: highest band of harmonics used; None for all that the scene has.

    Raises:
        InputError: no CUDA device, too little memory on it, or a degree that the scene lacks.
        MissingExtra: torch or gsplat is not installed.
    """

    def __init__(self, scene: Scene, sh_degree: int | None = None):
        problem = obstacle()
        if problem is not None:
            raise problem
        self.sh_degree = scene.sh_degree if sh_degree is None else sh_degree
        if not 0 <= self.sh_degree <= scene.sh_degree:
            raise InputError(f"sh_degree: expected 0 to {scene.sh_degree}, found {sh_degree}")
        self._scene = scene
        arrays = (scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh[:, : SH_COEFFICIENTS[self.sh_degree]])
        with _device():
            means, quats, log_scales, logits, sh = (_upload(a) for a in arrays)
            self._tensors = (means, quats, log_scales.exp(), logits.sigmoid(), sh)

    def render(self, camera: Camera, background: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Rendered:
        """As `render_view`.

        Raises:
            InputError: an unusable camera or background, or too little memory on the device.
        """
        view = native_arguments(self._scene, camera, self.sh_degree)
        behind = checked_background(background)
        if not len(self._scene):
            shape = (camera.height, camera.width)
            return Rendered(np.broadcast_to(behind, (*shape, 3)).copy(), np.zeros(shape, np.float32))
        k = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
        with _device():
            image, alpha, _ = rasterize(
                *self._tensors, _upload(view["world_to_camera"])[None], _upload(k)[None], camera.width, camera.height,
                self.sh_degree, _upload(behind)[None], "antialiased" if self._scene.antialiased else "classic",
            )  # fmt: skip
            return Rendered(image[0].cpu().numpy(), alpha[0, ..., 0].cpu().numpy())


def _upload(array: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array, np.float32)).cuda()


@contextmanager
def _device() -> Iterator[None]:
    """Without gradients, and with the device's lack of memory as an error that the user can mend."""
    import torch

    try:
        with torch.no_grad():
            yield
    except torch.cuda.OutOfMemoryError as error:
        raise InputError("backend: the CUDA device has too little memory for 'gsplat'; 'cpu' needs none of it") from error
