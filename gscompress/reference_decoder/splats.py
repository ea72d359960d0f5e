"""One splat after another: classes, scales, rotation, opacity, offset, colour (FORMAT.md, "Splats")."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..entropy.mixing import BitIO, Mixed
from ..entropy.symbols import SIGNED_NODES, code_signed
from ..model.cells import Cell
from ..model.steps import CLASSES, FIXED_BITS, ONE, SCALAR_STEP, VALUE_LIMIT, Params, clip
from .rotation import Rotation, RotationDecoder, layout

SCALARS = 7
LEVEL_SHIFTS = (3, 6, 12)
"""Bits of a Morton code below a cell of each size."""
NOTHING_TO_SAY = -3277
"""log2 of voxel over step, fixed point, from where on half a step covers the voxel's half diagonal."""


@dataclass(slots=True)
class Splat:
    """Decoded symbols, fixed point where not an index."""

    code: int
    geometry_class: int = 0
    color_class: int = 0
    value: list[int] = field(default_factory=lambda: [0] * SCALARS)
    error: list[int] = field(default_factory=lambda: [0] * SCALARS)
    rotation: Rotation = field(default_factory=lambda: Rotation(0, 0, 0))
    log2_steps: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=lambda: [0] * 3)


def half_octaves(magnitude: int, step: int) -> int:
    """0 for less than step / 4, then two a octave, at most 23."""
    q = (magnitude << 3) // step
    if q < 2:
        return 0
    k = q.bit_length() - 1
    return min(2 * k - 1 + (q >> (k - 1) & 1), 23)


