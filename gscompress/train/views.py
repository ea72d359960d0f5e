"""Views and what should be seen from them, on the device that trains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ..render.rasterization import rasterization
from ..render.squared_error import squared_error
from .student import GROUPS
from .targets import Targets


class Views:
    """Images that a student should give, drawn in an order that a seed decides.

    Args:
        targets: the views.
        device: where the images go.
    """

    def __init__(self, targets: Targets, device: str | torch.device):
        self.cameras, self.device = targets.cameras, device
        self._images = [torch.as_tensor(image, device=device) for image in targets.images]
        self._background = torch.tensor(targets.background, dtype=torch.float32, device=device)
        self._viewmats = torch.tensor(np.stack([c.world_to_camera for c in self.cameras]), dtype=torch.float32, device=device)
        ks = [[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]] for c in self.cameras]
        self._ks = torch.tensor(ks, dtype=torch.float32, device=device)
        own = sum(3 * w * c.width * c.height for c, w in zip(self.cameras, targets.importance, strict=True))
        self._weights = [w * len(self.cameras) * targets.samples / own for w in targets.importance]
        self._rng = np.random.default_rng(0)
        self._queue: list[int] = []

    def draw(self) -> int:
        """A view; every one comes as often as any other."""
        if not self._queue:
            self._queue = self._rng.permutation(len(self.cameras)).tolist()
        return self._queue.pop()

    def error(self, tensors: Mapping[str, Tensor], view: int, antialiased: bool) -> Tensor:
        """What one view says of the squared error of all: its own, weighted, times the number of views."""
        camera, wanted, one = self.cameras[view], self._wanted(view), slice(view, view + 1)
        if not wanted.is_cuda:
            means, quats, log_scales, opacity_logits, sh_constant, sh_rest = (tensors[name] for name in GROUPS)
            return self._weights[view] * squared_error(
                means, quats, log_scales, opacity_logits, sh_constant, sh_rest, camera, wanted, antialiased, self._background
            )
        sh = torch.cat([tensors["sh_constant"], tensors["sh_rest"]], dim=1)
        image, _, _ = rasterization(
            tensors["means"], tensors["quats"], tensors["log_scales"].exp(), tensors["opacity_logits"].sigmoid(), sh,
            self._viewmats[one], self._ks[one], camera.width, camera.height, sh_degree=round(sh.shape[1] ** 0.5) - 1,
            backgrounds=self._background[None], rasterize_mode="antialiased" if antialiased else "classic",
        )  # fmt: skip
        return self._weights[view] * (image[0] - wanted).square().sum()

    def _wanted(self, view: int) -> Tensor:
        """float32 [H, W, 3]; photographs are many and stay bytes until they are looked at."""
        image = self._images[view]
        return image / 255 if image.dtype == torch.uint8 else image

    def state(self) -> dict:
        """What `load` takes: where in the order of views this is."""
        return {"rng": self._rng.bit_generator.state, "queue": list(self._queue)}

    def load(self, state: dict) -> None:
        """Goes on from `state`."""
        self._rng.bit_generator.state = state["rng"]
        self._queue = list(state["queue"])
