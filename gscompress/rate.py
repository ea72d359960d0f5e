"""Which slope: from a quality, to a size, or to a PSNR."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .config import CompressOptions
from .draft import Encoded
from .encoder import Encoder
from .errors import InputError

PSNR_AT_ZERO, PSNR_PER_QUALITY = 30.0, 0.3
"""Quality q aims at 30 + 0.3 q dB: 45 dB, where no difference is seen, at 50."""
SIZE_SLACK, PSNR_SLACK = 0.01, 0.3
TRIES = 12
OCTAVES_PER_SIZE_OCTAVE = 3.0
"""Of lambda, about: a file is half as large at eight times the slope."""


def search(encoder: Encoder, options: CompressOptions, about: dict, progress: Callable[[float], None]) -> Encoded:
    """The file that `options` ask for, with its PSNR where colours were fitted.

    Args:
        encoder: the measured scene.
        options: quality or target.
        about: the note that goes into the file; it counts towards its size.
        progress: called with the share done.

    Raises:
        InputError: the target can not be reached.
    """
    if options.target_size is not None:
        return _to_size(encoder, options.target_size, about, progress)
    if options.target_psnr is not None:
        return _to_psnr(encoder, options.target_psnr, about, progress)
    assert options.quality is not None
    slope = encoder.slope(PSNR_AT_ZERO + PSNR_PER_QUALITY * options.quality)
    return _judged(encoder, encoder.encode(slope, encoder.iterations, progress))


def _judged(encoder: Encoder, file: Encoded) -> Encoded:
    """`file` with its PSNR, if the effort includes renders of the result."""
    return encoder.judge(file) if encoder.iterations else file


def _to_size(encoder: Encoder, target: int, about: dict, progress: Callable[[float], None]) -> Encoded:
    """The largest file that is no larger than `target`: secant steps on log size over log lambda, kept in a bracket.

    First without the colour fit, which moves the size a little, then settled with it.
    """
    aim = np.log2(target * (1 - SIZE_SLACK / 2))
    octaves = float(np.log2(encoder.slope(42.0)))
    smallest = target
    for iterations in dict.fromkeys([0, encoder.iterations]):
        below: tuple[float, Encoded] | None = None
        low, high = -np.inf, np.inf  # octaves known to give too large, small enough a file
        size = 0
        for attempt in range(TRIES):
            file = encoder.encode(float(np.exp2(octaves)), iterations, lambda share: None)
            before, size = size, len(file.pack(about))
            smallest = min(smallest, size) if below or attempt else size
            progress(min(0.9, (attempt + 1) / TRIES))
            if size <= target:
                high, below = octaves, (octaves, file)
                if size > (1 - SIZE_SLACK) * target or size == before:  # as wished, or as large as it gets
                    break
            else:
                low = octaves
            octaves += OCTAVES_PER_SIZE_OCTAVE * (float(np.log2(size)) - aim)
            if not low < octaves < high:
                octaves = (max(low, high - 40) + min(high, low + 40)) / 2
        if below is None:
            raise InputError(f"target_size: expected {smallest} bytes or more for this scene, found {target}")
        octaves = below[0]
    return _judged(encoder, below[1])


def _to_psnr(encoder: Encoder, target: float, about: dict, progress: Callable[[float], None]) -> Encoded:
    """The smallest file found whose PSNR is no less than `target`."""
    octaves = float(np.log2(encoder.slope(target)))
    best: Encoded | None = None
    tried: list[tuple[float, float]] = []
    for attempt in range(TRIES):
        file = encoder.judge(encoder.encode(float(np.exp2(octaves)), encoder.iterations, lambda share: None))
        progress(min(0.95, (attempt + 1) / 5))
        assert file.psnr is not None
        over = file.psnr - target
        if over >= 0 and (best is None or len(file.pack(about)) < len(best.pack(about))):
            best = file
        if 0 <= over <= PSNR_SLACK:
            break
        tried.append((octaves, over - PSNR_SLACK / 3))
        octaves = _next(tried)
        if not -100 < octaves < 60:
            break
    if best is None:
        reached = max(over + target for _, over in tried) + PSNR_SLACK / 3
        raise InputError(f"target_psnr: expected at most {reached:.1f} dB, the best of {len(tried)} tries, found {target:g}")
    return best


def _next(tried: list[tuple[float, float]]) -> float:
    """Where the excess should vanish: between the nearest below and above if there are both, else by the usual slope."""
    low = [t for t in tried if t[1] < 0]
    high = [t for t in tried if t[1] >= 0]
    if low and high:
        (a, x), (b, y) = min(low), max(high)
        share = min(0.9, max(0.1, y / (y - x)))
        return b + (a - b) * share
    octaves, over = tried[-1]
    if len(tried) > 1 and tried[-2][0] != octaves:
        per_octave = (over - tried[-2][1]) / (octaves - tried[-2][0])
        if per_octave < -0.3:
            return octaves - float(np.clip(over / per_octave, -6, 6))
    return octaves + over / 2.0 * 1.5 ** (len(tried) - 1)  # where the curve is flat, farther and farther
