"""Learned masks: one logit for each Gaussian says whether it is there (Lee et al. 2024, Compact 3DGS; coupled to the rate as in HAC++).

A Gaussian is drawn whole as long as its mask is open, and not at all else; backward, opacity and scales are as if multiplied by the
logistic function of the logit, and so are its bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

OPEN_FROM = 0.01
"""Of the logistic function."""
START = 1.0
"""Logit of every Gaussian at the start."""

UNSEEN = 1e-7
"""Opacity of a Gaussian that is not there."""


class Masks:
    """Logits with their optimiser (Adam).

    Args:
        count: of Gaussians.
        rate: learning rate.
        device: where the tensor is.
    """

    def __init__(self, count: int, rate: float, device: str | torch.device):
        self._rate = rate
        self._adopt(torch.full((count,), START, device=device))

    def _adopt(self, logits: Tensor) -> None:
        self.logits = logits.detach().clone().requires_grad_()
        self._adam = torch.optim.Adam([self.logits], lr=self._rate, betas=(0.9, 0.99), eps=1e-15)

    @property
    def open(self) -> Tensor:
        """bool [N]."""
        return torch.sigmoid(self.logits.detach()) > OPEN_FROM

    def applied(self, opacity_logits: Tensor, log_scales: Tensor) -> tuple[Tensor, Tensor]:
        """Opacity logits [N] and log scales [N, 3] of what is drawn."""
        own, soft = torch.sigmoid(opacity_logits), torch.sigmoid(self.logits)
        # The clamp is for the logit's derivative, so it is none of the product's, and an open mask leaves the logit as it is.
        hard = (own * self.open).clamp(UNSEEN, 1 - UNSEEN)
        logits = torch.logit(_straight(own * soft, hard))
        shown = torch.where(self.open, opacity_logits, logits)
        shrunk = torch.log(soft)
        return _straight(logits, shown), log_scales + _straight(shrunk, torch.zeros_like(shrunk))[:, None]

    def step(self, bits: Tensor, slope: float) -> None:
        """One step of Adam, after a backward pass, at a price of `slope` for each Gaussian's `bits` [N]; gradients are cleared."""
        soft = torch.sigmoid(self.logits.detach())
        price = slope * bits.detach() * soft * (1 - soft)
        self.logits.grad = price if self.logits.grad is None else self.logits.grad + price
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def keep(self, rows: Tensor) -> None:
        """Keeps the Gaussians that `rows` (indices) names. Adam forgets, as its averages of a threshold tell little."""
        self._adopt(self.logits.detach()[rows])

    def state(self) -> Tensor:
        """What `load` takes; complete right after `keep` or at the start."""
        return self.logits.detach().cpu().clone()

    def load(self, state: Tensor) -> None:
        """Goes on from `state`."""
        self._adopt(state.to(self.logits.device))


def _straight(soft: Tensor, hard: Tensor) -> Tensor:
    """The values of `hard` with the gradients of `soft`."""
    return hard.detach() + (soft - soft.detach())
