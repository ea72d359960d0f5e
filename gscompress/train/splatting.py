"""Plain 3DGS from photographs: Adam on every value, and gsplat's densification.

    loss = 0.8 L1 + 0.2 (1 - SSIM) of one photograph after the other

Runs where `render.rasterization` does: on the CPU too. Results depend on the seed and the machine only, and a run that goes on
from a checkpoint ends as if it had not been broken off.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import GSCompressError, InputError, MissingExtra
from ..render.rasterization import rasterization
from ..scene import SH_C0, SH_COEFFICIENTS, Scene
from .devices import default_device
from .losses import photometric
from .photographs import Photographs
from .points import made_up_points, neighbour_distance
from .splatting_options import FULL_LENGTH, Schedule, SplattingOptions

try:
    import torch
except ImportError as error:
    raise MissingExtra("torch", "train", "training") from error
try:
    from gsplat.strategy import DefaultStrategy, ops  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise MissingExtra("gsplat", "train", "densification") from error
from torch import Tensor

NAMES = ("means", "scales", "quats", "opacities", "sh0", "shN")
"""Of the parameters, as gsplat's strategies have them: log scales, logits of opacities."""

EXTENT_MARGIN = 1.1
SNAPSHOT_EVERY = 100
"""Iterations after which all values are looked through, and kept."""

WINDOW = 50
"""Iterations that the loss is averaged over."""

EXPLODED = 3.0
"""The averaged loss over that of the beginning at which a run is given up."""

PROBES, SLOWDOWN = 5, 1.2
"""Iterations that are timed for `minutes`, and how much longer those of a run take on average, with Adam and more splats."""

ADVICE = "the last good scene is kept; smaller --rates (0.5, say) often help, and cameras that do not belong to the photographs never do"


class Diverged(GSCompressError):
    """Training has run away; `scene` is the last that was good, `iteration` its."""

    def __init__(self, reason: str, scene: Scene, iteration: int):
        super().__init__(f"training diverged: {reason}; {ADVICE}")
        self.scene, self.iteration = scene, iteration


@dataclass(frozen=True)
class Status:
    """Where a run is: iterations done and planned, loss and PSNR (dB) averaged over the last views, splats, seconds so far."""

    iteration: int
    iterations: int
    loss: float
    psnr: float
    splats: int
    sh_degree: int
    seconds: float
    share: float


