"""LPIPS, the perceptual distance of Zhang et al. 2018 (https://arxiv.org/abs/1801.03924), version 0.1, in plain torch.

The lpips package and torchmetrics compute the same from the same weights, but both need torchvision for the layout of the
networks and download what they lack; this module needs neither. The lpips package is met to rounding; torchmetrics
normalises features by sqrt(1e-8 + sum of squares) in place of 1e-10 + sqrt(sum of squares), which shows only where features
are all but zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import InputError
from .lpips_weights import find_weights, read_weights, require_torch

if TYPE_CHECKING:
    from torch import Tensor

INPUT_RANGES = ("[-1,1]", "[0,1]")
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""ImageNet's mean and deviation, for channels in [-1, 1]."""


class Conv(NamedTuple):
    """A convolution and the ReLU after it; `index` is its place in torchvision's `features`, `tap` whether LPIPS looks at it."""

    index: int
    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    tap: bool


class Pool(NamedTuple):
    """The maximum over `kernel` x `kernel` px, every second one."""

    kernel: int


def _vgg16() -> Iterator[Conv | Pool]:
    index, inputs = 0, 3
    for block, (outputs, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        if block:
            yield Pool(2)
            index += 1
        for step in range(depth):
            yield Conv(index, inputs, outputs, 3, 1, 1, tap=step == depth - 1)
            index, inputs = index + 2, outputs


ALEXNET = (
    Conv(0, 3, 64, 11, 4, 2, True),
    Pool(3),
    Conv(3, 64, 192, 5, 1, 2, True),
    Pool(3),
    Conv(6, 192, 384, 3, 1, 1, True),
    Conv(8, 384, 256, 3, 1, 1, True),
    Conv(10, 256, 256, 3, 1, 1, True),
)
NETS: dict[str, tuple[Conv | Pool, ...]] = {"vgg": tuple(_vgg16()), "alex": ALEXNET}
SMALLEST_SIDE = {"vgg": 16, "alex": 31}
"""px; below, nothing is left after the last pooling."""


class LPIPS:
    """The distance between two images by a network's features: 0 for equal ones, larger the less alike they look."""

    def __init__(
        self, net: str = "vgg", *, weights: str | Path | None = None, input_range: str = "[-1,1]", device: str = "cpu"
    ):
        """
        Args:
            net: "vgg" (VGG16, usual for 3DGS) or "alex" (AlexNet, its authors' advice for comparing images).
            weights: folder with the files that `lpips_weights` names; None, or for what it lacks: torch's cache.
            input_range: what the network is fed. "[-1,1]" is what it was trained for (`normalize=True` of the lpips package
                and of torchmetrics; nerfbaselines, gsplat with AlexNet). "[0,1]" is what INRIA's metrics.py does, and
                gsplat with VGG: smaller numbers, to be compared with published ones of that kind only.
            device: of torch. On CUDA, torch's TF32 setting for convolutions moves the last digits.

        Raises:
            InputError: an unknown net or range, or `weights` is no folder.
            MissingWeights: a file is nowhere; the message says which, where it was looked for and where to get it.
            Corrupt: a file does not hold the network's weights.
            MissingExtra: torch is not installed.
        """
        if net not in NETS:
            raise InputError(f"net: expected one of {', '.join(NETS)}, found {net!r}")
        if input_range not in INPUT_RANGES:
            raise InputError(f"input_range: expected one of {', '.join(INPUT_RANGES)}, found {input_range!r}")
        self.net, self.input_range, self._torch = net, input_range, require_torch()
        backbone, heads = find_weights(net, weights)
        convolutions = [step for step in NETS[net] if isinstance(step, Conv)]
        shapes: dict[str, tuple[int, ...]] = {}
        for c in convolutions:
            shapes |= {
                f"features.{c.index}.weight": (c.outputs, c.inputs, c.kernel, c.kernel),
                f"features.{c.index}.bias": (c.outputs,),
            }
        taps = [c.outputs for c in convolutions if c.tap]
        head_shapes = {f"lin{i}.model.1.weight": (1, width, 1, 1) for i, width in enumerate(taps)}
        self._weights = {name: value.to(device) for name, value in read_weights(backbone, shapes).items()}
        self._heads = [value.to(device) for value in read_weights(heads, head_shapes).values()]
        self._shift, self._scale = (self._torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (SHIFT, SCALE))

    def __call__(self, a: np.ndarray, b: np.ndarray) -> float:
        """The distance of two images, both clamped to [0, 1] first, whatever `input_range` then makes of them.

        Args:
            a, b: float [H, W, 3] of equal shape, at least 16 px (vgg) or 31 px (alex) a side.

        Raises:
            InputError: the shapes differ, or the images are too small.
        """
        if a.ndim != 3 or a.shape != b.shape or a.shape[2] != 3:
            raise InputError(f"images: expected two of one shape [H, W, 3], found {a.shape} and {b.shape}")
        if min(a.shape[:2]) < SMALLEST_SIDE[self.net]:
            least = f"at least {SMALLEST_SIDE[self.net]} px a side"
            raise InputError(f"LPIPS ({self.net}): expected images of {least}, found {a.shape[1]} x {a.shape[0]}")
        total = 0.0
        with self._torch.inference_mode():
            # The taps of both images come in turn, so that only those of one layer are held at a time.
            for x, y, head in zip(self._features(a), self._features(b), self._heads, strict=True):
                difference = _unit(x).sub_(_unit(y)).square_()
                total += float(self._torch.nn.functional.conv2d(difference, head).mean())
        return total

    def _features(self, image: np.ndarray) -> Iterator[Tensor]:
        """[1, C, H', W'] after each tapped ReLU."""
        functional = self._torch.nn.functional
        pixels = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32).clip(0, 1)
        x = self._torch.from_numpy(pixels).to(self._shift.device)
        x = ((2 * x - 1 if self.input_range == "[-1,1]" else x) - self._shift) / self._scale
        for step in NETS[self.net]:
            if isinstance(step, Pool):
                x = functional.max_pool2d(x, step.kernel, 2)
                continue
            weight, bias = (self._weights[f"features.{step.index}.{name}"] for name in ("weight", "bias"))
            x = functional.conv2d(x, weight, bias, step.stride, step.padding).relu_()
            if step.tap:
                yield x


def _unit(features: Tensor) -> Tensor:
    """Features of length 1 at every position."""
    return features / (features.norm(dim=1, keepdim=True) + 1e-10)
