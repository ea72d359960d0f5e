"""What an anchor model is made of; every part can be left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parts:
    """Sizes of the parts; 0 leaves one out.

    Attributes:
        slots: children that an anchor may have.
        coarser: levels by which the anchors' octree is less deep than the splats' would be.
        hidden: width of the networks' hidden layer; 0 for no networks, and then nothing else but slots and coarser counts.
        near: the children's network sees what was coded nearby; without, its guesses do not move as neighbours are rounded anew.
        latent, hyper: numbers of each anchor.
        latent_step, hyper_step: of what they are rounded to.
        resolutions: of the condition's levels; none for no grid.
        table: rows of a level at most, a power of two.
        features: of a node.
        integer: train as the integers round; else they are rounded at the end only.
        iterations: steps of Adam, where splats are given.
        warm_up: the same where splats are trained as well, before that.
        settle: the same at its end, before values are rounded; what splats have learnt to make up for changes with it, so that 0 is best.
        rate: of Adam at the start; of the latents ten times as much.
    """

    slots: int = 4
    coarser: int = 1
    hidden: int = 24
    near: bool = True
    latent: int = 0
    hyper: int = 0
    latent_step: float = 0.25
    hyper_step: float = 0.25
    resolutions: tuple[int, ...] = ()
    table: int = 4096
    features: int = 2
    integer: bool = True
    iterations: int = 400
    warm_up: int = 100
    settle: int = 0
    rate: float = 2e-3


JOINT = Parts(slots=2, coarser=0, hidden=1, near=False)
"""Of anchors that are trained along with splats: what is expected in each slot, the same of all anchors."""
