"""One spatial block: its geometry layer after layer, then the harmonics of each layer (FORMAT.md, "Blocks")."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from heapq import merge

import numpy as np

from ..bitstream.anchor_heads import ANCHORS_HEAD, anchors_of
from ..bitstream.container import ANCHORS, GEOMETRY, HARMONICS, Container
from ..entropy.range_coder import RangeDecoder, StreamFault
from ..errors import Corrupt
from ..model.anchors import AnchorNetworks
from ..model.reconstruct import Symbols
from ..model.steps import Params, compact
from .anchors import AnchorDecoder
from .harmonics import HarmonicsDecoder
from .octree import OctreeDecoder
from .splats import Splat, SplatDecoder


@contextmanager
def named_stream(field: str, name: str) -> Iterator[None]:
    """Faults of a stream become errors that name the part of the file `name`."""
    try:
        yield
    except StreamFault as fault:
        raise Corrupt(name, field, "a sound stream", str(fault)) from fault


def decode_block(file: Container, params: Params, block: int, name: str) -> tuple[np.ndarray, ...]:
    """The fields of `Symbols` for a block's splats, of the chunks that are there.

    Raises:
        Corrupt: a stream is not sound.
    """
    return columns(*decode_splats(file, params, block, name), len(params.basis))


def decode_splats(file: Container, params: Params, block: int, name: str) -> tuple[list[Splat], list[list[int]]]:
    """A block's splats, and of those whose harmonics are there the coefficients, in steps.

    Raises:
        Corrupt: a stream is not sound.
    """
    geometry, harmonics = (_chunks(file, kind, block) for kind in (GEOMETRY, HARMONICS))
    splats = _layers(geometry, file.header.lowest_class, params, block, name)
    return splats.splats, _harmonics(harmonics, splats, len(params.basis), block, name)


def decode_anchor_block(
    file: Container, params: Params, networks: AnchorNetworks, block: int, name: str
) -> tuple[np.ndarray, ...]:
    """As `decode_block`, of a file of anchors.

    Raises:
        Corrupt: a stream is not sound.
    """
    assert file.networks
    anchors, harmonics = (_chunks(file, kind, block) for kind in (ANCHORS, HARMONICS))
    decoder = AnchorDecoder(params, networks, file.networks.cell_shift)
    for payload, count in anchors:
        with named_stream(f"anchors of block {block}, layer 0", name):
            io = RangeDecoder(payload[ANCHORS_HEAD:])
            decoder.decode(io, file.header.lowest_class[0], anchors_of(payload, count, file.networks), count)
            io.check_end()
    coefficients = _harmonics(harmonics, decoder.splats, len(params.basis), block, name)
    return columns(decoder.splats.splats, coefficients, len(params.basis))


def _chunks(file: Container, kind: int, block: int) -> list[tuple[bytes, int]]:
    """Payload and number of splats of a block's chunks that are there."""
    return [(s.payload, s.splats) for s in file.sections if s.kind == kind and s.block == block and s.present]


def _layers(
    geometry: list[tuple[bytes, int]], lowest_class: tuple[int, ...], params: Params, block: int, name: str
) -> SplatDecoder:
    octree, splats = OctreeDecoder(), SplatDecoder(params)
    earlier: list[int] = []
    for layer, (payload, count) in enumerate(geometry):
        with named_stream(f"geometry of block {block}, layer {layer}", name):
            io = RangeDecoder(payload)
            codes = octree.decode(io, params.depth, count, earlier)
            for code in codes:
                splats.decode(io, layer, lowest_class[layer], code)
                io.check()
            io.check_end()
        earlier = list(merge(earlier, codes))
    return splats


def _harmonics(
    chunks: list[tuple[bytes, int]], splats: SplatDecoder, components: int, block: int, name: str
) -> list[list[int]]:
    coefficients: list[list[int]] = []
    decoder = HarmonicsDecoder(components)
    for layer, (payload, count) in enumerate(chunks):
        with named_stream(f"harmonics of block {block}, layer {layer}", name):
            io = RangeDecoder(payload)
            first = len(coefficients)
            for s in splats.splats[first : first + count]:
                coefficients.append(decoder.decode(io, s.color_class, splats.fine_cell(s.code)))
                io.check()
            io.check_end()
    return coefficients


def columns(splats: list[Splat], coefficients: list[list[int]], components: int) -> tuple[np.ndarray, ...]:
    """The fields of `Symbols`; zeros for coefficients that are not there."""
    n = len(splats)
    harmonics = np.zeros((n, components), np.int64)
    if coefficients:
        harmonics[: len(coefficients)] = coefficients
    rows = {
        "voxel": ([[compact(s.code >> axis) for axis in range(3)] for s in splats], (n, 3)),
        "shift": ([s.shift for s in splats], (n, 3)),
        "value": ([s.value for s in splats], (n, 7)),
        "color_class": ([s.color_class for s in splats], (n,)),
        "rotation": ([astuple(s.rotation) for s in splats], (n, 7)),
        "offset": ([s.offset for s in splats], (n, 3)),
        "log2_steps": ([s.log2_steps for s in splats], (n, 3)),
    }
    arrays = {name: np.array(values, np.int64).reshape(shape) for name, (values, shape) in rows.items()}
    return tuple({**arrays, "harmonics": harmonics}[name] for name in Symbols.__dataclass_fields__)
