"""What a scene costs in a file of anchors, differentiable by its values and by all that predicts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...anchored import AnchorDraft, AnchorRun
from ..bits import BitModel
from .model import AnchorModel


class AnchorBits:
    """The bits of a student's values, given what their anchors guess, about a count of the coder; `BitModel`'s counterpart.

    Scalars are Laplacian about guess and neighbourhood, positions about the guess; rotations and harmonics are as in `BitModel`. What
    the neighbourhood tells moves with the student from where the coder saw it; what networks see of it does not until the next count.

    Args:
        draft: what was coded: all of the student's Gaussians.
        predictor: int16 [7, 10], that the coder used.
        run: of the draft, with its inputs.
        tensors: the student's, at that time.
        model: the networks, told of `draft`; they are trained along.
        exact: networks round as the integers do.
    """

    def __init__(
        self, draft: AnchorDraft, predictor: np.ndarray, run: AnchorRun, tensors: Mapping[str, Tensor], model: AnchorModel, exact: bool
    ):
        device = tensors["means"].device
        self._plain = BitModel(draft.children, predictor, run.bits, tensors, draft.cell_shift)
        self.harmonics = self._plain.harmonics
        self._model, self._exact = model, exact
        self._order = torch.as_tensor(draft.children.layout.order, device=device)
        self._rank = torch.argsort(self._order)
        s, grid, own = model.splats, draft.children.grid, self._rank
        self._axes = torch.as_tensor(draft.children.splats.axes, dtype=torch.float32, device=device)[own]
        with torch.no_grad():
            values = self._plain.values(tensors)
            self._rest = s.rest[own] - self._plain.rest(values)
            log2_place = self._plain.log2_place(values)
            # Where each mean would have an offset of 0, by the coder's own arithmetic.
            place = torch.einsum("nik,nk->ni", self._axes, tensors["means"]) * torch.exp2(-log2_place)
            self._origin = (place - s.place[own]) * torch.exp2(log2_place)
        self._log2_voxel = float(np.log2(grid.voxel))
        self._children = torch.bincount(s.anchor)[s.anchor][own]
        self._shift = torch.zeros((), device=device)
        with torch.no_grad():
            self._shift = (float(run.bits.sum()) - self.per_splat(tensors).sum()) / len(own)
            self.counted = self.per_splat(tensors)
            """float32 [N]: bits of each Gaussian at the count, its share of its anchor's included."""

    def per_splat(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """float32 [N]: bits of each Gaussian."""
        values = self._plain.values(tensors)
        log2_place = self._plain.log2_place(values)
        local = self._axes * torch.exp2(self._log2_voxel - log2_place)[:, :, None]
        place = (torch.einsum("nik,nk->ni", self._axes, tensors["means"]) - self._origin) * torch.exp2(-log2_place)
        order = self._order
        moved = replace(
            self._model.splats, rest=(self._plain.rest(values) + self._rest)[order], place=place[order], local=local[order],
            levels=(self._log2_voxel - log2_place)[order],
        )  # fmt: skip
        anchors, children = self._model.detail(self._exact, moved)
        own = torch.stack(list(children.values())).sum(0)[self._rank]
        shared = torch.stack(list(anchors.values())).sum(0)[moved.anchor][self._rank] / self._children
        other = self._plain.rotation_and_harmonics(tensors, values)
        return own + shared + torch.stack(list(other.values())).sum(0) + self._shift

    def gradients(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Derivatives of the sum of all bits by the tensors that it depends on; those by the networks are added to theirs, in bits per
        Gaussian."""
        names = [name for name in ("means", "log_scales", "opacity_logits", "sh_constant", "sh_rest") if tensors[name].numel()]
        words = [p for p in self._model.parameters() if p.numel()]
        found = torch.autograd.grad(self.per_splat(tensors).sum(), [*(tensors[name] for name in names), *words], allow_unused=True)
        for word, gradient in zip(words, found[len(names) :], strict=True):
            if gradient is not None:
                word.grad = gradient / len(self._order) if word.grad is None else word.grad.add_(gradient, alpha=1 / len(self._order))
        return {name: gradient for name, gradient in zip(names, found, strict=False) if gradient is not None}
