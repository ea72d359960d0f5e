"""The decoder again, in plain Python and NumPy, to be read beside FORMAT.md.

Slow (minutes for a million splats), but its result is that of the native decoder, bit for bit: what the two disagree on
is a bug in one of them, or a gap in FORMAT.md.

    bytes ─ container ─► header, chunks ─ block by block ─► symbols ─ reconstruct ─► Scene
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..bitstream.container import BASIS, CHUNKS, CONDITION, NETWORKS, Container, Header, parse
from ..entropy.decisions import Decisions
from ..entropy.range_coder import RangeDecoder, StreamFault
from ..entropy.symbols import SIGNED_NODES, code_signed
from ..model.anchors import AnchorNetworks
from ..model.prediction import FEATURES
from ..model.reconstruct import Symbols, reconstruct
from ..model.steps import Params
from ..scene import Scene
from .block import decode_anchor_block, decode_block, named_stream
from .networks import decode_grid, decode_networks


@dataclass(frozen=True, eq=False)
class ReferenceDecoded:
    """A decoded file: `chunks` of its `chunks_total` chunks were there."""

    scene: Scene
    chunks: int
    chunks_total: int


def decode(data: bytes, name: str = "<bytes>", partial: bool = False) -> ReferenceDecoded:
    """The scene of a file; arguments and errors are those of `gscompress.codec.decode`.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported.
    """
    file = parse(data, name, partial)
    params, networks = shared(file, name)
    if networks:
        parts = [decode_anchor_block(file, params, networks, block, name) for block in range(file.header.blocks)]
    else:
        parts = [decode_block(file, params, block, name) for block in range(file.header.blocks)]
    symbols = Symbols(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    scene = Scene(*reconstruct(params, symbols), antialiased=file.header.antialiased)
    chunks = [s.present for s in file.sections if s.kind in CHUNKS]
    return ReferenceDecoded(scene, sum(chunks), len(chunks))


def shared(file: Container, name: str) -> tuple[Params, AnchorNetworks | None]:
    """What all blocks need to know; networks are those of a file of anchors, if they are there.

    Raises:
        Corrupt: a stream is not sound.
    """
    networks = _networks(file, name)
    with named_stream("basis", name):
        return _params(file), networks


def _params(file: Container) -> Params:
    h = file.header
    predictor = tuple(h.predictor[i : i + FEATURES] for i in range(0, len(h.predictor), FEATURES))
    return Params(
        h.depth, h.origin, h.voxel, h.log2_step, h.view_centre, h.view_radius, h.log2_footprint, h.mean, predictor,
        _basis(h, _payload(file, BASIS)),
    )  # fmt: skip


def _payload(file: Container, kind: int) -> bytes | None:
    """Of the one section of a kind, None where it is not there."""
    return next((s.payload for s in file.sections if s.kind == kind and s.present), None)


def _networks(file: Container, name: str) -> AnchorNetworks | None:
    """Of a file of anchors; None of another, or where they are cut off, and then no anchors are there either."""
    payload = _payload(file, NETWORKS)
    if payload is None or not file.networks:
        return None
    with named_stream("networks", name):
        networks = decode_networks(file.networks, payload)
    payload = _payload(file, CONDITION)
    if payload is None or not file.grid:
        return networks
    with named_stream("condition", name):
        return replace(networks, grid=decode_grid(file.grid, payload))


def _basis(header: Header, payload: bytes | None) -> np.ndarray:
    """int64 [components, 3 rest] in 1/127; zeros where it is cut off.

    Raises:
        StreamFault: the stream is not sound, or an entry exceeds 127.
    """
    columns = 3 * ((header.sh_degree + 1) ** 2 - 1)
    out = np.zeros((header.sh_components, columns), np.int64)
    if payload is None:
        return out
    io = RangeDecoder(payload)
    model = Decisions(SIGNED_NODES, (64,))
    for row in out:
        for column in range(columns):
            row[column] = v = code_signed(io, model, model.at((column,)))
            if abs(v) > 127:
                raise StreamFault("a basis entry beyond 127")
    io.check_end()
    return out


__all__ = ["ReferenceDecoded", "decode", "shared"]
