"""Scales and rotations that learn to be sums of codewords: Compact 3DGS's residual vector quantisation, started late, with a rate."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from .residual_vq import ResidualCodebooks
from .shape_space import FLOOR, SCALE_WEIGHT, Canonical, precision, rotation_metric

GROUPS = 16
"""Kinds of vectors with statistics of their own: precision classes, or the precision of a rotation."""


@dataclass(frozen=True)
class ShapeOptions:
    """Sizes of the codebooks and how they are found.

    Attributes:
        stages, codes: of scales and of rotations each; Compact 3DGS has 6 and 64.
        rate: bits count this much against distortion; 0 takes the nearest codewords.
        beam: beginnings that are kept, see `residual_assign`.
        rounds: of Lloyd's algorithm at the start.
        learning_rate: of the codewords, Adam.
    """

    stages: int = 6
    codes: int = 64
    rate: float = 1.0
    beam: int = 2
    rounds: int = 8
    learning_rate: float = 1e-4


class ShapeQuantiser:
    """Codebooks of a student's scales and rotations.

    Args:
        options: sizes.
        tensors: the student's.
        weight: float [N], distortion of a squared relative error of each Gaussian's blending weight, over lambda.
        group: int64 [N], precision classes, below `GROUPS`.
        log2_blur: float [N], log2 of what hides detail, world units.

    Attributes:
        indices: int64 [N, stages] of scales and of rotations.
        groups: int64 [N] that their statistics are by.
    """

    def __init__(self, options: ShapeOptions, tensors: Mapping[str, Tensor], weight: Tensor, group: Tensor, log2_blur: Tensor):
        self.options = options
        self.describe(weight, group, log2_blur)
        with torch.no_grad():
            vectors = self._vectors(tensors)
        o, books = options, []
        for values, metric, kind in vectors:
            book = ResidualCodebooks.start(values, metric, o.stages, o.codes, groups=GROUPS)
            book.count(book.assign(values, metric, kind, 0.0), kind)
            for _ in range(o.rounds):
                book.lloyd(values, metric, kind, o.rate, o.beam)
            books.append(book)
        self.books = torch.nn.ModuleDict(dict(zip(("scales", "quats"), books, strict=True)))
        self._optimizer = torch.optim.Adam(self.books.parameters(), lr=o.learning_rate)
        self.indices: list[Tensor] = []
        self.groups: list[Tensor] = []
        self.assign(tensors)

    def __len__(self) -> int:
        return len(self._weight)

    def describe(self, weight: Tensor, group: Tensor, log2_blur: Tensor) -> None:
        """What is known of the Gaussians by now; as for the constructor."""
        self._weight, self._group, self._log2_blur = weight, group, log2_blur

    @property
    def scales(self) -> ResidualCodebooks:
        """Of log2 scales, longest first [N, 3]."""
        return self.books["scales"]  # pyright: ignore[reportReturnType]

    @property
    def quats(self) -> ResidualCodebooks:
        """Of canonical quaternions [N, 4]."""
        return self.books["quats"]  # pyright: ignore[reportReturnType]

    @torch.no_grad()
    def assign(self, tensors: Mapping[str, Tensor]) -> None:
        """Chooses codewords anew, by distortion and bits, and counts them."""
        self.indices, self.groups = [], []
        for book, (values, metric, kind) in zip((self.scales, self.quats), self._vectors(tensors), strict=True):
            index = book.assign(values, metric, kind, self.options.rate, self.options.beam)
            book.count(index, kind)
            self.indices.append(index)
            self.groups.append(kind)

    def seen(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`log_scales` and `quats` as a file of codewords would have them; gradients go to the tensors and the codewords."""
        canonical = self._canonical(tensors)
        scales = self.scales(canonical.scales, self.indices[0])
        quats = torch.nn.functional.normalize(self.quats(canonical.quats, self.indices[1]), dim=1)
        log_scales, quats = canonical.back(scales, quats)
        return {"log_scales": log_scales, "quats": quats}

    def bits(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Bits of all indices with soft counts, differentiable by tensors and codewords."""
        total = torch.zeros((), device=self._weight.device)
        for book, index, (values, metric, kind) in zip((self.scales, self.quats), self.indices, self._vectors(tensors), strict=True):
            total = total + book.rate(values, index, metric.detach(), kind)
        return total

    def gradients(self, tensors: Mapping[str, Tensor], factor: float) -> dict[str, Tensor]:
        """Derivatives of `bits` by the tensors; `factor` times those by the codewords are added to theirs."""
        names, words = ("log_scales", "quats"), list(self.books.parameters())
        found = torch.autograd.grad(self.options.rate * self.bits(tensors), [*(tensors[n] for n in names), *words])
        for word, gradient in zip(words, found[2:], strict=True):
            word.grad = factor * gradient if word.grad is None else word.grad.add_(gradient, alpha=factor)
        return dict(zip(names, found[:2], strict=True))

    def step(self, scale: float) -> None:
        """One step of Adam at `scale` times the learning rate; gradients are cleared."""
        self._optimizer.param_groups[0]["lr"] = self.options.learning_rate * scale
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict:
        """What `load` takes."""
        books = {name: t.detach().cpu().clone() for name, t in self.books.state_dict().items()}
        return {"splats": len(self), "books": books, "adam": deepcopy(self._optimizer.state_dict())}

    def load(self, state: dict) -> None:
        """Goes on from the `state` of a quantiser of the same options and as many Gaussians."""
        self.books.load_state_dict(state["books"])
        self._optimizer.load_state_dict(state["adam"])

    def _canonical(self, tensors: Mapping[str, Tensor]) -> Canonical:
        return Canonical.of(tensors["log_scales"], tensors["quats"])

    def _vectors(self, tensors: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Vectors, metrics and groups of scales and of rotations."""
        c = self._canonical(tensors)
        scales = torch.maximum(c.scales, self._log2_blur[:, None] + FLOOR)
        metric = rotation_metric(c.scales.detach(), c.quats.detach(), self._log2_blur, self._weight)
        return [(scales, SCALE_WEIGHT * self._weight, self._group), (c.quats, metric, precision(metric))]
