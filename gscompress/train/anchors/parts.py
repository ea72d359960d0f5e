"""What an anchor model is made of; every part can be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...bitstream.anchor_heads import (
    MAX_CONDITION,
    MAX_FEATURES,
    MAX_HYPER,
    MAX_LATENT,
    MAX_LEVELS,
    MAX_LOG2_TABLE,
    MAX_RESOLUTION,
    MAX_SLOTS,
    MAX_WIDTH,
)
from ...errors import InputError
from ...model.voxels import MAX_DEPTH

STEPS = 256
"""Of a latent's unit, in which its step is a whole number, of 16 bits."""


@dataclass(frozen=True)
class Parts:
    """Sizes of the parts; 0 leaves one out.

    Attributes:
        slots: children that an anchor may have.
        coarser: levels by which the anchors' octree is less deep than the splats' would be.
        hidden: width of the networks' hidden layer; 0 for no networks, and then nothing else but slots and coarser counts.
        near: the children's network sees what was coded nearby; without, its guesses do not move as neighbours are rounded anew.
        latent, hyper: numbers of each anchor.
        latent_step, hyper_step: of what they are rounded to, whole numbers of 1/256.
        resolutions: of the condition's levels; none for no grid.
        table: rows of a level at most, a power of two.
        features: of a node.
        integer: train as the integers round; else they are rounded at the end only.
        iterations: steps of Adam, where splats are given.
        warm_up: the same where splats are trained as well, before that.
        settle: the same at its end, before values are rounded; what splats have learnt to make up for changes with it, so that 0 is best.
        rate: of Adam at the start; of the latents ten times as much.

    Raises:
        InputError: a number that no file holds.
    """

    slots: int = 4
    coarser: int = 1
    hidden: int = 24
    near: bool = True
    latent: int = 0
    hyper: int = 0
    latent_step: float = 0.25
    hyper_step: float = 0.25
    resolutions: tuple[int, ...] = ()
    table: int = 4096
    features: int = 2
    integer: bool = True
    iterations: int = 400
    warm_up: int = 100
    settle: int = 0
    rate: float = 2e-3

    def __post_init__(self) -> None:
        _within("slots", [self.slots], 1, MAX_SLOTS)
        _within("coarser", [self.coarser], 0, MAX_DEPTH - 1)
        _within("hidden", [self.hidden], 0, MAX_WIDTH)
        _within("latent", [self.latent], 0, MAX_LATENT)
        _within("hyper", [self.hyper], 0, MAX_HYPER)
        for name in ("latent_step", "hyper_step"):
            step = getattr(self, name)
            if not (1 <= step * STEPS < 1 << 16 and step * STEPS == round(step * STEPS)):
                raise InputError(f"{name}: expected a whole number of 1/{STEPS}, 1 to 65535 of them, found {step:g}")
        _within("resolutions", self.resolutions, 2, MAX_RESOLUTION)
        _within("resolutions (levels)", [len(self.resolutions)], 0, MAX_LEVELS)
        _within("features", [self.features], 1, MAX_FEATURES)
        _within("features of all levels", [self.features * len(self.resolutions)], 0, MAX_CONDITION)
        _within("table", [self.table], 1, 1 << MAX_LOG2_TABLE)
        if self.table & (self.table - 1):
            raise InputError(f"table: expected a power of two, found {self.table}")
        _within("iterations", [self.iterations], 0, 1 << 30)
        if not 0 < self.rate < 1:
            raise InputError(f"rate: expected a number between 0 and 1, found {self.rate:g}")


def _within(name: str, values: Sequence[int], low: int, high: int) -> None:
    for value in values:
        if not low <= value <= high:
            raise InputError(f"{name}: expected {low} to {high}, found {value}")


JOINT = Parts(slots=2, coarser=0, hidden=1, near=False)
"""Of anchors that are trained along with splats: what is expected in each slot, the same of all anchors."""
