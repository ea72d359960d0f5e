"""One splat after another: classes, scales, rotation, opacity, offset, colour (FORMAT.md, "Splats")."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..entropy.decisions import BitIO, Decisions
from ..entropy.symbols import SIGNED_NODES, code_signed
from ..model.cells import Cell
from ..model.steps import CLASSES, FIXED_BITS, ONE, SCALAR_STEP, VALUE_LIMIT, Params, clip, log2_integer
from .rotation import Rotation, RotationDecoder, layout

SCALARS = 7
LEVEL_SHIFTS = (3, 15)
"""Bits of a Morton code below a cell of each size."""
SIZE_BUCKETS = 32
GUESS_SHIFT, GUESS_VALUE, GUESS_OFFSET_SIZE, GUESS_VALUE_SIZE = 1, 4, 11, 14
"""Where in a guess (FORMAT.md, "Anchors") its parts begin; the first number is the log odds of presence."""
NOTHING_TO_SAY = -3277
"""log2 of voxel over step, fixed point, from where on half a step covers the voxel's half diagonal."""


@dataclass(slots=True)
class Splat:
    """Decoded symbols, fixed point where not an index."""

    code: int
    geometry_class: int = 0
    color_class: int = 0
    value: list[int] = field(default_factory=lambda: [0] * SCALARS)
    rotation: Rotation = field(default_factory=lambda: Rotation(0, 0, 0))
    log2_steps: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=lambda: [0] * 3)
    shift: list[int] = field(default_factory=lambda: [0] * 3)


def half_octaves(magnitude: int, inverse: int) -> int:
    """0 for less than a quarter of a step, then two an octave, at most 23; `inverse` is 2^32 // step."""
    q = (magnitude << 3) * inverse >> 32
    if q < 2:
        return 0
    k = q.bit_length() - 1
    return min(2 * k - 1 + (q >> (k - 1) & 1), 23)


def rounded_steps(v: int, inverse: int) -> int:
    """v in steps to the nearest integer, halves away from zero; `inverse` is 2^32 // step."""
    magnitude = (2 * abs(v) * inverse + (1 << 32)) >> 33
    return magnitude if v >= 0 else -magnitude


