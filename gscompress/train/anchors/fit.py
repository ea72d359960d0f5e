"""Fits an anchor model to splats that are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from ...anchored import AnchorDraft, AnchorRun
from ...model.prediction import DEFAULT, fit_predictor
from .model import AnchorModel
from .parts import Parts

EXACT_FROM = 0.5
"""Share of the iterations after which the forward pass rounds as the integers do."""


def fit(
    draft: AnchorDraft, parts: Parts, progress: Callable[[float, dict[str, float]], None] = lambda share, bits: None
) -> tuple[AnchorDraft, dict[str, float]]:
    """`draft` with the networks and latents of `parts`, and the bits by group that the model expects in the end.

    Args:
        draft: of `anchored`, which predicts nothing.
        parts: what to train; its `slots` and `coarser` are the draft's.
        progress: called with the share done and the bits by group.
    """
    if not parts.hidden:
        return draft, {}
    torch.manual_seed(0)
    components = draft.children.basis.shape[0]
    predictor = fit_predictor(draft.run(DEFAULT, components).normal)
    model = AnchorModel(draft, draft.run(predictor, components, inputs=True), predictor, parts)
    quick = [model.hyper, model.latent]
    slow = [p for p in model.parameters() if all(p is not q for q in quick)]
    adam = torch.optim.Adam([{"params": slow, "lr": parts.rate}, {"params": quick, "lr": 10 * parts.rate}], betas=(0.9, 0.99))
    bits: dict[str, float] = {}
    for step in range(parts.iterations):
        share = step / parts.iterations
        for group, base in zip(adam.param_groups, (parts.rate, 10 * parts.rate), strict=True):
            group["lr"] = base * min(1.0, 20 * share + 0.05) * (1 - share) + 1e-5
        found = model.bits(parts.integer and share >= EXACT_FROM)
        total = torch.stack(list(found.values())).sum()
        adam.zero_grad(set_to_none=True)
        (total / len(draft.children.codes)).backward()
        adam.step()
        bits = {name: float(value.detach()) for name, value in found.items()}
        progress((step + 1) / parts.iterations, bits)
    with torch.no_grad():
        bits = {name: float(value) for name, value in model.bits(parts.integer).items()}
    networks, hyper, latent = model.export()
    return replace(draft, networks=networks, anchors=replace(draft.anchors, hyper=hyper, latent=latent)), bits


def coded(draft: AnchorDraft) -> tuple[AnchorRun, np.ndarray]:
    """The coder's own count, with the predictor that suits the draft."""
    components = draft.children.basis.shape[0]
    predictor = fit_predictor(draft.run(DEFAULT, components).normal)
    return draft.run(predictor, components), predictor
