"""A scene as tensors that are trained."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from ..errors import MissingExtra
from ..scene import Scene

try:
    import torch
except ImportError as error:
    raise MissingExtra("torch", "train", "training") from error
from torch import Tensor

GROUPS = ("means", "quats", "log_scales", "opacity_logits", "sh_constant", "sh_rest")
"""The tensors of a scene; each has a learning rate of its own."""


@dataclass(frozen=True)
class Rates:
    """Adam's steps at the start: `means` in units of the scene's typical distance from its cameras, the others of the values."""

    means: float = 1.7e-4
    quats: float = 3e-3
    log_scales: float = 1.5e-2
    opacity_logits: float = 7.5e-2
    sh_constant: float = 7.5e-3
    sh_rest: float = 8e-4
    betas: tuple[float, float] = (0.9, 0.99)


def tensors_of(scene: Scene, device: str | torch.device = "cpu") -> dict[str, Tensor]:
    """float32 tensors of a scene, copies: [N, 3], [N, 4], [N, 3], [N], [N, 1, 3], [N, K - 1, 3]."""
    arrays = (scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh[:, :1], scene.sh[:, 1:])
    return {name: torch.tensor(array, device=device) for name, array in zip(GROUPS, arrays, strict=True)}


def scene_of(tensors: Mapping[str, Tensor], antialiased: bool) -> Scene:
    """The scene that tensors in the form of `tensors_of` stand for; a copy."""
    means, quats, log_scales, logits, constant, rest = (tensors[name].detach().cpu().numpy().copy() for name in GROUPS)
    return Scene(means, quats, log_scales, logits, np.concatenate([constant, rest], axis=1), antialiased)


class Student:
    """Trained tensors with their optimiser (Adam).

    Args:
        scene: where it starts; its quaternions are normalised.
        rates: learning rates at the start.
        distance: typical distance of the scene from its cameras, world units.
        device: where the tensors are.
    """

    def __init__(self, scene: Scene, rates: Rates, distance: float, device: str | torch.device = "cpu"):
        self.antialiased = scene.antialiased
        unit = scene.quats / np.linalg.norm(scene.quats.astype(np.float64), axis=1, keepdims=True)
        start = Scene(scene.means, unit, scene.log_scales, scene.opacity_logits, scene.sh)
        self.tensors = {name: t.requires_grad_() for name, t in tensors_of(start, device).items()}
        self._base = {name: getattr(rates, name) * (distance if name == "means" else 1.0) for name in GROUPS}
        self._optimizer = torch.optim.Adam(
            [{"params": [t], "lr": self._base[name], "name": name} for name, t in self.tensors.items()],
            betas=rates.betas, eps=1e-15, fused=True,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.tensors["means"])

    def scene(self) -> Scene:
        """As it stands."""
        return scene_of(self.tensors, self.antialiased)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.tensors["means"].device

    def add_gradients(self, gradients: Mapping[str, Tensor], factor: float) -> None:
        """Adds `factor` times `gradients`, by group, to those of the last backward pass."""
        for name, gradient in gradients.items():
            own = self.tensors[name]
            own.grad = factor * gradient if own.grad is None else own.grad.add_(gradient, alpha=factor)

    def step(self, decay: float) -> None:
        """One step of Adam at `decay` times the learning rates; gradients are cleared."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._base[group["name"]] * decay
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def keep(self, rows: Tensor) -> None:
        """Keeps the Gaussians that `rows` (bool [N] or indices) names, with what Adam knows of them."""
        for group in self._optimizer.param_groups:
            old = group["params"][0]
            state = self._optimizer.state.pop(old, {})
            new = old.detach()[rows].clone().requires_grad_()
            self._optimizer.state[new] = {
                key: value[rows].clone() if key.startswith("exp_avg") else value for key, value in state.items()
            }
            group["params"][0] = self.tensors[group["name"]] = new

    def append(self, born: Mapping[str, Tensor]) -> None:
        """Adds Gaussians, by group, of which Adam knows nothing yet."""
        for group in self._optimizer.param_groups:
            old, more = group["params"][0], born[group["name"]]
            state = self._optimizer.state.pop(old, {})
            new = torch.cat([old.detach(), more]).requires_grad_()
            self._optimizer.state[new] = {
                key: torch.cat([value, torch.zeros_like(more)]) if key.startswith("exp_avg") else value for key, value in state.items()
            }
            group["params"][0] = self.tensors[group["name"]] = new

    def state(self) -> dict:
        """What `load` takes: copies of the tensors and of what the optimiser knows."""
        return {"tensors": {k: t.detach().cpu().clone() for k, t in self.tensors.items()}, "adam": deepcopy(self._optimizer.state_dict())}

    def load(self, state: dict) -> None:
        """Goes on from `state`, which may have another number of Gaussians."""
        for group in self._optimizer.param_groups:
            old = group["params"][0]
            self._optimizer.state.pop(old, None)
            new = state["tensors"][group["name"]].to(old.device).clone().requires_grad_()
            group["params"][0] = self.tensors[group["name"]] = new
        self._optimizer.load_state_dict(state["adam"])
