"""A frame of a sequence, told by the frame that it follows (SEQUENCES.md).

    key frame's file ─ key_state ─► State ─ following_state, with the next payload ─► State ─ ... ─► State.scene
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct

import numpy as np

from ..bitstream.container import CHUNKS, MAX_SPLATS, MAX_SPLATS_PER_BYTE, parse
from ..entropy.decisions import BitIO, Decisions
from ..entropy.range_coder import RangeDecoder, StreamFault
from ..entropy.symbols import MAX_MAGNITUDE, SIGNED_NODES, code_signed
from ..errors import Corrupt, Truncated, Unsupported
from ..model.cells import MotionCell
from ..model.reconstruct import Symbols, exact_means, reconstruct, rotation_axes
from ..model.steps import (
    CLASSES,
    FIXED_BITS,
    ONE,
    SCALAR_STEP,
    STEP_SH,
    VALUE_LIMIT,
    Params,
    clip,
    log2_integer,
)
from ..scene import Scene
from . import shared
from .block import columns, decode_splats, named_stream
from .harmonics import HarmonicsDecoder
from .octree import OctreeDecoder
from .rotation import Rotation, RotationDecoder, layout
from .splats import SCALARS, Splat, SplatDecoder, half_octaves

PLACE_BITS = 8
"""Places are in 1/256 voxel."""
MOTION_BITS = 4
"""Motions are in 1/16 of that."""
MOTION_LIMIT = 1 << 20
MOTION_SHIFTS = (6, 15)
"""Bits of a place's Morton code below a cell of each size."""
ENTRY = Struct("<4I")
"""Of each block: splats, how many of these are fresh, bytes of geometry and of harmonics."""
FACE_BITS, NO_SIZE = 60, 31
"""Contexts in place of a component's bits, and of an expected offset."""


