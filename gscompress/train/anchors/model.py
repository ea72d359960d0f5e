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
from .grid import SignGrid
from .integer import ONE, Mlp, straight
from .parts import Parts
from .rates import laplace_bits, presence_bits

SCALARS, AXES = 7, 3
START_BITS = 1.0
"""Of a latent at the start: its expected size, in octaves below its step."""


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
    def of(draft: AnchorDraft, run: AnchorRun, mixing: np.ndarray) -> Children:
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
        codes = draft.anchors.codes[anchor]
        voxels = np.stack([[_compact(int(c) >> axis) for axis in range(3)] for c in codes]) if len(codes) else np.zeros((0, 3))
        centre = np.array(d.grid.origin) + (voxels + 0.5) * d.grid.voxel
        place = np.einsum("nik,nk->ni", axes, d.splats.means - centre)

        def tensor(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array, np.float32))

        return Children(
            torch.as_tensor(anchor), torch.as_tensor(slot), tensor(rest), tensor(np.log2(spread + 1) - np.log2(FIXED_ONE)),
            tensor(np.exp2(np.hstack(log2_steps))),
            tensor(axes * d.grid.voxel), tensor(place), tensor(np.log2(d.grid.voxel) - log2_place), tensor(presence),
        )  # fmt: skip


class AnchorModel(nn.Module):
    """Trains what `AnchorNetworks` holds, and the latents.

    Args:
        draft: anchors and children.
        run: of the draft, with its inputs.
        predictor: what it was coded with.
        parts: what there is.
    """

    near: Tensor

    def __init__(self, draft: AnchorDraft, run: AnchorRun, predictor: np.ndarray, parts: Parts):
        super().__init__()
        assert run.inputs is not None
        near = torch.as_tensor(run.inputs[:, -NEAR:].astype(np.float32) / ONE)
        mixing = np.zeros((SCALARS, SCALARS))
        mixing[:, : SCALARS - 1] = predictor[:, 3:9] / PREDICTOR_ONE
        self.parts, self.splats = parts, Children.of(draft, run, np.tril(mixing, -1))
        self.register_buffer("near", near)
        anchors = len(draft.anchors.codes)
        self.grid = None
        if parts.resolutions:
            self.grid = SignGrid(draft.anchors.codes, draft.children.grid.depth, parts.resolutions, parts.table, parts.features)
        width = self.grid.width if self.grid else 0
        self.hyper = nn.Parameter(torch.zeros(anchors, parts.hyper))
        self.latent = nn.Parameter(0.5 * parts.latent_step * torch.randn(anchors, parts.latent))
        self.hyper_prior = Mlp([width, parts.hidden, 2 * parts.hyper]) if parts.hyper and width else None
        known = width + parts.hyper
        self.latent_prior = Mlp([known, parts.hidden, 2 * parts.latent]) if parts.latent and known else None
        centre, spread = torch.cat([torch.zeros(known + parts.latent), near.mean(0)]), torch.cat([torch.ones(known + parts.latent), near.std(0, unbiased=False)])
        self.guess = Mlp([known + parts.latent + NEAR, parts.hidden, parts.slots * GUESS], centre, spread)
        self.free = nn.ParameterDict({
            "hyper": torch.zeros(2 * parts.hyper), "latent": torch.zeros(2 * parts.latent), "mixing": torch.as_tensor(mixing, dtype=torch.float32),
        })  # fmt: skip
        with torch.no_grad():
            self._start()

    def _start(self) -> None:
        """Nothing beyond what the neighbourhood tells but how many children there are."""
        c = self.splats
        bias = torch.zeros(self.parts.slots, GUESS)
        bias[:, 0] = torch.logit(c.presence.mean(0).clamp(0.01, 0.99))
        last = self.guess.layers[-1]
        last.bias.copy_(bias.flatten())  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]

    def bits(self, exact: bool) -> dict[str, Tensor]:
        """Bits by group, each a sum; `exact` rounds as the integers do."""
        p, c, out = self.parts, self.splats, {}
        anchors = torch.arange(len(self.near))
        seen = self.grid(anchors) if self.grid else self.near[:, :0]
        out["hyper"], hyper = self._vector(self.hyper, p.hyper_step, self.hyper_prior, self.free["hyper"], seen, exact)
        seen = torch.cat([seen, hyper], 1)
        out["latent"], latent = self._vector(self.latent, p.latent_step, self.latent_prior, self.free["latent"], seen, exact)
        guess = self.guess(torch.cat([seen, latent, self.near], 1), exact).view(-1, p.slots, GUESS)
        asked = (c.presence.cumsum(1) - c.presence > 0) | (torch.arange(p.slots) + 1 < p.slots)  # an anchor has a child
        out["mask"] = (presence_bits(guess[:, :, 0], c.presence) * asked).sum()
        own = guess[c.anchor, c.slot]
        place = c.place - torch.einsum("nik,nk->ni", c.local, own[:, 1:4])
        out["position"] = laplace_bits(place, own[:, 11:14] + c.levels - 2, torch.ones(())).sum()
        rest, mixing = c.rest - own[:, 4:11], torch.tril(self.free["mixing"], -1)
        residuals: list[Tensor] = []
        for j in range(SCALARS):
            done = torch.stack(residuals, 1) @ mixing[j, :j] if residuals else 0.0
            residuals.append(rest[:, j] - done)
        scalars = laplace_bits(torch.stack(residuals, 1), own[:, 14:] + c.spreads, c.steps).sum(0)
        out["scale"], out["opacity"], out["color"] = scalars[:3].sum(), scalars[3], scalars[4:].sum()
        return out

    def _vector(
        self, values: Tensor, step: float, prior: Mlp | None, free: Tensor, seen: Tensor, exact: bool
    ) -> tuple[Tensor, Tensor]:
        """Bits of a latent vector, and its rounded values."""
        if not values.shape[1]:
            return torch.zeros(()), values
        rounded = straight(values, torch.round(values / step) * step)
        told = prior(seen, exact) if prior is not None else free.expand(len(values), -1)
        mean, size = told.chunk(2, dim=1)
        expected = straight(mean, torch.floor(mean / step + 0.5) * step) if prior is not None else torch.zeros_like(mean)
        return laplace_bits(rounded - expected, size - START_BITS + np.log2(step), torch.tensor(step)).sum(), rounded

    def export(self) -> tuple[AnchorNetworks, np.ndarray, np.ndarray]:
        """Networks, hyper-latents int32 [A, H] and latents int32 [A, L]."""
        p = self.parts

        def symbols(values: Tensor, step: float) -> np.ndarray:
            return torch.round(values.detach() / step).numpy().astype(np.int32)

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


def _compact(code: int) -> int:
    out = 0
    for bit in range(21):
        out |= (code >> 3 * bit & 1) << bit
    return out