def size_bucket(size: int, step: int) -> int:
    """Of a guessed size, in half octaves about the step; both are log2 in 1/256."""
    return clip(((size - step) >> 7) + SIZE_BUCKETS // 2, 0, SIZE_BUCKETS - 1)


def spread_octaves(magnitude: int) -> int:
    """log2 of a mean magnitude, fixed point, in 1/256."""
    return (log2_integer(magnitude + 1) >> (FIXED_BITS - 8)) - 256 * FIXED_BITS


def _rounded_class(mean: int) -> int:
    return clip((mean + ONE // 2) >> FIXED_BITS, 0, 14) + 1


class SplatDecoder:
    """The models, the cells and the decoded splats of one block.

    Args:
        params: of the file.
        level_shifts: bits of a Morton code below a fine and a coarse cell.
        spreads, offsets: values of the second contexts of scalars and offsets.
    """

    def __init__(
        self, params: Params, level_shifts: tuple[int, int] = LEVEL_SHIFTS, spreads: int = 24, offsets: int = 64
    ) -> None:
        self._p = params
        self._level_shifts = level_shifts
        self._class = Decisions(64, (64, 64))
        self._color_class = Decisions(64, (256,))
        self._scalar = [Decisions(SIGNED_NODES, (16, spreads, 49, 25)) for _ in range(SCALARS)]
        self._rotation = RotationDecoder()
        self._offset = Decisions(SIGNED_NODES, (64, offsets))
        self._cells: list[dict[int, Cell]] = [{}, {}]
        self._error = [0] * SCALARS  # residuals of the splat at hand, fixed point and in steps (within two, plus two)
        self._small = [2] * SCALARS
        self.splats: list[Splat] = []

    def fine_cell(self, code: int) -> Cell:
        """The smallest cell around a decoded splat."""
        return self._cells[0][code >> self._level_shifts[0]]

    def near(self, code: int) -> list[int]:
        """Mean values in the fine and the coarse cell around a voxel, 14, in 1/256, and log2 of the spreads, 14.

        What is empty takes the numbers of what is larger: of the cell, or the header's means and spreads of 1.
        """
        value, error = list(self._p.mean), [ONE] * SCALARS
        values: list[list[int]] = []
        spreads: list[list[int]] = []
        for known, shift in reversed(list(zip(self._cells, self._level_shifts, strict=True))):
            cell = known.get(code >> shift)
            if cell is not None and cell.count:
                value, error = cell.value, cell.error
            values.insert(0, [v >> (FIXED_BITS - 8) for v in value])
            spreads.insert(0, [spread_octaves(e) for e in error])
        return [*values[0], *values[1], *spreads[0], *spreads[1]]

    def decode(self, io: BitIO, layer: int, lowest_class: int, code: int, guess: list[int] | None = None) -> None:
        """Decodes the next splat, in voxel `code`, and appends it to `splats`.

        Args:
            guess: what its anchor's network says of it, 21 numbers in 1/256.
        """
        p, s = self._p, Splat(code)
        if guess:
            s.shift = guess[GUESS_SHIFT : GUESS_SHIFT + 3]
        cells = self._around(code)
        before = self.splats[-1] if self.splats else None
        blur = p.log2_blur(code)
        self._classes(io, layer, lowest_class, s, before, cells)
        for j in range(3):
            self._code_scalar(io, j, s, before, cells, guess)
        s.rotation = layout(p, s.value, blur, s.geometry_class)
        last = cells[0].last if cells[0].count else cells[1].last
        self._rotation.decode(
            io, s.rotation, None if before is None else before.rotation, self.splats[last].rotation if last >= 0 else None
        )
        self._code_scalar(io, 3, s, before, cells, guess)
        s.log2_steps = p.position_steps(s.value, blur, s.geometry_class)
        self._code_offset(io, s, guess)
        for j in range(4, SCALARS):
            self._code_scalar(io, j, s, before, cells, guess)
        self._settle(s, self._error, cells)

    def add(self, s: Splat, error: list[int]) -> None:
        """Appends a splat that is decoded elsewhere, as one that this block's later ones see.

        Args:
            error: how far its values are off what was expected of them.
        """
        self._settle(s, error, self._around(s.code))

    def _around(self, code: int) -> list[Cell]:
        """The fine and the coarse cell of a voxel."""
        cells = []
        for known, shift in zip(self._cells, self._level_shifts, strict=True):
            cell = known.get(code >> shift)
            if cell is None:
                cell = known[code >> shift] = Cell()
            cells.append(cell)
        return cells

    def _settle(self, s: Splat, error: list[int], cells: list[Cell]) -> None:
        for cell in cells:
            cell.add(len(self.splats), s.value, error, s.geometry_class)
        self.splats.append(s)

    def _classes(
        self, io: BitIO, layer: int, lowest: int, s: Splat, before: Splat | None, cells: list[Cell]
    ) -> None:
        fine = cells[0]
        b = clip(before.geometry_class - lowest, 0, 14) + 1 if before else 0
        f = _rounded_class(fine.geometry_class) if fine.count else 0
        where = self._class.at((layer * 16 + b, layer * 16 + f))
        s.geometry_class = g = lowest + self._unary(io, self._class, where, 0, CLASSES - 1 - lowest)
        # The colour class as a signed offset from the geometry class; a direction without room is not asked for.
        cb = clip(before.color_class - before.geometry_class + 8, 0, 14) + 1 if before else 0
        model = self._color_class
        where = model.at((g * 16 + cb,))
        s.color_class = g
        if not model.code(io, where, 0):
            if g == CLASSES - 1 or (g > 0 and model.code(io, where, 1)):
                s.color_class -= 1 + self._unary(io, model, where, 2, g - 1)
            else:
                s.color_class += 1 + self._unary(io, model, where, 20, CLASSES - 2 - g)

    @staticmethod
    def _unary(io: BitIO, model: Decisions, where: list[int], base: int, limit: int) -> int:
        n = 0
        while n < limit and model.code(io, where, base + n):
            n += 1
        return n

    def _code_scalar(
        self, io: BitIO, j: int, s: Splat, before: Splat | None, cells: list[Cell], guess: list[int] | None
    ) -> None:
        p = self._p
        own_class = s.color_class if j >= 4 else s.geometry_class
        step, inverse = p.steps[SCALAR_STEP[j]][own_class], p.inverses[SCALAR_STEP[j]][own_class]
        error, small = self._error, self._small
        # Neighbourhood values; the coarse cell stands in for a fine one that is empty.
        below, spread = p.mean[j], ONE
        near = [0, 0]
        for level in (1, 0):
            cell = cells[level]
            if cell.count:
                below, spread = cell.value[j], cell.error[j]
            near[level] = below
        more, expected = 0, half_octaves(spread, inverse)
        if guess:  # says more than the neighbourhood does
            more = guess[GUESS_VALUE + j] * (ONE // 256)
            octaves = (log2_integer(step) - FIXED_BITS * ONE) >> (FIXED_BITS - 8)
            expected = size_bucket(guess[GUESS_VALUE_SIZE + j] + spread_octaves(spread), octaves)
        previous = before.value[j] if before else below
        w = p.predictor[j]
        total = 512 + 1024 * more + w[0] * near[0] + w[1] * near[1] + w[2] * previous + w[9] * ONE
        for k in range(min(j, 6)):
            total += w[3 + k] * error[k]
        prediction = clip(total >> 10, -VALUE_LIMIT, VALUE_LIMIT)

        context = (
            own_class,
            expected,
            (clip(rounded_steps(previous - prediction, inverse), -3, 3) + 3) * 7
            + clip(rounded_steps(near[0] - prediction, inverse), -3, 3) + 3,
            (small[j - 1] if j >= 1 else 2) * 5 + (small[j - 2] if j >= 2 else 2),
        )  # fmt: skip
        model = self._scalar[j]
        symbol = code_signed(io, model, model.at(context))
        s.value[j] = value = clip(prediction + symbol * step, -VALUE_LIMIT, VALUE_LIMIT)
        error[j] = value - prediction
        small[j] = clip(rounded_steps(error[j], inverse), -2, 2) + 2

    def _code_offset(self, io: BitIO, s: Splat, guess: list[int] | None) -> None:
        model, used = self._offset, 0
        for i in range(3):
            ratio = self._p.log2_voxel - s.log2_steps[i]
            if ratio <= NOTHING_TO_SAY and not guess:
                continue
            bucket = clip((ratio >> (FIXED_BITS - 2)) + 4, 0, 63)
            expected = min(bucket // 2, 15)
            if guess:  # beside a quarter of the levels
                expected = size_bucket(guess[GUESS_OFFSET_SIZE + i] + (ratio >> (FIXED_BITS - 8)), 512)
            where = model.at((bucket, expected * 4 + used))
            s.offset[i] = code_signed(io, model, where)
            used = min(used + (abs(s.offset[i]) > 1), 3)
