"""Images of a scene, their gradients, and what every Gaussian contributes to them.

The image formation is that of gsplat's `rasterization` (classic mode): EWA projection
(https://arxiv.org/abs/2308.04079), dilation by 0.3 px², alpha = min(0.999, opacity exp(-sigma)), nothing below 1/255,
and an end of each pixel before its transmittance falls to 1e-4. `reference` says the same in plain torch.
"""

from .contributions import Contributions, contributions
from .gradients import gradients
from .images import Backend, render, render_each
from .raster import Rendered, render_view
from .views import synthesise

__all__ = [
    "Backend", "Contributions", "Rendered", "contributions", "gradients", "render", "render_each", "render_view", "synthesise",
]  # fmt: skip
