"""Bits of symbols by what is expected of them, differentiable.

The coder's own probabilities are adaptive; these are Laplacian with the expected size, which is what its contexts learn, about.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LN2 = math.log(2)
LEAST = 1e-7
"""Of a probability."""
LEAST_SIZE = -2.0
"""log2 of the least expected magnitude, in steps: the coder's probabilities are never surer than that for long."""


def laplace_bits(residual: Tensor, log2_size: Tensor, step: Tensor) -> Tensor:
    """Bits of residuals quantised to `step`, whose magnitude is expected to be 2^log2_size; all of one shape or broadcast."""
    size = torch.exp2((log2_size - torch.log2(step)).clamp(min=LEAST_SIZE, max=20))
    steps = residual.abs() / step
    # The probability of the step around the residual: a difference of two tails, or, across 0, what is left of both.
    upper, lower = torch.exp(-(steps + 0.5) / size), torch.exp(-(steps - 0.5).clamp(min=0) / size)
    across = 1 - 0.5 * torch.exp(-(0.5 - steps).clamp(min=0) / size) - 0.5 * upper
    probability = torch.where(steps < 0.5, across, 0.5 * (lower - upper))
    # Far out the difference underflows; its logarithm does not.
    far = (steps - 0.5) / size / LN2 + 1 - torch.log2(-torch.expm1(-1 / size) + LEAST)
    return torch.where(probability > LEAST, -torch.log2(probability.clamp(min=LEAST)), far)


def presence_bits(logits: Tensor, present: Tensor) -> Tensor:
    """Bits of 0 and 1 whose log odds are `logits`, in nats."""
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, present, reduction="none") / LN2
