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
LATENTS_FASTER = 10
"""Times the networks' learning rate."""


def fit(
    draft: AnchorDraft, parts: Parts, progress: Callable[[float, dict[str, float]], None] = lambda share, bits: None
) -> tuple[AnchorDraft, dict[str, float]]:
    """`draft` with the networks and latents of `parts`, and the bits by group that the model expects in the end: by a sixth or so more
    than the coder needs, which also learns what the model does not know of (precision classes, the splat before).

    Args:
        draft: of `anchored`, which predicts nothing.
        parts: what to train; its `slots` and `coarser` are the draft's.
        progress: called with the share done and the bits by group.
    """
    if not parts.hidden:
        return draft, {}
    run, predictor = coded(draft, inputs=True)
    torch.manual_seed(0)
    model = AnchorModel(parts, len(draft.anchors.codes))
    model.describe(draft, run, predictor)
    model.start(predictor)
    bits = train(model, adam_of(model), parts.iterations, progress=progress)
    return exported(draft, model), bits


def adam_of(model: AnchorModel) -> torch.optim.Adam:
    """The optimiser: latents in a group of their own, the second."""
    quick = [model.hyper, model.latent]
    slow = [p for p in model.parameters() if all(p is not q for q in quick)]
    rate = model.parts.rate
    return torch.optim.Adam([{"params": slow, "lr": rate}, {"params": quick, "lr": LATENTS_FASTER * rate}], betas=(0.9, 0.99))


def train(
    model: AnchorModel, adam: torch.optim.Adam, steps: int, exact_from: float = EXACT_FROM,
    progress: Callable[[float, dict[str, float]], None] = lambda share, bits: None,
) -> dict[str, float]:  # fmt: skip
    """Steps for the bits of the splats that the model was told of, and the bits by group in the end.

    Args:
        adam: of `adam_of`.
        exact_from: share of the steps after which the forward pass rounds as the integers do, if the parts say so at all.
        progress: called with the share done and the bits by group.
    """
    parts = model.parts
    for step in range(steps):
        share = step / steps
        for group, base in zip(adam.param_groups, (parts.rate, LATENTS_FASTER * parts.rate), strict=True):
            group["lr"] = base * min(1.0, 20 * share + 0.05) * (1 - share) + 1e-5
        found = model.bits(parts.integer and share >= exact_from)
        adam.zero_grad(set_to_none=True)
        (torch.stack(list(found.values())).sum() / len(model.splats.anchor)).backward()
        adam.step()
        progress((step + 1) / steps, {name: float(value.detach()) for name, value in found.items()})
    adam.zero_grad(set_to_none=True)
    with torch.no_grad():
        return {name: float(value) for name, value in model.bits(parts.integer).items()}


def exported(draft: AnchorDraft, model: AnchorModel) -> AnchorDraft:
    """`draft` with the model's networks and latents."""
    networks, hyper, latent = model.export()
    return replace(draft, networks=networks, anchors=replace(draft.anchors, hyper=hyper, latent=latent))


def coded(draft: AnchorDraft, inputs: bool = False) -> tuple[AnchorRun, np.ndarray]:
    """The coder's own count, with the predictor that suits the draft; `inputs` as for `AnchorDraft.run`."""
    components = draft.children.basis.shape[0]
    predictor = fit_predictor(draft.run(DEFAULT, components).normal)
    return draft.run(predictor, components, inputs), predictor
