"""Sequences of trained scenes, one a frame: to one file and back, any frame by itself.

    frames ─ groups ─► middle frame of each: a file by itself (key frame) ─► one file
                       the others: told by their key frame
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ._native import core, sound, threads
from .bitstream.container import MAX_SPLATS
from .bitstream.sequence_container import (
    MAX_FRAMES,
    MAX_RATE,
    FrameEntry,
    pack_sequence,
    parse_sequence,
)
from .cameras import Camera
from .codec import describe
from .config import CompressOptions
from .draft import Encoded
from .encoder import Encoder, check_scene, plan
from .errors import Corrupt, InputError
from .evaluate.metrics import mean_psnr
from .following import Reference
from .rate import PSNR_AT_ZERO, PSNR_PER_QUALITY
from .scene import Scene
from .version import VERSION


@dataclass(frozen=True)
class SequenceOptions:
    """What `compress_frames` aims at.

    Raises:
        InputError: a value out of range.
    """

    quality: float = field(default=50.0, metadata={"help": "1 (small) to 100 (faithful), of every frame"})
    effort: str = field(default="normal", metadata={"help": "fast: a few small renders; normal; max: more views and fitting"})
    keyframe_every: int = field(
        default=5, metadata={"help": "frames in a group: its middle one is a file by itself, the others are told by that one; 1: all by themselves"}
    )
    fps: Fraction = field(default=Fraction(30), metadata={"help": "frames a second, when played"})

    def __post_init__(self) -> None:
        CompressOptions(quality=self.quality, effort=self.effort)
        if not 1 <= self.keyframe_every <= MAX_FRAMES:
            raise InputError(f"keyframe_every: expected 1 to {MAX_FRAMES}, found {self.keyframe_every}")
        if not (self.fps > 0 and self.fps.numerator <= MAX_RATE and self.fps.denominator <= MAX_RATE):
            raise InputError(f"fps: expected more than 0, at most {MAX_RATE}, found {self.fps}")


@dataclass(frozen=True)
class CodedFrame:
    """What has become of one frame.

    Attributes:
        frame: its place in time, from 0.
        key: whether it is a file by itself.
        size_bytes: of its payload.
        splats_in, splats_out: Gaussians of the input and of the file.
        psnr_estimate: dB, mean over views of the file's renders against the input's; None with effort "fast", which does not look.
    """

    frame: int
    key: bool
    size_bytes: int
    splats_in: int
    splats_out: int
    psnr_estimate: float | None


@dataclass(frozen=True, eq=False)
class CompressedFrames:
    """A file, and its frames in the order of time."""

    data: bytes
    frames: tuple[CodedFrame, ...]

    @property
    def psnr_estimate(self) -> float | None:
        """dB, of the mean squared error over all frames."""
        known = [f.psnr_estimate for f in self.frames if f.psnr_estimate is not None]
        return mean_psnr(known) if known else None


def compress_frames(
    frames: Sequence[Callable[[], Scene]],
    options: SequenceOptions = SequenceOptions(),
    cameras: Sequence[Camera] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> CompressedFrames:
    """Compresses trained scenes, one a frame; counts may differ, and nothing need correspond.

    Args:
        frames: each gives its scene when called, once; in the order of time.
        options: what to aim at.
        cameras: views that matter most, the same for all frames; None to synthesise them.
        progress: called with a stage's name and the share of the whole that is done.

    Raises:
        InputError: no frames, or scenes that the format can not hold, or of different kinds.
    """
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise InputError(f"frames: expected 1 to {MAX_FRAMES}, found {len(frames)}")
    tell = progress or (lambda stage, share: None)
    entries: list[FrameEntry] = []
    coded: list[CodedFrame] = []
    kind: tuple | None = None
    for first in range(0, len(frames), options.keyframe_every):
        group = list(range(first, min(first + options.keyframe_every, len(frames))))
        key = group.pop(len(group) // 2)
        reference, key_entry = None, len(entries)
        for frame in (key, *group):
            share = _part(tell, f"frame {frame}", len(entries), len(frames))
            share(0.0)
            scene = frames[frame]()
            check_scene(scene)
            if kind not in (None, _kind(scene)):
                raise InputError(f"frame {frame}: expected (SH degree, antialiased) {kind} as in the frames before, found {_kind(scene)}")
            kind = _kind(scene)
            made = _key(scene, options, cameras, share) if reference is None else _following(scene, options, cameras, reference, share)
            reference = reference or made.reference
            entries.append(FrameEntry(frame, len(entries) if made.key else key_entry, made.splats, made.payload))
            coded.append(CodedFrame(frame, made.key, len(made.payload), len(scene), made.splats, made.psnr))
    tell("done", 1.0)
    data = pack_sequence((options.fps.numerator, options.fps.denominator), entries)
    return CompressedFrames(data, tuple(sorted(coded, key=lambda f: f.frame)))


@dataclass(frozen=True, eq=False)
class _Made:
    key: bool
    payload: bytes
    splats: int
    reference: Reference
    psnr: float | None


def _part(tell: Callable[[str, float], None], stage: str, done: int, of: int) -> Callable[[float], None]:
    """What is told of a frame, as a share of all."""
    return lambda share: tell(stage, (done + share) / of)


def _kind(scene: Scene) -> tuple[int, bool]:
    return scene.sh_degree, scene.antialiased


def _opened(scene: Scene, options: SequenceOptions, cameras: Sequence[Camera] | None, share: Callable[[float], None]) -> tuple[Encoder, float]:
    encoder = Encoder.open(scene, plan(options.effort, len(scene)), cameras, lambda done: share(0.35 * done))
    return encoder, encoder.slope(PSNR_AT_ZERO + PSNR_PER_QUALITY * options.quality)


def _key(scene: Scene, options: SequenceOptions, cameras: Sequence[Camera] | None, share: Callable[[float], None]) -> _Made:
    about = {"encoder": f"gscompress {VERSION}", "splats_in": len(scene), "effort": options.effort, "quality": options.quality}
    if not len(scene):
        file, psnr = Encoded.empty(scene), None
    else:
        encoder, slope = _opened(scene, options, cameras, share)
        file = encoder.encode(slope, encoder.iterations, lambda done: share(0.35 + 0.6 * done))
        psnr = encoder.psnr_of(file.decode()) if encoder.iterations else None
    return _Made(True, file.pack(about), len(file.order), Reference.of_key(file), psnr)


def _following(scene: Scene, options: SequenceOptions, cameras: Sequence[Camera] | None, reference: Reference, share: Callable[[float], None]) -> _Made:
    if not len(scene) or not len(reference.frame):  # nothing to measure, or nothing that tells anything
        return _key(scene, options, cameras, share)
    encoder, slope = _opened(scene, options, cameras, share)
    made = encoder.follow(reference, slope, encoder.iterations, lambda done: share(0.35 + 0.6 * done))
    psnr = encoder.psnr_of(made.reference.scene) if encoder.iterations else None
    return _Made(False, made.payload, len(made.reference.frame), made.reference, psnr)


class SequenceReader:
    """The frames of a file, in any order. A key frame is kept until another one is wanted.

    Args:
        data: the file; one that ends where a frame ends has the frames up to there.
        name: its name, for errors.
        partial: also take a file that ends in the middle of a frame.

    Raises:
        Truncated, Corrupt, Unsupported.
    """

    def __init__(self, data: bytes, name: str = "<bytes>", partial: bool = False) -> None:
        self._file = parse_sequence(data, name, partial)
        self._name = name
        self._entries = {e.frame: i for i, e in enumerate(self._file.entries)}
        self._kept: tuple[int, Any] = (-1, None)
        self.size_bytes = len(data)

    def __len__(self) -> int:
        """Frames of the whole file."""
        return self._file.frames

    @property
    def present(self) -> list[int]:
        """Those that are there, in the order of time."""
        return sorted(self._entries)

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        return Fraction(*self._file.rate)

    @property
    def seconds(self) -> float:
        """How long the file plays."""
        return float(len(self) / self.fps)

    @property
    def about(self) -> dict:
        """What the encoder said of itself in the first key frame."""
        return describe(self._file.entries[0].payload, self._name).about if self._file.entries else {}

    def coded(self) -> list[CodedFrame]:
        """The frames that are there, without decoding any; `splats_in` and `psnr_estimate` are not known."""
        entries = [(self._file.entries[i], i) for _, i in sorted(self._entries.items())]
        return [CodedFrame(e.frame, e.reference == i, len(e.payload), 0, e.splats, None) for e, i in entries]

    def at(self, seconds: float) -> int:
        """The frame shown at a time; before the first one and after the last one, these."""
        return int(np.clip(np.floor(seconds * float(self.fps) + 1e-9), 0, len(self) - 1))

    def scene(self, frame: int) -> Scene:
        """One frame.

        Raises:
            InputError: there is no such frame.
            Truncated, Corrupt, Unsupported.
        """
        if frame not in self._entries:
            raise InputError(f"{self._name}: frame: expected one of the {len(self._entries)} from 0 on that are there, found {frame}")
        *arrays, antialiased = self._state(self._entries[frame]).arrays(threads())
        return Scene(*arrays, antialiased=antialiased)

    def _state(self, index: int) -> Any:
        """The native core's `Frame` of an entry."""
        if self._kept[0] == index:
            return self._kept[1]
        chain = [index]
        while self._file.entries[chain[-1]].reference != chain[-1]:
            chain.append(self._file.entries[chain[-1]].reference)
            if chain[-1] == self._kept[0]:
                break
        state = None
        for i in reversed(chain):
            entry = self._file.entries[i]
            if i == self._kept[0]:
                state = self._kept[1]
                continue
            name = f"{self._name}, frame {entry.frame}"
            if state is None:
                made = core().key_frame(entry.payload, MAX_SPLATS, threads())
            else:
                made = core().following_frame(state, entry.payload, MAX_SPLATS, threads())
            state = sound(made, name) if isinstance(made, tuple) else made
            if len(state) != entry.splats:
                raise Corrupt(name, f"frame {i}.splats", str(len(state)), str(entry.splats))
            if entry.reference == i:
                self._kept = (i, state)
        return state


__all__ = ["CodedFrame", "CompressedFrames", "SequenceOptions", "SequenceReader", "compress_frames"]
