"""One anchor after another: hyper-latent, latent, which slots hold a child, and the children (FORMAT.md, "Anchors")."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..bitstream.anchor_heads import GUESS
from ..entropy.decisions import BitIO, Decisions
from ..entropy.range_coder import StreamFault
from ..entropy.symbols import SIGNED_NODES, code_signed
from ..model.anchors import AnchorNetworks, IntegerNetwork
from ..model.steps import FIXED_BITS, Params, clip, log2_integer
from .octree import OctreeDecoder
from .splats import SIZE_BUCKETS, SplatDecoder, size_bucket

LIMIT = 32767


class VectorDecoder:
    """Hyper-latents or latents of one block.

    Args:
        steps: of each dimension, in 1/256.
        prior: what is to be expected of them; without layers, nothing is.
    """

    def __init__(self, steps: Sequence[int], prior: IntegerNetwork) -> None:
        self._steps = [int(s) for s in steps]
        self._octaves = [(log2_integer(s) >> (FIXED_BITS - 8)) - 8 * 256 for s in self._steps]
        self._prior = prior
        self._model = Decisions(SIGNED_NODES, (SIZE_BUCKETS, len(steps), 8 * len(steps)))

    def decode(self, io: BitIO, seen: list[int]) -> list[int]:
        """The next vector, in 1/256, given what its prior sees."""
        n = len(self._steps)
        expected = _run(self._prior, seen) if self._prior.layers else [0] * (2 * n)
        out, size = [], 0
        for d, step in enumerate(self._steps):
            middle = (2 * expected[d] + step) // (2 * step)
            where = self._model.at((size_bucket(expected[n + d], self._octaves[d]), d, 8 * d + size))
            symbol = code_signed(io, self._model, where)
            out.append(clip((middle + symbol) * step, -LIMIT, LIMIT))
            size = min(abs(symbol).bit_length(), 7)
        return out


class AnchorDecoder:
    """The models of one block; its children are `splats`."""

    def __init__(self, params: Params, networks: AnchorNetworks, cell_shift: tuple[int, int]) -> None:
        self._depth = params.depth
        self._networks = networks
        self._octree = OctreeDecoder()
        self._hyper = VectorDecoder(networks.hyper_steps.tolist(), networks.hyper_prior)
        self._latent = VectorDecoder(networks.latent_steps.tolist(), networks.latent_prior)
        self._presence = Decisions(1, (16, networks.slots, 256))
        self.splats = SplatDecoder(params, cell_shift, SIZE_BUCKETS, 4 * SIZE_BUCKETS)

    def decode(self, io: BitIO, lowest_class: int, anchors: int, children: int) -> None:
        """A chunk of so many anchors and children.

        Raises:
            StreamFault: the stream ends too soon, or its children are more or fewer.
        """
        codes = self._octree.decode(io, self._depth, anchors, [])
        grid = self._networks.grid
        conditions = grid.at(np.array(codes, np.uint64), self._depth).tolist() if grid and codes else [[]] * len(codes)
        before = 0  # children of the anchor before
        for code, condition in zip(codes, conditions, strict=True):
            seen = list(condition)
            seen += self._hyper.decode(io, seen)
            seen += self._latent.decode(io, seen)
            seen += [clip(v, -LIMIT, LIMIT) for v in self.splats.near(code)]
            network = self._networks.children
            guesses: list[list[int] | None] = [None] * self._networks.slots
            if network.layers:
                said = _run(network, seen)
                guesses = [said[i : i + GUESS] for i in range(0, len(said), GUESS)]
            present = self._slots(io, guesses, before)
            before = min(len(present), 15)
            children -= len(present)
            if children < 0:
                raise StreamFault("more children than the chunk has")
            io.check()
            for guess in present:
                self.splats.decode(io, 0, lowest_class, code, guess)
                io.check()
        if children:
            raise StreamFault("fewer children than the chunk has")

    def _slots(self, io: BitIO, guesses: list[list[int] | None], before: int) -> list[list[int] | None]:
        """The guesses of those slots that hold a child."""
        out: list[list[int] | None] = []
        for k, guess in enumerate(guesses):
            if not out and k == len(guesses) - 1:  # an anchor has a child
                return [guess]
            odds = clip(((guess[0] if guess else 0) >> 6) + 8, 0, 15)
            where = self._presence.at((odds, k, 16 * min(len(out), 15) + before))
            if self._presence.code(io, where, 0):
                out.append(guess)
        return out


def _run(network: IntegerNetwork, seen: list[int]) -> list[int]:
    return network.run(np.array([seen], np.int16))[0].tolist()
