"""A scene, its test views and its renders, loaded once for all cells that a process works on in a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...cameras import Camera
from ...errors import GSCompressError, InputError
from ...io import read
from ...io.camera_files import read_cameras
from ...render import synthesise
from ...render.frames import frame_fit, frame_notes
from ...render.images import Backend, resolve
from ...scene import Scene
from ...train.photographs import BLACK, Color, Photographs, load_photographs
from ..compare import DEFAULT_VIEWS
from ..metrics import mean_psnr
from ..scores import Scorer
from .datasets import SceneData, photographs_of
from .protocols import Protocol
from .renders import Renders

LARGEST_SIDE = 1600
"""px, of photographs, where nothing says how many times smaller they should be: the field's rule."""
WRONG_FRAME, DOUBTFUL_FRAME = 12.0, 20.0
"""dB against photographs: a scene below the first is taken to be in another frame, and below the second if its cameras see little of it."""


@dataclass(frozen=True)
class Settings:
    """What holds for every cell of a run; plain values, for any process.

    Attributes:
        protocol: how to measure.
        backend: of the renderer.
        lpips_weights: a folder, None for where they usually are.
        keep_files: keep what codecs write, in `files`.
        tool_timeout: seconds, of another program that a codec runs.
    """

    protocol: Protocol
    backend: Backend = "auto"
    lpips_weights: str | None = None
    keep_files: bool = False
    tool_timeout: float = math.inf


@dataclass(frozen=True, eq=False)
class View:
    """A test view: its camera, and its photograph, uint8 [H, W, 3]; None without photographs."""

    camera: Camera
    photograph: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Context:
    """A scene ready for its cells.

    Attributes:
        data: where it comes from.
        path, scene: the source.
        cameras: what an encoder may look through, those of training; empty without any.
        views: the test views.
        background: behind everything.
        renderer: the backend that "auto" stands for here.
        source: the source's renders.
        scores: of the source's renders against the photographs, a dict a view; empty without photographs.
        scorer, float_scorer: what measures against photographs, by the protocol; and against renders, the same but for 8-bit rounding.
        notes: sentences on what could not be measured, or was made up.
    """

    data: SceneData
    path: Path
    scene: Scene
    cameras: Sequence[Camera]
    views: Sequence[View]
    background: Color
    renderer: Backend
    source: Renders
    scores: Sequence[dict[str, float]]
    scorer: Scorer
    float_scorer: Scorer
    notes: tuple[str, ...]

    def renders(self, scene: Scene) -> Renders:
        """Another scene's, from the same views."""
        return Renders(scene, [v.camera for v in self.views], self.renderer, self.background)


def load_context(data: SceneData, model: Path, settings: Settings) -> Context:
    """Reads, renders and measures the source; once, for all calls in a row with the same arguments, and so does what is wrong with it.

    Raises:
        InputError: there are no test views, or the scene is in another frame than its photographs.
        Others: as reading scenes, cameras and photographs does.
    """
    found = _load_once(data, model, settings)
    if isinstance(found, Context):
        return found
    raise found.with_traceback(None)


@lru_cache(maxsize=1)
def _load_once(data: SceneData, model: Path, settings: Settings) -> Context | GSCompressError:
    try:
        return _load(data, model, settings)
    except GSCompressError as error:
        return error.with_traceback(None)  # which would hold the scene


def _load(data: SceneData, model: Path, settings: Settings) -> Context:
    loaded = read(model)
    if not len(loaded.scene):
        raise InputError(f"{model}: expected finite Gaussians, found none" + "".join(f"; {note}" for note in loaded.notes))
    notes = list(loaded.notes)
    cameras, views, background, told = _views(data, loaded.scene, settings.protocol)
    renderer = resolve(settings.backend)
    device = "cuda" if renderer == "gsplat" else "cpu"
    scorer, unmeasured = settings.protocol.scorer(settings.lpips_weights, device)
    float_scorer, _ = replace(settings.protocol, eight_bit=False).scorer(settings.lpips_weights, device)
    source = Renders(loaded.scene, [v.camera for v in views], renderer, background, keep=True)
    scores = [] if views[0].photograph is None else [scorer(image, as_float(v.photograph)) for image, v in zip(source, views, strict=True)]
    if scores and data.model is not None:  # one that was trained here is in their frame, however bad it is
        _check_frame(loaded.scene, cameras, mean_psnr([s["psnr"] for s in scores]))
    return Context(
        data, model, loaded.scene, cameras, views, background, renderer, source, scores, scorer, float_scorer,
        (*notes, *told, *unmeasured),
    )  # fmt: skip


@lru_cache(maxsize=1)
def load_training(data: SceneData, protocol: Protocol) -> Photographs | None:
    """The photographs of training, and no others; None without."""
    return _photographs(data, protocol, "train")


def forget() -> None:
    """Drops what this process has read."""
    _load_once.cache_clear()
    load_training.cache_clear()


def as_float(photograph: np.ndarray | None) -> np.ndarray:
    """float32 [H, W, 3], 0 to 1."""
    assert photograph is not None
    return photograph.astype(np.float32) / np.float32(255)


def _photographs(data: SceneData, protocol: Protocol, part: str) -> Photographs | None:
    if data.photographs is None:
        return None
    return protocol.prepared(
        load_photographs(
            data.photographs, images=data.images, downscale=data.downscale, largest_side=LARGEST_SIDE, test_every=protocol.test_every,
            resample=data.resample, parts=(part,),
        )
    )  # fmt: skip


def _views(data: SceneData, scene: Scene, protocol: Protocol) -> tuple[Sequence[Camera], list[View], Color, list[str]]:
    """Cameras for encoders, test views, the background, and notes."""
    photographs = _photographs(data, protocol, "test")
    if photographs is not None:
        first = photographs.test[0].camera
        side = max(first.width, first.height)  # an encoder sees no more than is measured
        learnt = [s.camera.within(side) for s in photographs_of(data, protocol.test_every) if not s.test]
        return learnt, [View(p.camera, p.image) for p in photographs.test], photographs.background, []
    if data.cameras is None:
        made = synthesise(scene, DEFAULT_VIEWS)
        return (), [View(c, None) for c in made], BLACK, [f"no photographs and no cameras: {len(made)} views were made up"]
    cameras = sorted(read_cameras(data.cameras, ignore_distortion=True), key=lambda c: c.name)
    test = [View(c, None) for c in cameras[:: protocol.test_every]]
    return [c for i, c in enumerate(cameras) if i % protocol.test_every], test, BLACK, [f"no photographs: views of {data.cameras.name}"]


def _check_frame(scene: Scene, cameras: Sequence[Camera], found: float) -> None:
    """Raises InputError where the scene cannot be what the photographs show."""
    fit = frame_fit(scene, cameras)
    if found >= DOUBTFUL_FRAME or (found >= WRONG_FRAME and (fit is None or fit.plausible)):
        return
    why = frame_notes(scene, cameras)
    raise InputError(
        f"model: expected the scene of the photographs, in their frame, found renders at {found:.1f} dB of them"
        + (f"; {why[0]}" if why else ". Was it moved, turned or scaled, as gsplat's and nerfstudio's trainers do?")
    )
