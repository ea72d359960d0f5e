"""The anchor model: condition to hyper-latent to latent to children, and the bits of all of it.

The values of the splats are given; what is trained is everything that tells the coder what to expect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...anchored import AnchorDraft, AnchorRun
from ...draft import BLUR_SIGMA, LOG2_STEPS
from ...draft import ONE as FIXED_ONE
from ...model.anchors import GUESS, NEAR, AnchorNetworks, IntegerNetwork
from ...model.prediction import ONE as PREDICTOR_ONE
from ...model.voxels import cells
from .grid import SignGrid
from .integer import ONE, IntegerLinear, Mlp, straight
from .parts import Parts
from .rates import laplace_bits, presence_bits

SCALARS, AXES = 7, 3
START_BITS = 1.0
"""Of a latent at the start: its expected size, in octaves below its step."""
LEAST_SPREAD = 0.05
"""Of an input about its mean, for what its weights start with."""


@dataclass(frozen=True, eq=False)
class Children:
    """The splats as their anchors see them.

    Attributes:
        anchor, slot: int64 [N].
        rest: float32 [N, 7], the scalars less what their neighbours tell (not what the splat's own earlier scalars do), in octaves and
            units of harmonics.
        spreads: float32 [N, 7], log2 of how large residuals were nearby.
        steps: float32 [N, 7], of the scalars.
        local: float32 [N, 3, 3] and `place` [N, 3]: the offset in steps along each axis is place - local @ shift, shift in voxels.
        levels: float32 [N, 3], log2 of the steps across a voxel.
        presence: float32 [A, K].
    """

    anchor: Tensor
    slot: Tensor
    rest: Tensor
    spreads: Tensor
    steps: Tensor
    local: Tensor
    place: Tensor
    levels: Tensor
    presence: Tensor

    @staticmethod
    def of(draft: AnchorDraft, run: AnchorRun, mixing: np.ndarray, device: torch.device | str = "cpu") -> Children:
        """From what the coder gets, and what it expected; `mixing` [7, 7] is how residuals predict later ones."""
        assert run.expected is not None
        d, presence = draft.children, draft.anchors.presence
        predicted, spread = run.expected[:, :SCALARS] / FIXED_ONE, run.expected[:, SCALARS:]
        residuals = d.splats.values - predicted
        rest = residuals + residuals @ mixing.T
        anchor, slot = np.nonzero(presence)
        octaves = {name: log2 / 256 for name, log2 in LOG2_STEPS.items()}
        geometry, color = d.classes[:, :1].astype(np.float64), d.classes[:, 1:]
        log2_steps = [octaves["scale"] - geometry] * 3 + [octaves["opacity"] - geometry] + [octaves["color"] - color] * 3
        seen = 0.5 * np.logaddexp2(2 * d.splats.values[:, :3], 2 * np.log2(BLUR_SIGMA * d.blur.at(d.splats.means))[:, None])
        log2_place = octaves["position"] - geometry + seen
        axes = d.splats.axes / np.exp2(log2_place)[:, :, None]
        centre = np.array(d.grid.origin) + (cells(draft.anchors.codes[anchor]) + 0.5) * d.grid.voxel
        place = np.einsum("nik,nk->ni", axes, d.splats.means - centre)

        def tensor(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array, np.float32), device=device)

        return Children(
            torch.as_tensor(anchor, device=device), torch.as_tensor(slot, device=device), tensor(rest), tensor(np.log2(spread + 1) - np.log2(FIXED_ONE)),
            tensor(np.exp2(np.hstack(log2_steps))),
            tensor(axes * d.grid.voxel), tensor(place), tensor(np.log2(d.grid.voxel) - log2_place), tensor(presence),
        )  # fmt: skip


class AnchorModel(nn.Module):
    """Trains what `AnchorNetworks` holds, and the latents. `describe` and then `start` or `load_state_dict` come before all else.

    Args:
        parts: what there is.
        anchors: how many.
    """

    near: Tensor
    splats: Children

    def __init__(self, parts: Parts, anchors: int):
        super().__init__()
        self.parts = parts
        self.register_buffer("near", torch.zeros(anchors, NEAR), persistent=False)
        self.grid = None
        if parts.resolutions:
            self.grid = SignGrid(np.zeros(0, np.uint64), 1, parts.resolutions, parts.table, parts.features)
        width = self.grid.width if self.grid else 0
        self.hyper = nn.Parameter(torch.zeros(anchors, parts.hyper))
        self.latent = nn.Parameter(0.5 * parts.latent_step * torch.randn(anchors, parts.latent))
        self.hyper_prior = Mlp([width, parts.hidden, 2 * parts.hyper]) if parts.hyper and width else None
        known = width + parts.hyper
        self.latent_prior = Mlp([known, parts.hidden, 2 * parts.latent]) if parts.latent and known else None
        self.guess = Mlp([known + parts.latent + NEAR, parts.hidden, parts.slots * GUESS])
        self.free = nn.ParameterDict({
            "hyper": torch.zeros(2 * parts.hyper), "latent": torch.zeros(2 * parts.latent), "mixing": torch.zeros(SCALARS, SCALARS),
        })  # fmt: skip

    def describe(self, draft: AnchorDraft, run: AnchorRun, predictor: np.ndarray) -> None:
        """What is given by now: anchors and children, the coder's run of them with its inputs, and the predictor of that run."""
        assert run.inputs is not None
        device = self.hyper.device
        self.splats = Children.of(draft, run, _mixing(predictor), device)
        self.near = torch.as_tensor(run.inputs[:, -NEAR:].astype(np.float32) / ONE, device=device)
        if self.grid:
            self.grid.describe(draft.anchors.codes, draft.children.grid.depth)

    @torch.no_grad()
    def start(self, predictor: np.ndarray) -> None:
        """Networks that know nothing beyond what the neighbourhood tells but how many children there are."""
        self.free["mixing"].copy_(torch.as_tensor(_mixing(predictor)))
        first, last = self.guess.layers[0], self.guess.layers[-1]
        assert isinstance(first, IntegerLinear)
        assert isinstance(last, IntegerLinear)
        if self.parts.near:
            first.centre[-NEAR:] = self.near.mean(0)
            first.weight[:, -NEAR:] /= self.near.std(0, unbiased=False).clamp(min=LEAST_SPREAD)
        else:  # and they stay so, for `detail` gives them zeros
            first.weight[:, -NEAR:] = 0
        last.bias.view(self.parts.slots, GUESS)[:, 0] = torch.logit(self.splats.presence.mean(0).clamp(0.01, 0.99))

    def bits(self, exact: bool) -> dict[str, Tensor]:
        """Bits by group, each a sum; `exact` rounds as the integers do."""
        anchors, children = self.detail(exact, self.splats)
        return {name: bits.sum() for name, bits in (anchors | children).items()}

    def detail(self, exact: bool, c: Children) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Bits by group: [A] of each anchor, and [N] of each child.

        Args:
            exact: round as the integers do.
            c: `splats`, or the same children with other values.
        """
        p, out = self.parts, {}
        anchors = torch.arange(len(self.near), device=self.near.device)
        seen = self.grid(anchors) if self.grid else self.near[:, :0]
        out["hyper"], hyper = self._vector(self.hyper, p.hyper_step, self.hyper_prior, self.free["hyper"], seen, exact)
        seen = torch.cat([seen, hyper], 1)
        out["latent"], latent = self._vector(self.latent, p.latent_step, self.latent_prior, self.free["latent"], seen, exact)
        near = self.near if p.near else torch.zeros_like(self.near)
        guess = self.guess(torch.cat([seen, latent, near], 1), exact).view(-1, p.slots, GUESS)
        last = torch.arange(p.slots, device=anchors.device) + 1 == p.slots
        asked = (c.presence.cumsum(1) - c.presence > 0) | ~last  # an anchor has a child
        out["mask"] = (presence_bits(guess[:, :, 0], c.presence) * asked).sum(1)
        own = guess[c.anchor, c.slot]
        place = c.place - torch.einsum("nik,nk->ni", c.local, own[:, 1:4])
        position = laplace_bits(place, own[:, 11:14] + c.levels - 2, torch.ones((), device=place.device)).sum(1)
        rest, mixing = c.rest - own[:, 4:11], torch.tril(self.free["mixing"], -1)
        residuals: list[Tensor] = []
        for j in range(SCALARS):
            done = torch.stack(residuals, 1) @ mixing[j, :j] if residuals else 0.0
            residuals.append(rest[:, j] - done)
        scalars = laplace_bits(torch.stack(residuals, 1), own[:, 14:] + c.spreads, c.steps)
        return out, {"position": position, "scale": scalars[:, :3].sum(1), "opacity": scalars[:, 3], "color": scalars[:, 4:].sum(1)}

    def _vector(
        self, values: Tensor, step: float, prior: Mlp | None, free: Tensor, seen: Tensor, exact: bool
    ) -> tuple[Tensor, Tensor]:
        """Bits of a latent vector, [A], and its rounded values."""
        if not values.shape[1]:
            return values.sum(1), values
        rounded = straight(values, torch.round(values / step) * step)
        told = prior(seen, exact) if prior is not None else free.expand(len(values), -1)
        mean, size = told.chunk(2, dim=1)
        expected = straight(mean, torch.floor(mean / step + 0.5) * step) if prior is not None else torch.zeros_like(mean)
        return laplace_bits(rounded - expected, size - START_BITS + np.log2(step), torch.tensor(step, device=mean.device)).sum(1), rounded

    def export(self) -> tuple[AnchorNetworks, np.ndarray, np.ndarray]:
        """Networks, hyper-latents int32 [A, H] and latents int32 [A, L]."""
        p = self.parts

        def symbols(values: Tensor, step: float) -> np.ndarray:
            return torch.round(values.detach() / step).cpu().numpy().astype(np.int32)

        def shifted(prior: Mlp | None, step: float) -> IntegerNetwork:
            if prior is None:
                return IntegerNetwork()
            last = prior.layers[-1]
            with torch.no_grad():  # sizes are told about the step
                half = len(last.bias) // 2  # pyright: ignore[reportArgumentType]
                last.bias[half:] += np.log2(step) - START_BITS  # pyright: ignore[reportIndexIssue, reportOperatorIssue]
                made = prior.export()
                last.bias[half:] -= np.log2(step) - START_BITS  # pyright: ignore[reportIndexIssue, reportOperatorIssue]
            return made

        networks = AnchorNetworks(
            p.slots, np.full(p.latent, round(p.latent_step * ONE), np.uint16), np.full(p.hyper, round(p.hyper_step * ONE), np.uint16),
            self.grid.export() if self.grid else None, shifted(self.hyper_prior, p.hyper_step), shifted(self.latent_prior, p.latent_step),
            self.guess.export(),
        )  # fmt: skip
        return networks, symbols(self.hyper, p.hyper_step), symbols(self.latent, p.latent_step)


def _mixing(predictor: np.ndarray) -> np.ndarray:
    """[7, 7]: how residuals predict later ones."""
    mixing = np.zeros((SCALARS, SCALARS))
    mixing[:, : SCALARS - 1] = predictor[:, 3:9] / PREDICTOR_ONE
    return np.tril(mixing, -1)
