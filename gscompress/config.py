"""Options of the encoder. The same frozen dataclass serves the Python API and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import InputError

EFFORTS = ("fast", "normal", "max")
ANCHORS = ("never", "smaller", "always")
PSNR_RANGE = (10.0, 70.0)
"""Of targets, dB."""
MOST_MINUTES = 1e5
"""Of a training."""


@dataclass(frozen=True)
class CompressOptions:
    """What `compress` aims at. At most one of `target_size` and `target_psnr`; either takes the place of `quality`.

    Raises:
        InputError: a value out of range, or two targets.
    """

    quality: float | None = field(default=50.0, metadata={"help": "1 (small) to 100 (faithful); each step is 0.3 dB or so"})
    target_size: int | None = field(default=None, metadata={"help": "largest size of the file, for example 2.5MB"})
    target_psnr: float | None = field(default=None, metadata={"help": "PSNR in dB against the input's own renders"})
    effort: str = field(default="normal", metadata={"help": "fast: a few small renders; normal; max: more views and fitting, and below 42 dB, with torch, some training"})

    def __post_init__(self) -> None:
        if self.target_size is not None and self.target_psnr is not None:
            raise InputError("target_size, target_psnr: expected at most one, found both")
        if self.target_size is None and self.target_psnr is None and self.quality is None:
            raise InputError("quality: expected 1 to 100, found None and no target")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise InputError(f"quality: expected 1 to 100, found {self.quality:g}")
        if self.target_size is not None and self.target_size < 1:
            raise InputError(f"target_size: expected a positive number of bytes, found {self.target_size}")
        if self.target_psnr is not None and not PSNR_RANGE[0] <= self.target_psnr <= PSNR_RANGE[1]:
            raise InputError(f"target_psnr: expected 10 to 70 dB, found {self.target_psnr:g}")
        if self.effort not in EFFORTS:
            raise InputError(f"effort: expected {', '.join(EFFORTS)}, found {self.effort}")


@dataclass(frozen=True)
class RefineOptions:
    """What `refine` aims at. At most one of `target_size` and `target_psnr`; either takes the place of `lambda_`.

    Raises:
        InputError: a value out of range, or two targets.
    """

    lambda_: float = field(
        default=1e-5, metadata={"help": "price of a bit: minimises mean squared error + lambda * bits per input Gaussian"}
    )
    target_size: int | None = field(default=None, metadata={"help": "largest size of the file, for example 2.5MB"})
    target_psnr: float | None = field(default=None, metadata={"help": "PSNR in dB against the input's own renders"})
    iterations: int = field(default=2000, metadata={"help": "steps of training"})
    minutes: float | None = field(default=None, metadata={"help": "as many steps as fit, in place of --iterations; the whole takes about so long"})
    anchors: str = field(
        default="never",
        metadata={"help": "splats as children of anchors, whose networks are trained along: never; where the file is the smaller for it; always"},
    )

    def __post_init__(self) -> None:
        if self.target_size is not None and self.target_psnr is not None:
            raise InputError("target_size, target_psnr: expected at most one, found both")
        if not 0 < self.lambda_ < 1:
            raise InputError(f"lambda: expected a number between 0 and 1, found {self.lambda_:g}")
        if self.target_size is not None and self.target_size < 1:
            raise InputError(f"target_size: expected a positive number of bytes, found {self.target_size}")
        if self.target_psnr is not None and not PSNR_RANGE[0] <= self.target_psnr <= PSNR_RANGE[1]:
            raise InputError(f"target_psnr: expected 10 to 70 dB, found {self.target_psnr:g}")
        if self.iterations < 1:
            raise InputError(f"iterations: expected 1 or more, found {self.iterations}")
        if self.minutes is not None and not 0 < self.minutes <= MOST_MINUTES:
            raise InputError(f"minutes: expected more than 0, at most {MOST_MINUTES:g}, found {self.minutes:g}")
        if self.anchors not in ANCHORS:
            raise InputError(f"anchors: expected {', '.join(ANCHORS)}, found {self.anchors}")