@dataclass
class Block:
    """A decoded block: its splats, and of each its place, three coordinates, and its harmonics, in steps."""

    splats: list[Splat] = field(default_factory=list)
    places: list[list[int]] = field(default_factory=list)
    harmonics: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """A decoded frame with all that frames which follow it need; nothing of it is ever changed."""

    params: Params
    antialiased: bool
    blocks: list[Block]

    @property
    def scene(self) -> Scene:
        """The frame."""
        parts = [columns(b.splats, b.harmonics, len(self.params.basis)) for b in self.blocks]
        symbols = Symbols(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return Scene(*reconstruct(self.params, symbols), antialiased=self.antialiased)


def key_state(data: bytes, name: str = "<bytes>") -> State:
    """A key frame, of the bytes of a whole file of layers of splats.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported.
    """
    file = parse(data, name, False)
    params, networks = shared(file, name)
    if networks:
        raise Unsupported(name, "sections", "splats by themselves in a key frame", "anchors")
    chunks = [s.present for s in file.sections if s.kind in CHUNKS]
    if not all(chunks):
        raise Truncated(name, "sections", f"{len(chunks)} chunks in a key frame", str(sum(chunks)))
    blocks = []
    for b in range(file.header.blocks):
        splats, harmonics = decode_splats(file, params, b, name)
        blocks.append(Block(splats, [place_of(params, s) for s in splats], harmonics))
    return State(params, file.header.antialiased, blocks)


def following_state(state: State, payload: bytes, name: str = "<bytes>") -> State:
    """The frame of a payload, which follows that of `state`.

    Raises:
        Corrupt, Unsupported.
    """
    blocks = []
    for b, (entry, before) in enumerate(zip(_entries(state, payload, name), state.blocks, strict=True)):
        decoder = FollowingDecoder(state.params, before)
        with named_stream(f"following geometry of block {b}", name):
            io = RangeDecoder(entry.geometry)
            decoder.decode_geometry(io, entry.splats, entry.fresh)
            io.check_end()
        with named_stream(f"following harmonics of block {b}", name):
            io = RangeDecoder(entry.harmonics)
            decoder.decode_harmonics(io)
            io.check_end()
        blocks.append(decoder.block)
    return State(state.params, state.antialiased, blocks)


@dataclass(frozen=True)
class _Entry:
    splats: int
    fresh: int
    geometry: bytes
    harmonics: bytes


def _entries(state: State, payload: bytes, name: str) -> list[_Entry]:
    size, at = len(payload), ENTRY.size * len(state.blocks)
    if size < at:
        raise Corrupt(name, "following.blocks", f"{at} bytes", str(size))
    out = []
    for b, before in enumerate(state.blocks):
        splats, fresh, geometry, harmonics = ENTRY.unpack_from(payload, ENTRY.size * b)
        where = f"following.block {b}"
        if fresh > splats:
            raise Corrupt(name, f"{where}.fresh", f"at most {splats}", str(fresh))
        most = len(before.splats) + MAX_SPLATS_PER_BYTE * (geometry + 1)
        if splats > most:
            raise Corrupt(name, f"{where}.splats", f"at most {most}", str(splats))
        if at + geometry + harmonics > size:
            raise Corrupt(name, f"{where}.size", f"at most {size - at} bytes", f"{geometry + harmonics} bytes")
        middle, end = at + geometry, at + geometry + harmonics
        out.append(_Entry(splats, fresh, payload[at:middle], payload[middle:end]))
        at = end
    if at != size:
        raise Corrupt(name, "following", f"{at} bytes", f"{size} bytes")
    total = sum(e.splats for e in out)
    if total > MAX_SPLATS:
        raise Unsupported(name, "following.splats", f"at most {MAX_SPLATS}", str(total))
    return out


def place_of(p: Params, s: Splat) -> list[int]:
    """Where a splat is, in 1/256 voxel."""
    symbols = Symbols(*columns([s], [], 0))
    mean = exact_means(p, symbols, rotation_axes(symbols.rotation))[0]
    at = np.floor((mean - np.array(p.origin)) / p.voxel * (1 << PLACE_BITS))
    return np.clip(at, 0, _most(p)).astype(np.int64).tolist()


def _most(p: Params) -> int:
    return (1 << (p.depth + PLACE_BITS)) - 1


def _spread(v: int) -> int:
    """The bits of `v`, two zeros between neighbours."""
    return sum((v >> i & 1) << 3 * i for i in range(v.bit_length()))


def _voxel(place: list[int]) -> int:
    """The Morton code of a place's voxel."""
    return sum(_spread(v >> PLACE_BITS) << axis for axis, v in enumerate(place))


def level_of(v: int, bits: int, to: int) -> int:
    """The middle of a level of `bits` bits, as a level of `to` bits."""
    return (v << (to - bits)) + ((1 << (to - bits)) >> 1) if to >= bits else v >> (bits - to)


def rescaled(symbol: int, step: int, to: int) -> int:
    """A symbol of one step in another, halves away from zero."""
    magnitude = min((2 * abs(symbol) * step + to) // (2 * to), MAX_MAGNITUDE)
    return -magnitude if symbol < 0 else magnitude


class FollowingDecoder:
    """The models, the cells and the decoded splats of one block.

    Args:
        params: of the sequence.
        before: the block that is followed.
    """

    def __init__(self, params: Params, before: Block) -> None:
        self._p, self._before = params, before
        self._octree, self._splats = OctreeDecoder(), SplatDecoder(params)
        self._children = Decisions(16, (64, 16))
        self._class = Decisions(SIGNED_NODES, (64, 32))
        self._scalar = [Decisions(SIGNED_NODES, (64, 96, 25, 28)) for _ in range(SCALARS)]
        self._rotation = Decisions(SIGNED_NODES, (64, 64, 64))
        self._turned = RotationDecoder()
        self._offset = Decisions(SIGNED_NODES, (32, 64, 64))
        self._changes, self._fresh_harmonics = (HarmonicsDecoder(len(params.basis)) for _ in range(2))
        self._cells: list[dict[int, MotionCell]] = [{}, {}]
        self._parents: list[int] = []  # of each splat so far, -1 of fresh ones
        self._symbol = [0] * SCALARS  # what the values of the splat at hand changed by, in steps and fixed point
        self._error = [0] * SCALARS
        self._changed = 0  # how much of the splat at hand has changed so far
        self._last = 0  # and of the one before in all
        self.block = Block(self._splats.splats)

    def decode_geometry(self, io: BitIO, count: int, fresh: int) -> None:
        """All `count` splats, of which the last `fresh` have no parent.

        Raises:
            StreamFault: the stream ends too soon, or its splats are more or fewer.
        """
        left, before = count - fresh, 1  # children of the parent before
        for row, parent in enumerate(self._before.splats):
            children = 0
            where = (parent.geometry_class * 4 + min(before, 3), self._last)
            while self._children.code(io, self._children.at(where), min(children, 15)):
                if left == 0:
                    raise StreamFault("more splats that follow than the frame has")
                self._child(io, row, parent)
                io.check()
                left -= 1
                children += 1
                where = (where[0], self._last)
            io.check()
            before = children
        if left:
            raise StreamFault("fewer splats that follow than the frame has")
        for code in self._octree.decode(io, self._p.depth, fresh, []):
            self._splats.decode(io, 0, 0, code)
            io.check()
            self.block.places.append(place_of(self._p, self._splats.splats[-1]))
            self._parents.append(-1)

    def decode_harmonics(self, io: BitIO) -> None:
        """Those of all splats.

        Raises:
            StreamFault: the stream ends too soon, or a splat has more of them than the basis.
        """
        if not len(self._p.basis):
            return
        steps, block, before = self._p.steps[STEP_SH], self.block, self._before
        for s, place, parent in zip(block.splats, block.places, self._parents, strict=True):
            level = 0 if parent >= 0 else 1
            cell = self._cell(level, _voxel(place))
            decoder = self._changes if parent >= 0 else self._fresh_harmonics
            symbols = decoder.decode(io, s.color_class, cell)
            io.check()
            if parent >= 0:
                step = steps[before.splats[parent].color_class]
                expected = [rescaled(v, step, steps[s.color_class]) for v in before.harmonics[parent]]
                symbols = [clip(e + v, -MAX_MAGNITUDE, MAX_MAGNITUDE) for e, v in zip(expected, symbols, strict=True)]
            block.harmonics.append(symbols)

    def _cell(self, level: int, code: int) -> MotionCell:
        return self._cells[level].setdefault(code >> MOTION_SHIFTS[level], MotionCell())

    @property
    def _activity(self) -> int:
        return min(self._changed, 3)

    def _child(self, io: BitIO, row: int, parent: Splat) -> None:
        p, place = self._p, self._before.places[row]
        code = _voxel(place)
        fine, coarse = self._cell(0, code), self._cell(1, code)
        cell = fine if fine.count else coarse
        self._changed = 0
        s = self._begin(place, cell)
        blur = p.log2_blur(s.code)
        self._classes(io, s, parent)
        for j in range(SCALARS):
            self._code_scalar(io, j, s, parent, cell)
        s.rotation = layout(p, s.value, blur, s.geometry_class)
        self._code_rotation(io, s.rotation, parent.rotation)
        s.log2_steps = p.position_steps(s.value, blur, s.geometry_class)
        self._code_offset(io, s, cell)
        self._last = min(self._changed, 15)

        now = place_of(p, s)
        motion = [clip(v - w, -MOTION_LIMIT, MOTION_LIMIT) << MOTION_BITS for v, w in zip(now, place, strict=True)]
        size = 85 * sum(log2_integer(2 * abs(offset) + 1) + step for offset, step in zip(s.offset, s.log2_steps, strict=True)) >> 8
        for c in (fine, coarse):
            c.add(motion, self._error, size)
        self._splats.add(s, self._error)
        self.block.places.append(now)
        self._parents.append(row)

    def _begin(self, place: list[int], cell: MotionCell) -> Splat:
        """A splat at its parent's place, moved as those nearby were (an empty cell's motion is 0)."""
        unit = 1 << MOTION_BITS
        at = [clip(v + (m + unit // 2 >> MOTION_BITS), 0, _most(self._p)) for v, m in zip(place, cell.motion, strict=True)]
        return Splat(_voxel(at), shift=[(v & 255) - 128 for v in at])

    def _classes(self, io: BitIO, s: Splat, parent: Splat) -> None:
        model = self._class
        g = code_signed(io, model, model.at((parent.geometry_class, self._last)))
        s.geometry_class = _class_of(parent.geometry_class + g)
        c = code_signed(io, model, model.at((16 + parent.color_class, 16 + clip(g, -3, 3) + 3)))
        s.color_class = _class_of(parent.color_class + c)
        self._changed += (g != 0) + (c != 0)

    def _code_scalar(self, io: BitIO, j: int, s: Splat, parent: Splat, cell: MotionCell) -> None:
        p, symbol = self._p, self._symbol
        own_class = s.color_class if j >= 4 else s.geometry_class
        step, inverse = p.steps[SCALAR_STEP[j]][own_class], p.inverses[SCALAR_STEP[j]][own_class]
        spread = half_octaves(cell.error[j] if cell.count else ONE // 16, inverse)
        small = [clip(symbol[j - k], -2, 2) + 2 if j >= k else 2 for k in (1, 2, 3)]
        context = (
            own_class * 4 + self._activity,
            spread * 4 + self._activity,
            small[0] * 5 + small[1],
            small[2] * 4 + min(self._last, 3),
        )
        model = self._scalar[j]
        symbol[j] = code_signed(io, model, model.at(context))
        s.value[j] = clip(parent.value[j] + symbol[j] * step, -VALUE_LIMIT, VALUE_LIMIT)
        self._error[j] = s.value[j] - parent.value[j]
        self._changed += symbol[j] != 0

    def _code_rotation(self, io: BitIO, r: Rotation, parent: Rotation) -> None:
        """Fills in `r`, which is from `layout`."""
        model, turned = self._rotation, parent.needle != r.needle or (r.bits > 0 and parent.bits == 0)
        if not turned and r.bits > 0:
            where = model.at((FACE_BITS + self._activity, FACE_BITS, FACE_BITS + r.needle))
            turned = not model.code(io, where, 0)
        if turned:  # as that of any other splat, without neighbours
            self._turned.decode(io, r, None, None)
            self._changed += 1
            return
        size = 0
        if r.bits > 0:
            r.face = parent.face
            r.u, size = self._component(io, 0, r.bits, level_of(parent.u, parent.bits, r.bits), size)
            r.v, size = self._component(io, 1, r.bits, level_of(parent.v, parent.bits, r.bits), size)
        if r.angle_bits > 0:
            middle = level_of(parent.angle, parent.angle_bits, r.angle_bits)
            r.angle, _ = self._component(io, 2, r.angle_bits, middle, size)

    def _component(self, io: BitIO, which: int, bits: int, expected: int, size: int) -> tuple[int, int]:
        """A component, and the magnitude of its symbol; `size` is that of the component before."""
        model = self._rotation
        small = min(size, 3) * 4 + min(self._last, 3)
        d = code_signed(io, model, model.at((bits * 4 + self._activity, which * 16 + small, which * 16 + bits)))
        self._changed += d != 0
        value = expected + d
        if which == 2:  # half a turn on is the same axis
            value &= (1 << bits) - 1
        elif not 0 <= value < 1 << bits:
            raise StreamFault("a rotation out of range")
        return value, abs(d)

    def _code_offset(self, io: BitIO, s: Splat, cell: MotionCell) -> None:
        model, used = self._offset, 0
        for i in range(3):
            expected = NO_SIZE
            if cell.count:
                expected = clip((cell.offset - s.log2_steps[i] >> (FIXED_BITS - 1)) + 8, 0, NO_SIZE - 1)
            context = (expected, used * 16 + self._activity * 4 + min(self._last, 3), s.geometry_class * 4 + i)
            s.offset[i] = code_signed(io, model, model.at(context))
            large = abs(s.offset[i]) > 1
            used += large
            self._changed += large


def _class_of(v: int) -> int:
    if not 0 <= v < CLASSES:
        raise StreamFault("a class out of range")
    return v
