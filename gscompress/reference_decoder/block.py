"""One spatial block: its geometry layer after layer, then the harmonics of each layer (FORMAT.md, "Blocks")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from heapq import merge

import numpy as np

from ..entropy.range_coder import RangeDecoder
from ..model.reconstruct import Symbols
from ..model.steps import Params, compact
from .harmonics import HarmonicsDecoder
from .octree import OctreeDecoder
from .splats import Splat, SplatDecoder

Chunk = tuple[bytes, int]
"""A payload and its number of splats."""


def decode_block(
    params: Params, lowest_class: Sequence[int], geometry: Sequence[Chunk], harmonics: Sequence[Chunk]
) -> tuple[np.ndarray, ...]:
    """The fields of `Symbols` for the block's splats, of the chunks that are there.

    Raises:
        StreamFault: a stream is not sound.
    """
    octree, splats = OctreeDecoder(), SplatDecoder(params)
    earlier: list[int] = []
    for layer, (payload, count) in enumerate(geometry):
        io = RangeDecoder(payload)
        codes = octree.decode(io, params.depth, count, earlier)
        for code in codes:
            splats.decode(io, layer, lowest_class[layer], code)
            io.check()
        io.check_end()
        earlier = list(merge(earlier, codes))
    coefficients: list[list[int]] = []
    decoder = HarmonicsDecoder(len(params.basis))
    for payload, count in harmonics:
        io = RangeDecoder(payload)
        first = len(coefficients)
        for s in splats.splats[first : first + count]:
            coefficients.append(decoder.decode(io, s.color_class, splats.fine_cell(s.code)))
            io.check()
        io.check_end()
    return _columns(splats.splats, coefficients, len(params.basis))


def _columns(splats: list[Splat], coefficients: list[list[int]], components: int) -> tuple[np.ndarray, ...]:
    n = len(splats)
    harmonics = np.zeros((n, components), np.int64)
    if coefficients:
        harmonics[: len(coefficients)] = coefficients
    rows = {
        "voxel": ([[compact(s.code >> axis) for axis in range(3)] for s in splats], (n, 3)),
        "value": ([s.value for s in splats], (n, 7)),
        "color_class": ([s.color_class for s in splats], (n,)),
        "rotation": ([astuple(s.rotation) for s in splats], (n, 7)),
        "offset": ([s.offset for s in splats], (n, 3)),
        "log2_steps": ([s.log2_steps for s in splats], (n, 3)),
    }
    columns = {name: np.array(values, np.int64).reshape(shape) for name, (values, shape) in rows.items()}
    return tuple({**columns, "harmonics": harmonics}[name] for name in Symbols.__dataclass_fields__)
