"""The whole pipeline: scene to bytes and back.

    Scene ─ measure ─► weights ─ slope ─► kept splats, classes ─► coder ─► chunks ─► bytes
                                   ▲          │ decode, refit colours to the renders, code again
                                   └── rate control (quality | target size | target PSNR)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import errors
from ._native import core, sound, threads
from .bitstream import container
from .bitstream.sequence_container import SEQUENCE_VERSION, is_sequence
from .cameras import Camera
from .config import CompressOptions, RefineOptions
from .draft import Encoded
from .encoder import Encoder, check_scene, plan
from .rate import search
from .scene import Scene
from .version import VERSION

REFINED_IN = 1000
"""Iterations of the training that effort "max" adds."""
REFINED_BELOW = 42.0
"""dB: so little training does not beat a closed form that is better than this."""
REFINED_ON_CPU = 300_000
"""Splats at most, where there is no GPU: more would take the better part of an hour."""


@dataclass(frozen=True)
class Compressed:
    """What `compress_scene` made.

    Attributes:
        data: the file.
        splats_in, splats_out: Gaussians of the input and of the file.
        sh_degree: of the file.
        quality: the setting, None where a target took its place.
        psnr_estimate: dB, mean over views of the file's renders against the input's; None with effort "fast", which does not look.
    """

    data: bytes
    splats_in: int
    splats_out: int
    sh_degree: int
    quality: float | None
    psnr_estimate: float | None


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded file: `chunks` of its `chunks_total` chunks were there."""

    scene: Scene
    chunks: int
    chunks_total: int


@dataclass(frozen=True)
class SectionInfo:
    """One section of a file; `bits_per_splat` of the splats in the file, `share` of its bytes."""

    kind: str
    block: int
    layer: int
    splats: int
    size_bytes: int
    present: bool
    bits_per_splat: float
    share: float


@dataclass(frozen=True)
class Description:
    """What a file says of itself without being decoded; `anchors` that are there, None in a file without."""

    version: int
    splats: int
    sh_degree: int
    antialiased: bool
    size_bytes: int
    blocks: int
    layers: int
    complete: bool
    about: dict
    sections: tuple[SectionInfo, ...]
    anchors: int | None = None


