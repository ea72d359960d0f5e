"""Networks that are trained as what the decoder runs: 8-bit weights, 16-bit activations (model/anchors.py).

Rounding is straight through: forward as the integers have it, backward as if nothing had been rounded (Ballé et al. 2019,
"Integer networks for data compression with latent-variable models").
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ...model.anchors import LIMIT, IntegerLayer, IntegerNetwork

ONE = 256.0
"""Of activations, fixed point."""
MOST_WEIGHT, MOST_SHIFT, MOST_BIAS = 127, 24, (1 << 30) - 1


def straight(value: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of `value`."""
    return value + (rounded - value).detach()


class IntegerLinear(nn.Module):
    """A layer of `IntegerNetwork`.

    Args:
        inputs, outputs: widths.
        last: no rectifier; starts at zeros.
        centre, spread: float32 [inputs], what inputs are about, and how far from it they are. The first is taken off before the weights,
            which the bias absorbs; weights start the smaller the larger the second is.
    """

    centre: Tensor

    def __init__(self, inputs: int, outputs: int, last: bool, centre: Tensor | None = None, spread: Tensor | None = None):
        super().__init__()
        self.last = last
        start = torch.zeros(outputs, inputs) if last else torch.randn(outputs, inputs) / math.sqrt(inputs)
        self.weight = nn.Parameter(start if spread is None else start / spread.clamp(min=0.05))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("centre", torch.zeros(inputs) if centre is None else centre)

    def integers(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, bias and shift as float64 tensors of whole numbers: [out, in], [out], [out].

        The shift is as large as weights and bias allow.
        """
        with torch.no_grad():
            exact = self.weight.double()
            largest = exact.abs().amax(1).clamp(min=1e-9)
            reach = ONE * (self.bias.double() - exact @ self.centre.double()).abs().clamp(min=1e-9) + ONE
            room = torch.minimum(MOST_WEIGHT / largest, MOST_BIAS / reach)
            shift = torch.floor(torch.log2(room)).clamp(0, MOST_SHIFT)
            weight = torch.round(exact * torch.exp2(shift)[:, None]).clamp(-MOST_WEIGHT, MOST_WEIGHT)
            own = self.bias.double() - (weight / torch.exp2(shift)[:, None]) @ self.centre.double()
            bias = torch.round(own * ONE * torch.exp2(shift)).clamp(-MOST_BIAS, MOST_BIAS)
        return weight, bias, shift

    def forward(self, x: Tensor, exact: bool) -> Tensor:
        """[N, out] of [N, in], both in units of 1; `exact` as the integers have it."""
        out = nn.functional.linear(x - self.centre, self.weight, self.bias)
        if exact:
            weight, bias, shift = self.integers()
            with torch.no_grad():
                total = torch.round(x.double() * ONE) @ weight.T + bias
                rounded = torch.floor((total + torch.floor(torch.exp2(shift - 1))) * torch.exp2(-shift))
                rounded = rounded.clamp(-LIMIT, LIMIT).float() / ONE
            out = straight(out, rounded)
        return out if self.last else torch.relu(out)


class Mlp(nn.Module):
    """`IntegerNetwork` in training.

    Args:
        widths: of inputs, hidden layers and outputs.
        centre, spread: float32 [inputs], see `IntegerLinear`.
    """

    def __init__(self, widths: Sequence[int], centre: Tensor | None = None, spread: Tensor | None = None):
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.layers = nn.ModuleList(
            IntegerLinear(i, o, n + 1 == len(pairs), *((centre, spread) if n == 0 else ())) for n, (i, o) in enumerate(pairs)
        )

    def forward(self, x: Tensor, exact: bool) -> Tensor:
        """[N, out] of [N, in], in units of 1."""
        for layer in self.layers:
            x = layer(x, exact)
        return x

    def export(self) -> IntegerNetwork:
        """What `forward` is with `exact`."""
        out = []
        for layer in self.layers:
            assert isinstance(layer, IntegerLinear)
            weight, bias, shift = (t.cpu().numpy() for t in layer.integers())
            out.append(IntegerLayer(weight.astype(np.int8), bias.astype(np.int32), shift.astype(np.uint8)))
        return IntegerNetwork(tuple(out))
