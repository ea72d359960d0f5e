"""Images of a scene from many views, on a GPU or without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from ..cameras import Camera
from ..errors import InputError
from ..scene import Scene
from .gsplat_backend import GsplatScene, obstacle
from .raster import Rendered, render_view

Backend = Literal["auto", "gsplat", "cpu"]
BACKENDS: tuple[Backend, ...] = ("auto", "gsplat", "cpu")


def render(
    scene: Scene,
    cameras: Sequence[Camera],
    *,
    backend: Backend = "auto",
    sh_degree: int | None = None,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Rendered]:
    """Renders `scene` from every camera.

    Gaussians with a zero quaternion, or with values of which no finite image can be made, are left out. The scene's own `antialiased` decides
    whether opacity makes up for the dilation by 0.3 px.

    Args:
        scene: any scene, also an empty one.
        cameras: the views, of any sizes.
        backend: "gsplat" needs a CUDA device, torch and gsplat; "cpu" is the compiled rasteriser; "auto" is the first where
            it can be had, else the second. Their images differ by rounding: 50 dB of PSNR and more.
        sh_degree: highest band of harmonics used; None for all that the scene has.
        background: colour behind everything.
        threads: worker threads of "cpu", None for the default; its images are the same bits for any number.
        progress: called with (views done, views) after every view.

    Returns:
        As many images as cameras, in their order. All are in memory at once: see `render_each` for very many.

    Raises:
        InputError: an unusable argument, or "gsplat" without a CUDA device.
        MissingExtra: "gsplat" without torch or gsplat.
    """
    views = checked_cameras(cameras)
    images: list[Rendered] = []
    for done, image in enumerate(
        render_each(scene, views, backend=backend, sh_degree=sh_degree, background=background, threads=threads), start=1
    ):
        images.append(image)
        if progress is not None:
            progress(done, len(views))
    return images


def render_each(
    scene: Scene,
    cameras: Sequence[Camera],
    *,
    backend: Backend = "auto",
    sh_degree: int | None = None,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    threads: int | None = None,
) -> Iterator[Rendered]:
    """As `render`, one image after the other, each made when it is asked for."""
    views = checked_cameras(cameras)
    if resolve(backend) == "gsplat":
        on_device = GsplatScene(scene, sh_degree)
        return (on_device.render(camera, background) for camera in views)
    return (render_view(scene, camera, sh_degree=sh_degree, background=background, threads=threads) for camera in views)


def resolve(backend: Backend) -> Literal["gsplat", "cpu"]:
    """The backend that "auto" stands for here, and any other as it is.

    Raises:
        InputError: there is no such backend.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend: expected {', '.join(BACKENDS)}, found {backend!r}")
    if backend != "auto":
        return backend
    return "cpu" if obstacle() else "gsplat"


def checked_cameras(cameras: Sequence[Camera]) -> list[Camera]:
    """The cameras as a list.

    Raises:
        InputError: one camera that is in no list, or something else.
    """
    if isinstance(cameras, Camera):
        raise InputError("cameras: expected a sequence, found one camera: put it in a list")
    views = list(cameras)
    for view in views:
        if not isinstance(view, Camera):
            raise InputError(f"cameras: expected a sequence of Camera, found {type(view).__name__} in it")
    return views