def compress(
    scene: Scene,
    options: CompressOptions = CompressOptions(),  # noqa: B008 - frozen
    cameras: Sequence[Camera] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> bytes:
    """`compress_scene(...).data`: the file's bytes."""
    return compress_scene(scene, options, cameras, progress).data


def compress_scene(
    scene: Scene,
    options: CompressOptions = CompressOptions(),  # noqa: B008 - frozen
    cameras: Sequence[Camera] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Compressed:
    """Compresses a trained scene; no photographs, no GPU.

    Args:
        scene: finite values only (`gscompress.io.read` drops other rows and counts them).
        options: what to aim at.
        cameras: views that matter most, for example those of training; None to synthesise all.
        progress: called with a stage's name and the share of the whole that is done.

    Raises:
        InputError: the scene holds values that the format can not, or a target can not be reached.
    """
    check_scene(scene)
    tell = progress or (lambda stage, share: None)
    if len(scene) == 0:
        return Compressed(Encoded.empty(scene).pack({}), 0, 0, scene.sh_degree, options.quality, None)
    encoder = Encoder.open(scene, plan(options.effort, len(scene)), cameras, lambda share: tell("measuring", 0.35 * share))
    aimed = options.target_size is None and options.target_psnr is None
    about: dict = {"encoder": f"gscompress {VERSION}", "splats_in": len(scene), "effort": options.effort}
    if aimed:
        about["quality"] = options.quality
    file = search(encoder, options, about, lambda share: tell("encoding", 0.35 + 0.65 * share))
    data = file.pack(about)
    measured = file.psnr if file.psnr is not None and np.isfinite(file.psnr) else None
    made = Compressed(data, len(scene), len(file.order), scene.sh_degree, options.quality if aimed else None, measured)
    if options.effort == "max":
        made = _refined(scene, made, options, cameras, tell)
    tell("done", 1.0)
    return made


def _refined(
    scene: Scene, made: Compressed, options: CompressOptions, cameras: Sequence[Camera] | None, tell: Callable[[str, float], None]
) -> Compressed:
    """`made`, or what a short training makes of it, if there is torch and that is better.

    Raises:
        KeyboardInterrupt: at once.
    """
    if made.psnr_estimate is None or made.psnr_estimate > REFINED_BELOW:
        return made
    try:
        from .train.devices import default_device
        from .train.refine import refine_scene

        if default_device() == "cpu" and len(scene) > REFINED_ON_CPU:
            return made
        if options.target_size is not None:
            aims = RefineOptions(target_size=options.target_size, iterations=REFINED_IN)
        else:
            aims = RefineOptions(target_psnr=options.target_psnr or made.psnr_estimate, iterations=REFINED_IN)
        found = refine_scene(scene, aims, cameras, finish=False, progress=lambda stage, state: tell(stage, state.share))
    except errors.GSCompressError:  # no torch, or training came to nothing: `made` is as good as without it
        return made
    better = found.psnr > made.psnr_estimate if options.target_size is not None else len(found.data) < len(made.data)
    return replace(made, data=found.data, splats_out=found.splats_out, psnr_estimate=found.psnr) if better else made


def decode(data: bytes, name: str = "<bytes>", partial: bool = False) -> Decoded:
    """The scene of a file, or of as many of its chunks as are there.

    Args:
        data: the file. One that ends where a chunk ends decodes to the whole scene at lower quality.
        name: the file's name, for errors.
        partial: also take a file that ends in the middle of a chunk.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported.
    """
    if is_sequence(data):
        raise errors.Unsupported(name, "header.version", f"{container.VERSION}, one scene", f"{SEQUENCE_VERSION}, a sequence of frames: gscompress.sequence reads it")
    out = core().decode(bytes(data), partial, container.MAX_SPLATS, threads())
    *arrays, antialiased, chunks, chunks_total = sound(out, name)
    return Decoded(Scene(*arrays, antialiased=antialiased), chunks, chunks_total)


def decompress(data: bytes, name: str = "<bytes>") -> Scene:
    """The scene of a file; see `decode`."""
    return decode(data, name).scene


def describe(data: bytes, name: str = "<bytes>") -> Description:
    """Header and sections of a file, cut or whole, without decoding its chunks.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported.
    """
    file = container.parse(data, name, partial=True)
    header = file.header
    about: dict = {}
    for section in file.sections:
        if section.kind == container.ABOUT and section.present:
            about = _about(section.payload, name)
    splats = max(header.splats, 1)
    total = container.FIXED_HEADER + len(file.sections) * container.ENTRY.size + sum(s.size for s in file.sections)
    infos = [SectionInfo("header", 0, 0, 0, total - sum(s.size for s in file.sections), True, 0.0, 0.0)]
    for s in file.sections:
        infos.append(SectionInfo(container.KINDS.get(s.kind, f"type {s.kind}"), s.block, s.layer, s.splats, s.size, s.present, 0.0, 0.0))
    infos = [
        SectionInfo(i.kind, i.block, i.layer, i.splats, i.size_bytes, i.present, 8 * i.size_bytes / splats, i.size_bytes / total)
        for i in infos
    ]
    return Description(
        container.VERSION, header.splats, header.sh_degree, header.antialiased, len(data), header.blocks,
        len(header.lowest_class), file.complete, about, tuple(infos), file.anchors,
    )  # fmt: skip


def _about(payload: bytes, name: str) -> dict:
    try:
        about = json.loads(payload)
    except ValueError as error:
        raise errors.Corrupt(name, "about", "JSON", str(error)) from error
    return about if isinstance(about, dict) else {}


__all__ = [
    "Compressed", "Decoded", "Description", "SectionInfo", "compress", "compress_scene", "decode", "decompress", "describe",
]  # fmt: skip
