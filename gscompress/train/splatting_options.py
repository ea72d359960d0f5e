"""Options of plain 3DGS training. The same frozen dataclass serves the Python API and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..config import MOST_MINUTES
from ..errors import InputError

FULL_LENGTH = 30_000
"""Iterations that the published intervals are for."""

LEAST_MINUTES = 0.01

FEWEST_BETWEEN = 25
"""Iterations between two densifications: fewer views do not tell where Gaussians are missing."""

SHORTEST_RESET = 500
"""Opacities take Adam some hundred steps to come back: there are no resets at shorter intervals."""


@dataclass(frozen=True)
class SplattingOptions:
    """How plain 3DGS is trained (Kerbl et al. 2023, https://arxiv.org/abs/2308.04079), with gsplat's settings.

    Raises:
        InputError: a value out of range.
    """

    iterations: int = field(default=FULL_LENGTH, metadata={"help": "views learnt from; all intervals of the schedule go with it"})
    minutes: float | None = field(default=None, metadata={"help": "stop by then, with a schedule that fits, in place of --iterations"})
    sh_degree: int = field(default=3, metadata={"help": "of the harmonics, 0 to 3"})
    max_splats: int | None = field(default=None, metadata={"help": "no more splats than this (default: no limit)"})
    points: int = field(default=30_000, metadata={"help": "splats to start from where structure from motion gave no points"})
    rates: float = field(default=1.0, metadata={"help": "all learning rates times this"})
    seed: int = field(default=0, metadata={"help": "of everything that is random"})
    antialiased: bool = False
    ssim_share: float = 0.2
    means_rate: float = 1.6e-4
    means_decay: float = 0.01
    scales_rate: float = 5e-3
    quats_rate: float = 1e-3
    opacities_rate: float = 5e-2
    sh0_rate: float = 2.5e-3
    shN_rate: float = 2.5e-3 / 20
    start_opacity: float = 0.1
    grow_gradient: float = 2e-4
    prune_opacity: float = 5e-3

    def __post_init__(self) -> None:
        for name, low, high in (
            ("iterations", 1, 10_000_000), ("minutes", LEAST_MINUTES, MOST_MINUTES), ("sh_degree", 0, 3), ("max_splats", 1, 1 << 26),
            ("points", 2, 1 << 24), ("rates", 1e-3, 1e3), ("seed", 0, 2**31 - 1), ("ssim_share", 0, 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(f"{name}: expected {low:g} to {high:g}, found {value:g}")


@dataclass(frozen=True)
class Schedule:
    """What happens when, in iterations; `reset_every` 0 for never."""

    iterations: int
    refine_start: int
    refine_stop: int
    refine_every: int
    reset_every: int
    degree_every: int

    @staticmethod
    def of(iterations: int) -> Schedule:
        """The published intervals, scaled to a run's length, but for those that would be too short for a run so short."""
        factor = iterations / FULL_LENGTH
        reset = round(3000 * factor)
        return Schedule(
            iterations, round(500 * factor), round(15_000 * factor), max(FEWEST_BETWEEN, round(100 * factor)),
            reset if reset >= SHORTEST_RESET else 0, max(1, round(1000 * factor)),
        )  # fmt: skip

    def refines(self, iteration: int) -> bool:
        """Whether Gaussians are added and dropped after it."""
        return self.refine_start < iteration < self.refine_stop and iteration % self.refine_every == 0

    def resets(self, iteration: int) -> bool:
        """Whether opacities are set back after it."""
        return self.reset_every > 0 and 0 < iteration < self.refine_stop and iteration % self.reset_every == 0
