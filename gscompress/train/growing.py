"""Growing: where the error pulls a Gaussian hard, two take its place (Kerbl et al. 2023), the second as a new child of an anchor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..model.canonical import rotation_matrices
from .student import Student

APART = 0.5
"""Of the longest axis' scale, by which either moves along it."""
SHRINK = math.log(1.6)
"""Natural logarithm of how much shorter that axis gets."""


@dataclass(frozen=True)
class Growth:
    """How much.

    Attributes:
        share: of the Gaussians are split at every review; 0 for none.
        until: share of the iterations after which none are.
        most: times as many as there were at the start, never more.
    """

    share: float = 0.0
    until: float = 0.4
    most: float = 1.0


class Grower:
    """Watches gradients, and splits.

    Args:
        options: how much.
        count: Gaussians at the start.
        device: where the student is.
    """

    def __init__(self, options: Growth, count: int, device: str | torch.device = "cpu"):
        self.options, self._most = options, round(options.most * count)
        self._pull = torch.zeros(count, device=device)

    def watch(self, student: Student) -> None:
        """Called after a backward pass of the error: adds how much it would change if each Gaussian moved by its own size."""
        means, size = student.tensors["means"], student.tensors["log_scales"].detach().amax(1).exp()
        if means.grad is not None:
            self._pull += means.grad.norm(dim=1) * size

    @torch.no_grad()
    def grow(self, student: Student) -> int:
        """Splits those that were pulled the hardest since the last call; their second halves are the last rows. Returns how many."""
        n = len(student)
        count = max(0, min(round(self.options.share * n), self._most - n))
        rows = torch.topk(self._pull, count).indices.sort().values
        rows = rows[self._pull[rows] > 0]
        t = student.tensors
        scales, longest = t["log_scales"][rows].max(dim=1)
        matrices = torch.as_tensor(rotation_matrices(t["quats"][rows].cpu().numpy()), dtype=torch.float32, device=rows.device)
        axis = matrices[torch.arange(len(rows), device=rows.device), :, longest]
        away = APART * scales.exp()[:, None] * axis
        born = {name: tensor[rows].clone() for name, tensor in t.items()}
        born["means"] += away
        born["log_scales"][torch.arange(len(rows), device=rows.device), longest] -= SHRINK
        t["means"][rows] -= away
        t["log_scales"][rows] = born["log_scales"]
        student.append(born)
        self._pull = torch.zeros(len(student), device=self._pull.device)
        return len(rows)

    def keep(self, rows: Tensor) -> None:
        """Follows `Student.keep`."""
        self._pull = self._pull[rows]

    def state(self) -> Tensor:
        """What `load` takes."""
        return self._pull.cpu().clone()

    def load(self, state: Tensor) -> None:
        """Goes on from `state`."""
        self._pull = state.to(self._pull.device)
