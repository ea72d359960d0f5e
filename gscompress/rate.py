"""Which slope: from a quality, to a size, or to a PSNR."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .config import CompressOptions
from .encoder import Encoded, Encoder
from .errors import InputError

PSNR_AT_ZERO, PSNR_PER_QUALITY = 30.0, 0.3
"""Quality q aims at 30 + 0.3 q dB: 45 dB, where no difference is seen, at 50."""
SIZE_SLACK, PSNR_SLACK = 0.01, 0.3
ABOUT_BYTES = 160
"""Room for the encoder's note and its table entry."""
TRIES = 12


def search(encoder: Encoder, options: CompressOptions, progress: Callable[[float], None]) -> Encoded:
    """The file that `options` ask for, with its PSNR where views were fitted to.

    Raises:
        InputError: the target can not be reached.
    """
    iterations = encoder.iterations
    if options.target_size is not None:
        return _to_size(encoder, options.target_size, iterations, progress)
    if options.target_psnr is not None:
        return _to_psnr(encoder, options.target_psnr, iterations, progress)
    assert options.quality is not None
    slope = encoder.slope(PSNR_AT_ZERO + PSNR_PER_QUALITY * options.quality)
    file = encoder.encode(slope, iterations, progress)
    return encoder.judge(file) if iterations else file


def size_of(file: Encoded) -> int:
    """Bytes of the packed file, note included, at most."""
    return len(file.pack({})) + ABOUT_BYTES


def _to_size(encoder: Encoder, target: int, iterations: int, progress: Callable[[float], None]) -> Encoded:
    """The largest file that is no larger than `target`, by bisection of log lambda on files without colour fit."""

    def tried(octaves: float, steps: int) -> Encoded:
        return encoder.encode(float(np.exp2(octaves)), steps, lambda share: None)

    octaves = float(np.log2(encoder.slope(42.0)))
    steps = 0
    below: tuple[float, Encoded] | None = None
    above: float | None = None
    for attempt in range(2 * TRIES):
        file = tried(octaves, steps)
        size = size_of(file)
        progress(min(0.9, (attempt + 1) / TRIES))
        if size <= target and size > (1 - SIZE_SLACK) * target:
            if steps == iterations:
                return encoder.judge(file) if iterations else file
            steps, below, above = iterations, None, None  # the fit moves the size a little: settle it with the fit on
            octaves += float(np.log2(size / (target * (1 - SIZE_SLACK / 2)))) * 2.2
            continue
        guess = octaves + 2.2 * float(np.log2(size / (target * (1 - SIZE_SLACK / 2))))
        if size <= target:
            below = (octaves, file)
        else:
            above = octaves
        if below is not None and above is not None:
            guess = (below[0] + above) / 2 if not above < guess < below[0] or attempt % 3 == 2 else guess
            if below[0] - above < 1e-6:
                break
        if not -120 < guess < 60:
            break
        octaves = guess
    if below is None:
        raise InputError(f"target_size: expected {size_of(tried(60.0, 0))} bytes or more for this scene, found {target}")
    file = below[1] if steps == iterations else tried(below[0], iterations)
    return encoder.judge(file) if iterations else file


def _to_psnr(encoder: Encoder, target: float, iterations: int, progress: Callable[[float], None]) -> Encoded:
    """The smallest file found whose PSNR is no less than `target`."""
    octaves = float(np.log2(encoder.slope(target)))
    best: Encoded | None = None
    tried: list[tuple[float, float]] = []
    for attempt in range(TRIES):
        file = encoder.judge(encoder.encode(float(np.exp2(octaves)), iterations, lambda share: None))
        progress(min(0.95, (attempt + 1) / 5))
        assert file.psnr is not None
        over = file.psnr - target
        if over >= 0 and (best is None or size_of(file) < size_of(best)):
            best = file
        if 0 <= over <= PSNR_SLACK:
            break
        tried.append((octaves, over - PSNR_SLACK / 3))
        octaves = _next(tried)
        if not -100 < octaves < 60:
            break
    if best is None:
        reached = max(over + target for _, over in tried) + PSNR_SLACK / 3
        raise InputError(f"target_psnr: expected at most {reached:.1f} dB, the best this scene reached, found {target:g}")
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
    return octaves + over / 2.0
