"""Views and what should be seen from them, on the device that trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..cameras import Camera
from ..render.rasterization import rasterization
from ..render.squared_error import squared_error
from .student import GROUPS


class Views:
    """Images that a student should give, drawn in an order that a seed decides.

    Args:
        cameras: the views, of any sizes.
        images: float32 [H, W, 3] each.
        importance: how much each view's squared error counts.
        device: where the images go.
    """

    def __init__(
        self, cameras: Sequence[Camera], images: Sequence[np.ndarray], importance: Sequence[float], device: str | torch.device
    ):
        self.cameras, self.importance, self.device = tuple(cameras), tuple(importance), device
        self._images = [torch.as_tensor(image, dtype=torch.float32, device=device) for image in images]
        self._viewmats = torch.tensor(np.stack([c.world_to_camera for c in cameras]), dtype=torch.float32, device=device)
        ks = [[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]] for c in cameras]
        self._ks = torch.tensor(ks, dtype=torch.float32, device=device)
        self._rng = np.random.default_rng(0)
        self._queue: list[int] = []

    def draw(self) -> int:
        """A view; every one comes as often as any other."""
        if not self._queue:
            self._queue = self._rng.permutation(len(self.cameras)).tolist()
        return self._queue.pop()

    def error(self, tensors: Mapping[str, Tensor], view: int, antialiased: bool) -> Tensor:
        """What one view says of the squared error of all: its own, weighted, times the number of views."""
        camera, one = self.cameras[view], slice(view, view + 1)
        weight = self.importance[view] * len(self.cameras)
        if not self._images[view].is_cuda:
            means, quats, log_scales, opacity_logits, sh_constant, sh_rest = (tensors[name] for name in GROUPS)
            return weight * squared_error(
                means, quats, log_scales, opacity_logits, sh_constant, sh_rest, camera, self._images[view], antialiased
            )
        sh = torch.cat([tensors["sh_constant"], tensors["sh_rest"]], dim=1)
        image, _, _ = rasterization(
            tensors["means"], tensors["quats"], tensors["log_scales"].exp(), tensors["opacity_logits"].sigmoid(), sh,
            self._viewmats[one], self._ks[one], camera.width, camera.height, sh_degree=round(sh.shape[1] ** 0.5) - 1,
            rasterize_mode="antialiased" if antialiased else "classic",
        )  # fmt: skip
        return weight * (image[0] - self._images[view]).square().sum()

    def state(self) -> dict:
        """What `load` takes: where in the order of views this is."""
        return {"rng": self._rng.bit_generator.state, "queue": list(self._queue)}

    def load(self, state: dict) -> None:
        """Goes on from `state`."""
        self._rng.bit_generator.state = state["rng"]
        self._queue = list(state["queue"])
