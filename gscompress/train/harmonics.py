"""Harmonics on the lattice of the file, which depends on nothing that is coded before."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..anchored import AnchorDraft
from ..draft import LOG2_STEPS, Draft
from ..model.harmonics import BASIS_ONE

ROUNDS_UP_FROM = 0.65
"""The coder drops harmonics that cost more than they bring; on average it rounds from here on up."""


class HarmonicLattice:
    """The lattice of a draft.

    Args:
        draft: its basis and colour classes count.
        rows: int64 [N], the draft's row of each of the student's.
        device: where the student is.
    """

    def __init__(self, draft: Draft | AnchorDraft, rows: np.ndarray, device: str | torch.device):
        octaves = torch.tensor(draft.classes[rows, 1].astype(np.float32), device=device)
        self._step = torch.exp2(LOG2_STEPS["sh"] / 256 - octaves)[:, None]
        basis = draft.basis.astype(np.float64) / BASIS_ONE
        self._basis = torch.tensor(basis, dtype=torch.float32, device=device)
        self._inverse = torch.tensor(np.linalg.pinv(basis) if basis.size else basis, dtype=torch.float32, device=device)

    def steps(self, sh_rest: Tensor) -> Tensor:
        """[N, C]: coordinates in steps, not rounded, of harmonics [N, K - 1, 3]."""
        return (sh_rest.flatten(1) @ self._inverse) / self._step

    def rounded(self, sh_rest: Tensor) -> Tensor:
        """[N, K - 1, 3]: as the file would hold them, with the gradient of what they are (straight through)."""
        if not self._basis.numel():
            return sh_rest
        with torch.no_grad():
            steps = self.steps(sh_rest)
            steps = steps.sign() * (steps.abs() + 1 - ROUNDS_UP_FROM).floor()
            left = ((steps * self._step) @ self._basis).view_as(sh_rest) - sh_rest
        return sh_rest + left
