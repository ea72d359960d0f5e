"""Anchors that are trained along with a student's splats, under one loss."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from ...anchored import AnchorDraft, AnchorRun, coarsened
from ...draft import Draft
from ...encoder import Encoder
from ...model.anchors import AnchorNetworks
from ...model.voxels import Grid, fit_grid
from ...scene import Scene
from ..bits import BitModel
from .bits import AnchorBits
from .fit import EXACT_FROM, LATENTS_FASTER, adam_of, coded, exported, train
from .model import AnchorModel
from .parts import Parts
from .slots import NEW, Slots


class JointAnchors:
    """The anchors of a student: their slots, networks and latents, with the optimiser.

    Args:
        parts: what there is; without networks (`hidden` 0) only the slots are kept.
        device: where the student is.
    """

    def __init__(self, parts: Parts, device: str | torch.device = "cpu"):
        self.parts, self._device = parts, device
        self.slots: Slots | None = None
        self.model: AnchorModel | None = None
        self._adam: torch.optim.Adam | None = None

    def renew(self, rows: np.ndarray, means: np.ndarray) -> None:
        """Follows the student; arguments as for `Slots.follow`. Anchors keep their latents, new ones have zeros.

        Voxels grow with the distance between splats: what few are left would pay for a deep octree otherwise.
        """
        if self.slots is None:
            return
        self.slots, origin = self.slots.follow(coarsened(fit_grid(means), self.parts.coarser), rows, means)
        if self.model is None:
            return
        assert self._adam is not None
        index = torch.as_tensor(np.maximum(origin, 0), device=self._device)
        old = torch.as_tensor(origin != NEW, device=self._device)[:, None]
        group = self._adam.param_groups[1]
        for i, name in enumerate(("hyper", "latent")):
            before = getattr(self.model, name)
            after = torch.nn.Parameter(before.detach()[index] * old)
            setattr(self.model, name, after)
            state = self._adam.state.pop(before, {})
            if state:
                self._adam.state[after] = {k: v[index] * old if k.startswith("exp_avg") else v for k, v in state.items()}
            group["params"][i] = after

    def arrange(self, draft: Draft) -> AnchorDraft:
        """The splats of `draft`, which are the student's, in their slots, with networks and latents as they are."""
        if self.slots is None:
            means = np.empty_like(draft.splats.means)
            means[draft.layout.order] = draft.splats.means
            self.slots = Slots.over(coarsened(draft.grid, self.parts.coarser), self.parts.slots, means)
        bare = self._bare(draft)
        return bare if self.model is None else exported(bare, self.model)

    def settled(self, draft: Draft) -> AnchorDraft:
        """As `arrange`, but trained for some more steps for the bits of just these values; the anchors themselves stay as they are."""
        if self.slots is not None and len(self.slots.anchor) != len(draft.codes):  # of a student that was left as it was before
            return JointAnchors(self.parts, self._device).arrange(draft)
        made = self.arrange(draft)
        if self.model is None or not self.parts.settle:
            return made
        run, predictor = coded(made, inputs=True)
        model = deepcopy(self.model)
        model.describe(made, run, predictor)
        train(model, adam_of(model), self.parts.settle, exact_from=0.0)
        return exported(made, model)

    def code(self, coder: Encoder, scene: Scene, slope: float) -> tuple[AnchorDraft, np.ndarray, AnchorRun]:
        """All Gaussians of `scene`, the student, as `Encoder.code` has them; the model is told of them."""
        draft = coder.draft(scene, slope)
        made = self.arrange(draft)
        run, predictor = coded(made, inputs=True)
        if not self.parts.hidden:
            return made, predictor, run
        if self.model is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                self._adopt(AnchorModel(self.parts, len(made.anchors.codes)))
            assert self.model is not None
            assert self._adam is not None
            self.model.describe(made, run, predictor)
            self.model.start(predictor)
            train(self.model, self._adam, self.parts.warm_up)
            made = self.arrange(draft)
            run, predictor = coded(made, inputs=True)
        self.model.describe(made, run, predictor)
        return made, predictor, run

    def bits(
        self, draft: AnchorDraft, predictor: np.ndarray, run: AnchorRun, tensors: Mapping[str, Tensor], share: float
    ) -> BitModel | AnchorBits:
        """The bits about what `code` gave, at `share` of the training."""
        if self.model is None:
            return BitModel(draft.children, predictor, run.bits, tensors, draft.cell_shift)
        return AnchorBits(draft, predictor, run, tensors, self.model, self.parts.integer and share >= EXACT_FROM)

    def step(self, decay: float) -> None:
        """One step of Adam at `decay` times the learning rates; gradients are cleared."""
        if self._adam is None:
            return
        for group, rate in zip(self._adam.param_groups, (self.parts.rate, LATENTS_FASTER * self.parts.rate), strict=True):
            group["lr"] = rate * decay
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def state(self) -> dict | None:
        """What `load` takes; None before the first review."""
        s = self.slots
        if s is None:
            return None
        out = {
            "origin": s.grid.origin, "voxel": s.grid.voxel, "depth": s.grid.depth, "codes": torch.as_tensor(s.codes.astype(np.int64)),
            "anchor": torch.as_tensor(s.anchor), "slot": torch.as_tensor(s.slot),
        }  # fmt: skip
        if self.model is not None and self._adam is not None:
            out["model"] = {name: t.detach().cpu().clone() for name, t in self.model.state_dict().items()}
            out["adam"] = deepcopy(self._adam.state_dict())
        return out

    def load(self, state: dict | None) -> None:
        """Goes on from the `state` of anchors of the same parts."""
        if state is None:
            return
        grid = Grid(tuple(state["origin"]), state["voxel"], state["depth"])
        codes, anchor, slot = (state[name].numpy() for name in ("codes", "anchor", "slot"))
        self.slots = Slots(grid, self.parts.slots, codes.astype(np.uint64), anchor, slot)
        if "model" in state:
            self._adopt(AnchorModel(self.parts, len(codes)))
            assert self.model is not None
            assert self._adam is not None
            self.model.load_state_dict(state["model"])
            self._adam.load_state_dict(state["adam"])

    def _adopt(self, model: AnchorModel) -> None:
        self.model = model.to(self._device)
        self._adam = adam_of(self.model)

    def _bare(self, draft: Draft) -> AnchorDraft:
        """With nothing that predicts."""
        assert self.slots is not None
        nothing = np.zeros((len(self.slots.codes), 0), np.int32)
        return self.slots.draft(draft, AnchorNetworks.absent(self.parts.slots), nothing, nothing)