def rounded_ratio(a: int, b: int) -> int:
    """a / b to the nearest integer, halves away from zero."""
    return (a + b // 2) // b if a >= 0 else -((b // 2 - a) // b)


def _rounded_class(mean: int) -> int:
    return clip((mean + ONE // 2) >> FIXED_BITS, 0, 14) + 1


def _rounded_offset(mean: int) -> int:
    return clip(((mean + ONE // 2) >> FIXED_BITS) + 8, 0, 14) + 1


class SplatDecoder:
    """The models, the cells and the decoded splats of one block."""

    def __init__(self, params: Params) -> None:
        self._p = params
        self._class = Mixed(64, (4, 64, 64, 256))
        self._color_class = Mixed(64, (16, 64, 64, 256))
        self._scalar = [Mixed(SIGNED_NODES, (16, 64, 48, 49, 256, 25)) for _ in range(SCALARS)]
        self._rotation = RotationDecoder()
        self._offset = Mixed(SIGNED_NODES, (64, 64, 16))
        self._cells: list[dict[int, Cell]] = [{}, {}, {}]
        self.splats: list[Splat] = []

    def fine_cell(self, code: int) -> Cell:
        """The smallest cell around a decoded splat."""
        return self._cells[0][code >> LEVEL_SHIFTS[0]]

    def decode(self, io: BitIO, layer: int, lowest_class: int, code: int) -> None:
        """Decodes the next splat, in voxel `code`, and appends it to `splats`."""
        p, s = self._p, Splat(code)
        cells = []
        for known, shift in zip(self._cells, LEVEL_SHIFTS, strict=True):
            cell = known.get(code >> shift)
            if cell is None:
                cell = known[code >> shift] = Cell()
            cells.append(cell)
        before = self.splats[-1] if self.splats else None
        blur = p.log2_blur(code)
        self._classes(io, layer, lowest_class, s, before, cells)
        for j in range(3):
            self._code_scalar(io, j, s, before, cells)
        s.rotation = layout(p, s.value, blur, s.geometry_class)
        last = cells[0].last if cells[0].count else cells[1].last
        self._rotation.decode(
            io, s.rotation, None if before is None else before.rotation, self.splats[last].rotation if last >= 0 else None
        )
        self._code_scalar(io, 3, s, before, cells)
        s.log2_steps = p.position_steps(s.value, blur, s.geometry_class)
        self._code_offset(io, s)
        for j in range(4, SCALARS):
            self._code_scalar(io, j, s, before, cells)
        for cell in cells:
            cell.add(len(self.splats), s.value, s.error, s.geometry_class, s.color_class)
        self.splats.append(s)

    def _classes(
        self, io: BitIO, layer: int, lowest: int, s: Splat, before: Splat | None, cells: list[Cell]
    ) -> None:
        fine, mid = cells[0], cells[1]
        b = clip(before.geometry_class - lowest, 0, 14) + 1 if before else 0
        f = _rounded_class(fine.geometry_class) if fine.count else 0
        m = _rounded_class(mid.geometry_class) if mid.count else 0
        where = self._class.at((layer, layer * 16 + b, layer * 16 + f, b * 16 + m))
        s.geometry_class = g = lowest + self._unary(io, self._class, where, 0, CLASSES - 1 - lowest)
        # The colour class as a signed offset from the geometry class; a direction without room is not asked for.
        cb = clip(before.color_class - before.geometry_class + 8, 0, 14) + 1 if before else 0
        cf = _rounded_offset(fine.color_offset) if fine.count else 0
        model = self._color_class
        where = model.at((g, layer * 16 + cb, layer * 16 + cf, g * 16 + cb))
        s.color_class = g
        if not model.code(io, where, 0):
            if g == CLASSES - 1 or (g > 0 and model.code(io, where, 1)):
                s.color_class -= 1 + self._unary(io, model, where, 2, g - 1)
            else:
                s.color_class += 1 + self._unary(io, model, where, 20, CLASSES - 2 - g)

    @staticmethod
    def _unary(io: BitIO, model: Mixed, where: list[int], base: int, limit: int) -> int:
        n = 0
        while n < limit and model.code(io, where, base + n):
            n += 1
        return n

    def _code_scalar(self, io: BitIO, j: int, s: Splat, before: Splat | None, cells: list[Cell]) -> None:
        p = self._p
        own_class = s.color_class if j >= 4 else s.geometry_class
        step = p.steps[SCALAR_STEP[j]][own_class]
        error = s.error
        # Neighbourhood values, the next coarser cell standing in for a finer one that is empty.
        below, spread = p.mean[j], ONE
        near = [0, 0, 0]
        for level in (2, 1, 0):
            cell = cells[level]
            if cell.count:
                below, spread = cell.value[j], cell.error[j]
            near[level] = below
        previous = before.value[j] if before else below
        w = p.predictor[j]
        total = 512 + w[0] * near[0] + w[1] * near[1] + w[2] * near[2] + w[3] * previous + w[10] * ONE
        for k in range(min(j, 6)):
            total += w[4 + k] * error[k]
        prediction = clip(total >> 10, -VALUE_LIMIT, VALUE_LIMIT)

        own = half_octaves(abs(error[j - 1]), self._step_of(s, j - 1)) if j else 0
        prior = half_octaves(abs(before.error[j]), step) if before else 0
        size = clip((s.value[0] - p.log2_voxel + 6 * ONE) >> (FIXED_BITS - 1), 0, 15)
        extra = 0 if j == 0 else size if j <= 2 else clip(-s.value[3] >> (FIXED_BITS - 1), 0, 15)
        context = (
            own_class,
            min(prior, 15) // 2 * 8 + min(own, 15) // 2,
            half_octaves(spread, step) * 2 + (cells[0].count > 1),
            (clip(rounded_ratio(previous - prediction, step), -3, 3) + 3) * 7
            + clip(rounded_ratio(near[0] - prediction, step), -3, 3) + 3,
            extra * 16 + (size if j >= 3 else s.geometry_class),
            self._small(s, j - 1) * 5 + self._small(s, j - 2),
        )  # fmt: skip
        model = self._scalar[j]
        symbol = code_signed(io, model, model.at(context))
        s.value[j] = value = clip(prediction + symbol * step, -VALUE_LIMIT, VALUE_LIMIT)
        error[j] = value - prediction

    def _step_of(self, s: Splat, k: int) -> int:
        return self._p.steps[SCALAR_STEP[k]][s.color_class if k >= 4 else s.geometry_class]

    def _small(self, s: Splat, k: int) -> int:
        """An earlier residual of the same splat in steps, from 0 to 4; 2 for none."""
        return clip(rounded_ratio(s.error[k], self._step_of(s, k)), -2, 2) + 2 if k >= 0 else 2

    def _code_offset(self, io: BitIO, s: Splat) -> None:
        model, used = self._offset, 0
        for i in range(3):
            ratio = self._p.log2_voxel - s.log2_steps[i]
            if ratio <= NOTHING_TO_SAY:
                continue
            bucket = clip((ratio >> (FIXED_BITS - 2)) + 4, 0, 63)
            where = model.at((bucket, min(bucket // 2, 15) * 4 + used, min(bucket // 4, 3) * 4 + i))
            s.offset[i] = code_signed(io, model, where)
            used = min(used + (abs(s.offset[i]) > 1), 3)
