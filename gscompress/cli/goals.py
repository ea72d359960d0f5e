"""What `train` makes of a trained scene: a file in closed form, or one that is trained further for rate and distortion."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from ..config import MOST_MINUTES, CompressOptions, RefineOptions
from ..errors import InputError
from ..train.splatting_options import LEAST_MINUTES
from .options import compress_options

PRESETS = ("default", "3dgs")
FIELDS = ("preset", "lambda_", "target_size", "target_psnr", "quality", "effort", "minutes", "iterations", "anchors")
"""Flags that decide it."""
EARLY = ("preset", "minutes", "iterations")
"""Those that plain 3DGS depends on."""
AIMS = ("lambda_", "target_size", "target_psnr", "quality")
"""Those of which one takes the place of another."""

PHOTO_LAMBDA = 3e-5
"""Where none is given. No file shows photographs exactly, so bits are dearer than where renders are the aim."""

RATE_SHARE = 0.4
"""Of the default preset's time and iterations: what comes after plain 3DGS."""


@dataclass(frozen=True)
class Goal:
    """One of `compressing` and `refining` is None. `minutes` is how long plain 3DGS may take, None for no limit."""

    preset: str
    minutes: float | None
    compressing: CompressOptions | None
    refining: RefineOptions | None

    @staticmethod
    def of(asked: dict[str, Any], iterations: int) -> Goal:
        """From the flags that were given, by their names in `FIELDS`; `iterations` are those of plain 3DGS.

        Raises:
            InputError: a flag of the other preset, or a value out of range.
        """
        preset, minutes = asked.get("preset", PRESETS[0]), asked.get("minutes")
        strangers = ("lambda_", "anchors") if preset == "3dgs" else ("quality", "effort")
        for name in strangers:
            if name in asked:
                other = "default" if preset == "3dgs" else "3dgs"
                raise InputError(f"--{name.rstrip('_')}: expected with --preset {other} only, found it with {preset}")
        share = 1.0 if preset == "3dgs" else 1 - RATE_SHARE
        if minutes is not None and not LEAST_MINUTES <= share * minutes <= share * MOST_MINUTES:
            raise InputError(f"--minutes: expected {LEAST_MINUTES / share:.2g} to {MOST_MINUTES:g}, found {minutes:g}")
        if preset == "3dgs":
            return Goal(preset, minutes, compress_options(argparse.Namespace(**dict.fromkeys(_names(CompressOptions)) | asked)), None)
        values = {name: asked[name] for name in ("lambda_", "target_size", "target_psnr") if name in asked}
        if not values:
            values["lambda_"] = PHOTO_LAMBDA
        if "anchors" in asked:
            values["anchors"] = asked["anchors"]
        length: dict[str, Any] = {"iterations": max(1, round(iterations * RATE_SHARE / (1 - RATE_SHARE)))}
        if minutes is not None:
            length = {"minutes": minutes * RATE_SHARE}
        return Goal(preset, minutes and minutes * share, None, RefineOptions(**values, **length))


def _names(options: type) -> list[str]:
    return list(options.__dataclass_fields__)
