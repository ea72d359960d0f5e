"""The streams of networks and condition grids (FORMAT.md, "Networks" and "Condition grid")."""

from __future__ import annotations

import itertools

import numpy as np

from ..bitstream.anchor_heads import MAX_CONDITION, MAX_LAYERS, MAX_WIDTH, GridHead, NetworksHead, grid_rows
from ..entropy.decisions import BitIO, Decisions
from ..entropy.range_coder import RangeDecoder, StreamFault
from ..entropy.symbols import SIGNED_NODES, code_raw, code_signed
from ..model.anchors import AnchorNetworks, ConditionGrid, IntegerLayer, IntegerNetwork

WEIGHT_LIMIT, BIAS_LIMIT, MAX_SHIFT = 127, (1 << 30) - 1, 24


def decode_networks(head: NetworksHead, payload: bytes) -> AnchorNetworks:
    """The networks whose fields are `head`; their grid is not in them.

    Raises:
        StreamFault: the stream is not sound, or a number exceeds its limit.
    """
    io, decoder = RangeDecoder(payload[head.size :]), NetworkDecoder()
    networks = [
        IntegerNetwork(tuple(decoder.layer(io, i, o) for i, o in itertools.pairwise(widths)))
        for widths in head.widths
    ]
    io.check_end()
    return AnchorNetworks(
        head.slots, np.array(head.latent_steps, np.uint16), np.array(head.hyper_steps, np.uint16), None, *networks
    )


class NetworkDecoder:
    """The models carry over from layer to layer of all networks."""

    def __init__(self) -> None:
        self._shifts, self._biases = (Decisions(SIGNED_NODES, (3 * MAX_LAYERS,)) for _ in range(2))
        self._weights = Decisions(SIGNED_NODES, (3 * MAX_LAYERS, MAX_WIDTH, 64))
        self._layer = 0

    def layer(self, io: BitIO, inputs: int, outputs: int) -> IntegerLayer:
        """The next layer.

        Raises:
            StreamFault: a number exceeds its limit.
        """
        shifts, biases, rows = [], [], []
        shift, above = 0, [0] * inputs
        for _ in range(outputs):
            shift += code_signed(io, self._shifts, self._shifts.at((self._layer,)))
            if not 0 <= shift <= MAX_SHIFT:
                raise StreamFault("a shift beyond 24")
            shifts.append(shift)
            bias = code_signed(io, self._biases, self._biases.at((self._layer,))) * 256 + code_raw(io, 8)
            if abs(bias) > BIAS_LIMIT:
                raise StreamFault("a bias beyond 2^30")
            biases.append(bias)
            row, left = [], 0
            for i in range(inputs):
                where = self._weights.at((self._layer, i, left * 8 + abs(above[i]).bit_length()))
                weight = code_signed(io, self._weights, where)
                if abs(weight) > WEIGHT_LIMIT:
                    raise StreamFault("a weight beyond 127")
                row.append(weight)
                left = abs(weight).bit_length()
            io.check()
            rows.append(row)
            above = row
        self._layer += 1
        return IntegerLayer(np.array(rows, np.int8), np.array(biases, np.int32), np.array(shifts, np.uint8))


def decode_grid(head: GridHead, payload: bytes) -> ConditionGrid:
    """The grid whose fields are `head`.

    Raises:
        StreamFault: the stream is not sound.
    """
    io, model = RangeDecoder(payload[head.size :]), Decisions(1, (MAX_CONDITION,))
    entries = []
    for level, shape in enumerate(zip(head.resolutions, head.table_sizes, strict=True)):
        rows = []
        for _ in range(grid_rows(*shape)):
            rows.append(
                [2 * model.code(io, model.at((level * head.features + f,)), 0) - 1 for f in range(head.features)]
            )
            io.check()
        entries.append(np.array(rows, np.int8))
    io.check_end()
    return ConditionGrid(head.resolutions, head.table_sizes, head.features, tuple(entries))
