"""The fields of fixed form in the sections of a file of anchors (FORMAT.md, "Networks", "Condition grid", "Anchors").

Counts and widths are checked here, before anything is allocated in their proportion; the streams behind them are not read.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

MAX_SLOTS, MAX_HYPER, MAX_LATENT, MAX_CONDITION = 48, 64, 64, 64
MAX_LAYERS, MAX_WIDTH = 4, 256
MAX_LEVELS, MAX_FEATURES, MAX_RESOLUTION, MAX_LOG2_TABLE = 12, 8, 512, 15
MAX_SYMBOLS_PER_BYTE = 64
"""Of networks and grids, plus as many for free."""
MAX_WORK_PER_BYTE = 1 << 15
"""Of a chunk's anchors, likewise."""
ANCHORS_HEAD = 4
"""Bytes of an anchors chunk before its stream: how many anchors there are."""
NEAR, GUESS = 28, 21


class HeadFault(ValueError):
    """A field is wrong: its name, what was expected, what was found."""

    def __init__(self, field: str, expected: object, found: object) -> None:
        super().__init__(field)
        self.field, self.expected, self.found = field, str(expected), str(found)


class _Fields:
    def __init__(self, section: str, data: bytes) -> None:
        self._section, self._data = section, data
        self.at = 0

    def take(self, size: int, low: int, high: int, field: str) -> int:
        """The next unsigned integer of so many bytes, within [low, high]."""
        if len(self._data) - self.at < size:
            raise HeadFault(self._section, "all of its fields", f"{len(self._data)} bytes")
        value = int.from_bytes(self._data[self.at : self.at + size], "little")
        self.at += size
        if not low <= value <= high:
            raise HeadFault(f"{self._section}.{field}", f"{low} to {high}", value)
        return value

    def check_symbols(self, count: int) -> None:
        """The stream that follows has not too many numbers for its size."""
        if count > MAX_SYMBOLS_PER_BYTE * (len(self._data) - self.at + 1):
            raise HeadFault(self._section, f"at most {MAX_SYMBOLS_PER_BYTE} numbers per byte", count)


@dataclass(frozen=True)
class NetworksHead:
    """What stands before the weights.

    Attributes:
        slots, hyper, latent, condition: K, H, L, C.
        cell_shift: bits of a Morton code below a fine and a coarse cell.
        hyper_steps, latent_steps: in 1/256.
        widths: of each of the three networks: its input, then each layer's output; one entry where it is absent.
        size: bytes of these fields.
    """

    slots: int
    hyper: int
    latent: int
    condition: int
    cell_shift: tuple[int, int]
    hyper_steps: tuple[int, ...]
    latent_steps: tuple[int, ...]
    widths: tuple[tuple[int, ...], ...]
    size: int

    @staticmethod
    def read(payload: bytes) -> NetworksHead:
        """Of a networks section.

        Raises:
            HeadFault: a field is out of its range.
        """
        fields = _Fields("networks", payload)
        limits = (("slots", 1, MAX_SLOTS), ("hyper", 0, MAX_HYPER), ("latent", 0, MAX_LATENT), ("condition", 0, MAX_CONDITION))
        slots, hyper, latent, condition = (fields.take(1, low, high, name) for name, low, high in limits)
        fine = fields.take(1, 0, 63, "cell_shift")
        coarse = fields.take(1, fine, 63, "cell_shift")
        layers = [fields.take(1, 0, MAX_LAYERS, "layers") for _ in range(3)]
        fields.take(1, 0, 0, "reserved")
        hyper_steps, latent_steps = (tuple(fields.take(2, 1, 65535, "step") for _ in range(n)) for n in (hyper, latent))
        ends = (
            (condition, 2 * hyper),
            (condition + hyper, 2 * latent),
            (condition + hyper + latent + NEAR, slots * GUESS),
        )
        widths = []
        for (first, last), count in zip(ends, layers, strict=True):
            if count and not (first and last):
                raise HeadFault("networks.layers", "0 where a network has nothing to do", count)
            inner = [fields.take(2, 1, MAX_WIDTH, "width") for _ in range(count - 1)]
            widths.append((first, *inner, fields.take(2, last, last, "width")) if count else (first,))
        fields.check_symbols(sum(o * (i + 2) for w in widths for i, o in itertools.pairwise(w)))
        return NetworksHead(slots, hyper, latent, condition, (fine, coarse), hyper_steps, latent_steps, tuple(widths), fields.at)

    @property
    def work(self) -> int:
        """Of one anchor, about the number of multiplications."""
        products = sum(i * o for w in self.widths for i, o in itertools.pairwise(w))
        return products + 16 * self.condition + 64 * (self.slots + self.hyper + self.latent)

    def needed(self, anchors: int) -> int:
        """Least size of a chunk of so many anchors, bytes."""
        return max(0, -(-anchors * self.work // MAX_WORK_PER_BYTE) - 1)


@dataclass(frozen=True)
class GridHead:
    """What stands before the entries: `resolutions` and `table_sizes` by level, `size` bytes of these fields."""

    features: int
    resolutions: tuple[int, ...]
    table_sizes: tuple[int, ...]
    size: int

    @staticmethod
    def read(payload: bytes, networks: NetworksHead) -> GridHead:
        """Of a condition section that belongs to `networks`.

        Raises:
            HeadFault: a field is out of its range.
        """
        fields = _Fields("condition", payload)
        levels = fields.take(1, 1, MAX_LEVELS, "levels")
        features = fields.take(1, 1, MAX_FEATURES, "features")
        if levels * features != networks.condition:
            raise HeadFault("condition.features", f"{networks.condition} with all levels", levels * features)
        shapes = [
            (fields.take(2, 2, MAX_RESOLUTION, "resolution"), 1 << fields.take(1, 0, MAX_LOG2_TABLE, "table"))
            for _ in range(levels)
        ]
        fields.check_symbols(features * sum(grid_rows(*shape) for shape in shapes))
        return GridHead(features, tuple(r for r, _ in shapes), tuple(t for _, t in shapes), fields.at)


def grid_rows(resolution: int, table: int) -> int:
    """Entries of a level: one for each node, or if these are too many the table's."""
    return min(resolution**3, table)


def anchors_of(payload: bytes, splats: int, networks: NetworksHead) -> int:
    """How many anchors a chunk has.

    Raises:
        HeadFault: their number contradicts that of the splats or the size.
    """
    if len(payload) < ANCHORS_HEAD:
        raise HeadFault("", f"{ANCHORS_HEAD} bytes or more", len(payload))
    anchors = int.from_bytes(payload[:ANCHORS_HEAD], "little")
    if not anchors <= splats <= anchors * networks.slots:
        raise HeadFault(".anchors", f"1 to {networks.slots} splats in each", f"{anchors} anchors")
    if len(payload) < networks.needed(anchors):
        raise HeadFault(".anchors", f"work of at most {MAX_WORK_PER_BYTE} per byte", anchors * networks.work)
    return anchors