class SplatTrainer:
    """A scene in training.

    Args:
        photographs: what to learn; its `test` is not looked at.
        options: how.
        device: of torch; None for CUDA where there is a device, else the CPU.

    Raises:
        InputError: no points to start from.
    """

    def __init__(self, photographs: Photographs, options: SplattingOptions = SplattingOptions(), device: str | None = None):  # noqa: B008 - frozen
        self.device = torch.device(device or default_device())
        self.options, self._cameras = options, [p.camera for p in photographs.train]
        self._images = [torch.as_tensor(p.image, device=self.device) for p in photographs.train]
        self._viewmats = self._tensor(np.stack([c.world_to_camera for c in self._cameras]))
        self._Ks = self._tensor([[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]] for c in self._cameras])
        self._behind = self._tensor([photographs.background])
        self._digest = _digest(photographs)
        places = np.stack([c.position for c in self._cameras])
        self.extent = EXTENT_MARGIN * float(np.linalg.norm(places - places.mean(0), axis=1).max()) or 1.0
        self.iteration, self.seconds, self.splats_at_start = 0, 0.0, 0
        self._losses: list[float] = []
        self._errors: list[float] = []
        self._first = math.inf
        self._adopt(self._start(photographs))
        self._good = (0, self.scene())
        self.schedule = Schedule.of(options.iterations if options.minutes is None else self._affordable(60 * options.minutes))
        self._strategy, self._counts = self._densification(), {"grad2d": None, "count": None, "scene_scale": self.extent}

    def __len__(self) -> int:
        return len(self.params["means"])

    def scene(self) -> Scene:
        """As it stands."""
        p = {name: t.detach().cpu().numpy() for name, t in self.params.items()}
        sh = np.concatenate([p["sh0"], p["shN"]], axis=1)
        return Scene(p["means"].copy(), p["quats"].copy(), p["scales"].copy(), p["opacities"].copy(), sh, self.options.antialiased)

    def status(self) -> Status:
        """Of this moment."""
        mean = np.mean(self._losses) if self._losses else math.nan
        error = float(np.mean(self._errors)) if self._errors else math.nan
        return Status(
            self.iteration, self.schedule.iterations, float(mean), -10 * math.log10(error) if error > 0 else math.nan, len(self),
            self._degree(), self.seconds, self._share(),
        )  # fmt: skip

    def train(
        self,
        progress: Callable[[Status], None] = lambda status: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Scene:
        """Trains to the end, or until `stop`, which is asked before every iteration, says so.

        Raises:
            Diverged: the loss, or a value, is not finite any more, or the loss has grown threefold.
        """
        limit = math.inf if self.options.minutes is None else 60 * self.options.minutes
        while self.iteration < self.schedule.iterations and self.seconds < limit and not stop():
            began = time.perf_counter()
            self._step()
            self.seconds += time.perf_counter() - began
            progress(self.status())
        return self.scene()

    @property
    def done(self) -> bool:
        """Whether `train` has nothing left to do."""
        return self._share() >= 1

    def state(self) -> dict[str, Any]:
        """What `load` takes: plain values, and the tensors themselves, so save it before training goes on."""
        return {
            "options": asdict(self.options), "photographs": self._digest, "iterations": self.schedule.iterations, "iteration": self.iteration,
            "seconds": self.seconds, "losses": list(self._losses), "errors": list(self._errors), "first": self._first,
            "params": {name: p.detach().cpu() for name, p in self.params.items()},
            "adam": {name: o.state_dict()["state"].get(0, {}) for name, o in self._adams.items()},
            "counts": {name: t.cpu() for name, t in self._counts.items() if isinstance(t, Tensor)},
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from `state`.

        Raises:
            InputError: it is of a run with other options.
        """
        mine = asdict(self.options)
        for name, value in state["options"].items():
            if mine.get(name) != value:
                raise InputError(f"resume: expected the options of the run so far, found {name} {mine.get(name)} in place of {value}")
        if state["photographs"] != self._digest:
            raise InputError("resume: expected the photographs, cameras and points of the run so far, found others")
        self.schedule = Schedule.of(state["iterations"])
        self._strategy = self._densification()
        self.iteration, self.seconds, self._first = state["iteration"], state["seconds"], state["first"]
        self._losses, self._errors = list(state["losses"]), list(state["errors"])
        self._adopt({name: state["params"][name].to(self.device) for name in NAMES})
        for name, adam in self._adams.items():
            if state["adam"][name]:
                adam.load_state_dict({"state": {0: state["adam"][name]}, "param_groups": adam.state_dict()["param_groups"]})
        self._counts |= {"grad2d": None, "count": None} | {n: t.to(self.device) for n, t in state["counts"].items()}
        self._good = (self.iteration, self.scene())

    def _tensor(self, values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values, np.float32), device=self.device)

    def _start(self, photographs: Photographs) -> dict[str, Tensor]:
        """Values of the first Gaussians: round, as wide as their neighbours are far, and faint."""
        o = self.options
        points, colors = photographs.points, photographs.colors
        if len(points) < 2:
            points, colors = made_up_points(photographs.train, o.points, o.seed)
        if o.max_splats is not None and len(points) > o.max_splats:
            some = np.sort(np.random.default_rng(o.seed).choice(len(points), o.max_splats, replace=False))
            points, colors = points[some], colors[some]
        self.splats_at_start = count = len(points)
        width = np.maximum(neighbour_distance(points, o.seed), 1e-7 * self.extent)
        sh = np.zeros((count, SH_COEFFICIENTS[o.sh_degree], 3), np.float32)
        sh[:, 0] = (colors / 255 - 0.5) / SH_C0
        values = {
            "means": points, "scales": np.log(width)[:, None].repeat(3, axis=1),
            "quats": np.random.default_rng(o.seed).random((count, 4)),
            "opacities": np.full(count, math.log(o.start_opacity / (1 - o.start_opacity))), "sh0": sh[:, :1], "shN": sh[:, 1:],
        }  # fmt: skip
        return {name: self._tensor(value) for name, value in values.items()}

    def _adopt(self, tensors: dict[str, Tensor]) -> None:
        """Takes values as the parameters, with optimisers that know nothing yet."""
        self.params = {name: torch.nn.Parameter(tensors[name].clone()) for name in NAMES}
        self._adams: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam([p], lr=self._rate(name), eps=1e-15, fused=True) for name, p in self.params.items()
        }

    def _rate(self, name: str) -> float:
        return getattr(self.options, f"{name}_rate") * self.options.rates * (self.extent if name == "means" else 1.0)

    def _densification(self) -> Any:
        s = self.schedule
        return DefaultStrategy(
            prune_opa=self.options.prune_opacity, refine_start_iter=s.refine_start, refine_stop_iter=s.refine_stop,
            refine_every=s.refine_every, reset_every=s.reset_every or 3 * FULL_LENGTH,
        )  # fmt: skip

    def _affordable(self, seconds: float) -> int:
        """Iterations that fit, about."""
        spent = []
        for i in range(PROBES):
            began = time.perf_counter()
            self._loss(i % len(self._cameras), self.options.sh_degree)[0].backward()
            spent.append(time.perf_counter() - began)
        for adam in self._adams.values():
            adam.zero_grad()
        return int(np.clip(seconds / (SLOWDOWN * np.median(spent)), 1, FULL_LENGTH))

    def _share(self) -> float:
        """Of the run that is done: of its iterations, or of its time, whichever is more."""
        share = self.iteration / self.schedule.iterations
        return share if self.options.minutes is None else min(1.0, max(share, self.seconds / (60 * self.options.minutes)))

    def _degree(self) -> int:
        return min(self.iteration // self.schedule.degree_every, self.options.sh_degree)

    def _view(self) -> int:
        """Every view once, in an order of its own, then every view again: a function of the iteration, so nothing to save."""
        turn, at = divmod(self.iteration, len(self._cameras))
        return int(np.random.default_rng([self.options.seed, turn]).permutation(len(self._cameras))[at])

    def _loss(self, view: int, degree: int) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Loss and mean squared error of a view, and what the densification asks for."""
        p, camera = self.params, self._cameras[view]
        # Bands that are not used yet have no gradients, so that Adam leaves them alone: they are most of the values.
        sh = torch.cat([p["sh0"], p["shN"][:, : SH_COEFFICIENTS[degree] - 1]], dim=1) if degree else p["sh0"]
        images, _, info = rasterization(
            p["means"], p["quats"], p["scales"].exp(), p["opacities"].sigmoid(), sh, self._viewmats[view : view + 1],
            self._Ks[view : view + 1], camera.width, camera.height, sh_degree=degree, backgrounds=self._behind,
            rasterize_mode="antialiased" if self.options.antialiased else "classic",
        )  # fmt: skip
        target = self._images[view].to(torch.float32) / 255
        loss = photometric(images[0], target, self.options.ssim_share)
        with torch.no_grad():
            error = (images[0].clamp(0, 1) - target).square().mean()
        return loss, error, {"gaussian_ids": None} | info

    def _step(self) -> None:
        now = self.iteration
        loss, error, info = self._loss(self._view(), self._degree())
        self._strategy.step_pre_backward(self.params, self._adams, self._counts, now, info)
        loss.backward()
        self._adams["means"].param_groups[0]["lr"] = self._rate("means") * self.options.means_decay ** self._share()
        for adam in self._adams.values():
            adam.step()
            adam.zero_grad(set_to_none=True)
        self._refine(info)
        self.iteration += 1
        self._watch(float(loss.detach()), float(error))

    def _refine(self, info: dict[str, Any]) -> None:
        """Counts gradients in the image, and adds and drops Gaussians where the schedule says so."""
        now = self.iteration
        devices = [self.device] if self.device.type == "cuda" else []
        if self.schedule.refines(now):
            self._strategy.grow_grad2d = self._threshold()
        with torch.random.fork_rng(devices, enabled=self.schedule.refines(now)):
            if self.schedule.refines(now):
                torch.manual_seed(self.options.seed + now)  # where splats split to: a function of the iteration too
            self._strategy.step_post_backward(self.params, self._adams, self._counts, now, info)
        surplus = len(self) - (self.options.max_splats or len(self))
        if surplus > 0:
            drop = torch.zeros(len(self), dtype=torch.bool, device=self.device)
            drop[torch.argsort(self.params["opacities"].detach(), stable=True)[:surplus]] = True
            ops.remove(self.params, self._adams, self._counts, drop)
        if self.schedule.resets(now):
            # gsplat 1.5.3 never gets to do so itself (its issue 797); doing it twice changes nothing.
            ops.reset_opa(self.params, self._adams, self._counts, 2 * self.options.prune_opacity)

    def _threshold(self) -> float:
        """Gradient from which Gaussians multiply, each to two: so high that hardly more do than there is room for."""
        o = self.options
        if o.max_splats is None or self._counts["grad2d"] is None:
            return o.grow_gradient
        room = o.max_splats - len(self)
        mean = self._counts["grad2d"] / self._counts["count"].clamp(min=1)
        if room >= len(mean):
            return o.grow_gradient
        return max(o.grow_gradient, float(torch.topk(mean, max(room, 0) + 1).values[-1]))

    def _watch(self, loss: float, error: float) -> None:
        """Keeps averages and a good state; see `Diverged`."""
        self._losses, self._errors = [*self._losses[1 - WINDOW :], loss], [*self._errors[1 - WINDOW :], error]
        mean = float(np.mean(self._losses))
        if self.iteration == min(WINDOW, len(self._cameras)):
            self._first = mean
        reason = None
        if not math.isfinite(loss):
            reason = f"the loss of iteration {self.iteration} is {loss}"
        elif mean > EXPLODED * self._first:
            reason = f"the loss has grown from {self._first:.3g} to {mean:.3g} by iteration {self.iteration}"
        elif self.iteration % SNAPSHOT_EVERY == 0 or self.iteration == self.schedule.iterations:
            bad = [name for name, p in self.params.items() if not torch.isfinite(p).all()]
            if bad or not len(self):
                reason = f"{bad[0]} hold values that are not finite" if bad else "no splats are left"
            else:
                self._good = (self.iteration, self.scene())
        if reason:
            raise Diverged(reason, self._good[1], self._good[0])


def _digest(photographs: Photographs) -> str:
    """Tells whether a checkpoint is of these photographs."""
    digest = hashlib.sha256(repr(photographs.background).encode())
    for photo in photographs.train:
        c = photo.camera
        digest.update(repr((c.fx, c.fy, c.cx, c.cy, c.width, c.height)).encode() + c.world_to_camera.tobytes())
        digest.update(np.ascontiguousarray(photo.image).tobytes())
    digest.update(np.ascontiguousarray(photographs.points).tobytes())
    return digest.hexdigest()
