"""Frames of a sequence that are told by another one (SEQUENCES.md); twin of cuda/core/codec/following.cpp."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from ..bitstream.container import MAX_SPLATS, MAX_SPLATS_PER_BYTE, parse
from ..entropy.decisions import BitIO, Decisions
from ..entropy.range_coder import RangeDecoder, StreamFault
from ..entropy.symbols import MAX_MAGNITUDE, SIGNED_NODES, code_signed
from ..errors import Corrupt, Unsupported
from ..model.cells import COUNT_LIMIT, drift
from ..model.reconstruct import Symbols, exact_means, reconstruct, rotation_axes
from ..model.steps import CLASSES, ONE, SCALAR_STEP, STEP_SH, VALUE_LIMIT, Params, clip, log2_integer
from ..model.voxels import spread
from ..scene import Scene
from . import params_of
from .block import columns, decode_splats, named_stream
from .harmonics import HarmonicsDecoder
from .octree import OctreeDecoder
from .rotation import RotationDecoder, layout
from .splats import SCALARS, Splat, SplatDecoder, half_octaves

ENTRY = struct.Struct("<IIII")
PLACE_BITS = 8
"""Places are in 1/256 voxel."""
MOTION_UNIT = 16
CELL_SHIFTS = (6, 15)
NO_SPREAD = ONE // 16


@dataclass(eq=False)
class BlockState:
    """What a block of the next frame is told by: splats, where they are, [3] each, and their harmonics' symbols."""

    splats: list[Splat]
    places: list[list[int]]
    harmonics: list[list[int]]


@dataclass(eq=False)
class State:
    """A decoded frame."""

    params: Params
    antialiased: bool
    blocks: list[BlockState]

    @property
    def scene(self) -> Scene:
        """As the native decoder gives it."""
        parts = [columns(b.splats, b.harmonics, len(self.params.basis)) for b in self.blocks]
        symbols = Symbols(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return Scene(*reconstruct(self.params, symbols), antialiased=self.antialiased)


@dataclass(slots=True)
class MotionCell:
    """What has become of the splats that were at a place: running means."""

    count: int = 0
    motion: list[int] = field(default_factory=lambda: [0] * 3)
    error: list[int] = field(default_factory=lambda: [0] * SCALARS)
    offset: int = 0
    sh_count: int = 0


def key_state(data: bytes, name: str = "<bytes>") -> State:
    """Of a key frame, which is a whole file of splats by themselves.

    Raises:
        BadMagic, Truncated, Corrupt, Unsupported.
    """
    file = parse(data, name)
    if file.networks:
        raise Unsupported(name, "sections", "splats by themselves in a key frame", "anchors")
    with named_stream("basis", name):
        params = params_of(file)
    blocks = []
    for block in range(file.header.blocks):
        splats, harmonics = decode_splats(file, params, block, name)
        blocks.append(BlockState(splats, places(params, splats), harmonics or [[] for _ in splats]))
    return State(params, file.header.antialiased, blocks)


def following_state(before: State, payload: bytes, name: str = "<bytes>") -> State:
    """Of the payload of a frame that follows `before`.

    Raises:
        Corrupt, Unsupported.
    """
    head = ENTRY.size * len(before.blocks)
    if len(payload) < head:
        raise Corrupt(name, "following.blocks", f"{head} bytes", str(len(payload)))
    blocks, at, total, streams = [], head, 0, []
    for b, known in enumerate(before.blocks):
        splats, fresh, geometry, harmonics = ENTRY.unpack_from(payload, ENTRY.size * b)
        most = len(known.splats) + MAX_SPLATS_PER_BYTE * (geometry + 1)
        for field_name, found, limit in (("fresh", fresh, splats), ("splats", splats, most)):
            if found > limit:
                raise Corrupt(name, f"following.block {b}.{field_name}", f"at most {limit}", str(found))
        if at + geometry + harmonics > len(payload):
            raise Corrupt(name, f"following.block {b}.size", f"at most {len(payload) - at} bytes", f"{geometry + harmonics} bytes")
        streams.append((splats, fresh, payload[at : at + geometry], payload[at + geometry : at + geometry + harmonics]))
        at += geometry + harmonics
        total += splats
    if at != len(payload):
        raise Corrupt(name, "following", f"{at} bytes", f"{len(payload)} bytes")
    if total > MAX_SPLATS:
        raise Unsupported(name, "following.splats", f"at most {MAX_SPLATS}", str(total))
    for b, (splats, fresh, geometry, harmonics) in enumerate(streams):
        decoder = FollowingDecoder(before.params, before.blocks[b])
        with named_stream(f"following geometry of block {b}", name):
            decoder.geometry(geometry, splats, fresh)
        with named_stream(f"following harmonics of block {b}", name):
            decoder.harmonics(harmonics)
        blocks.append(decoder.state)
    return State(before.params, before.antialiased, blocks)


def places(p: Params, splats: list[Splat]) -> list[list[int]]:
    """Where splats are, in 1/256 voxel, within the grid."""
    if not splats:
        return []
    symbols = Symbols(*columns(splats, [], 0))
    means = exact_means(p, symbols, rotation_axes(symbols.rotation))
    at = np.floor((means - np.array(p.origin)) / p.voxel * (1 << PLACE_BITS))
    return np.clip(at, 0, (1 << (p.depth + PLACE_BITS)) - 1).astype(np.int64).tolist()


def voxel_of(place: list[int]) -> int:
    """Morton code of the voxel of a place."""
    x, y, z = (int(v) for v in spread(np.array(place, np.uint64) >> np.uint64(PLACE_BITS)))
    return x | y << 1 | z << 2


def level_of(v: int, start: int, end: int) -> int:
    """The middle of a level of `start` bits as a level of `end` bits."""
    return (v << (end - start)) + ((1 << (end - start)) >> 1) if end >= start else v >> (start - end)


def rescaled(symbol: int, start: int, end: int) -> int:
    """A symbol of one step in another, halves away from zero."""
    magnitude = min((2 * abs(symbol) * start + end) // (2 * end), MAX_MAGNITUDE)
    return -magnitude if symbol < 0 else magnitude


class FollowingDecoder:
    """The models of one block."""

    def __init__(self, params: Params, before: BlockState) -> None:
        self._p = params
        self._before = before
        self._parents: list[int] = []
        self._octree = OctreeDecoder()
        self._fresh = SplatDecoder(params)
        self._changes, self._fresh_sh = HarmonicsDecoder(len(params.basis)), HarmonicsDecoder(len(params.basis))
        self._cells: tuple[dict[int, MotionCell], dict[int, MotionCell]] = ({}, {})
        self._other_rotation = RotationDecoder()
        self._children = Decisions(16, (64, 16))
        self._class = Decisions(SIGNED_NODES, (64, 32))
        self._scalar = [Decisions(SIGNED_NODES, (64, 96, 25, 28)) for _ in range(SCALARS)]
        self._rotation = Decisions(SIGNED_NODES, (64, 64, 64))
        self._offset = Decisions(SIGNED_NODES, (32, 64, 64))
        self._symbol = [0] * SCALARS
        self._error = [0] * SCALARS
        self._changed = 0  # what of the splat at hand has changed so far, and of the one before in all
        self._changed_before = 0
        self.state = BlockState(self._fresh.splats, [], [])

    def geometry(self, data: bytes, count: int, fresh: int) -> None:
        """Children of every splat of the frame before, then `fresh` of the `count` splats by themselves.

        Raises:
            StreamFault: the stream ends too soon, or contradicts the counts.
        """
        io, followers, done, last = RangeDecoder(data), count - fresh, 0, 1
        for row, parent in enumerate(self._before.splats):
            children = 0
            while True:
                where = self._children.at((parent.geometry_class * 4 + min(last, 3), self._changed_before))
                if not self._children.code(io, where, min(children, 15)):
                    break
                if done == followers:
                    raise StreamFault("more splats that follow than the frame has")
                self._child(io, row)
                done, children = done + 1, children + 1
                io.check()
            io.check()
            last = children
        if done != followers:
            raise StreamFault("fewer splats that follow than the frame has")
        for code in self._octree.decode(io, self._p.depth, fresh, []):
            self._fresh.decode(io, 0, 0, code)
            io.check()
            self.state.places += places(self._p, self._fresh.splats[-1:])
            self._parents.append(-1)
        io.check_end()

    def harmonics(self, data: bytes) -> None:
        """Those of all splats.

        Raises:
            StreamFault
        """
        io, p = RangeDecoder(data), self._p
        for s, parent, place in zip(self._fresh.splats, self._parents, self.state.places, strict=True):
            level = 0 if parent >= 0 else 1
            cell = self._cells[level].setdefault(voxel_of(place) >> CELL_SHIFTS[level], MotionCell())
            found = (self._fresh_sh if parent < 0 else self._changes).decode(io, s.color_class, cell)
            io.check()
            if parent >= 0:
                start, end = (p.steps[STEP_SH][c] for c in (self._before.splats[parent].color_class, s.color_class))
                expected = [v if start == end else rescaled(v, start, end) for v in self._before.harmonics[parent]]
                found = [clip(e + v, -MAX_MAGNITUDE, MAX_MAGNITUDE) for e, v in zip(expected, found, strict=True)]
            self.state.harmonics.append(found)
        io.check_end()

    def _child(self, io: BitIO, row: int) -> None:
        p, parent, place = self._p, self._before.splats[row], self._before.places[row]
        code = voxel_of(place)
        cells = [known.setdefault(code >> shift, MotionCell()) for known, shift in zip(self._cells, CELL_SHIFTS, strict=True)]
        cell = cells[0] if cells[0].count else cells[1]
        most = (1 << (p.depth + PLACE_BITS)) - 1
        begin = [clip(v + ((m + MOTION_UNIT // 2) >> 4 if cell.count else 0), 0, most) for v, m in zip(place, cell.motion, strict=True)]
        s = Splat(voxel_of(begin), shift=[(v & 255) - 128 for v in begin])
        blur = p.log2_blur(s.code)
        self._changed = 0
        self._classes(io, s, parent)
        for j in range(SCALARS):
            self._code_scalar(io, j, s, parent, cell)
        s.rotation = layout(p, s.value, blur, s.geometry_class)
        self._code_rotation(io, s, parent)
        s.log2_steps = p.position_steps(s.value, blur, s.geometry_class)
        self._code_offset(io, s, cell)
        self._changed_before = min(self._changed, 15)

        (now,) = places(p, [s])
        for c in cells:
            moves = [clip(b - a, -(1 << 20), 1 << 20) * MOTION_UNIT for a, b in zip(place, now, strict=True)]
            c.motion = [drift(m, v, c.count) for m, v in zip(c.motion, moves, strict=True)]
            c.error = [drift(m, abs(e), c.count) for m, e in zip(c.error, self._error, strict=True)]
            size = sum(log2_integer(2 * abs(o) + 1) + step for o, step in zip(s.offset, s.log2_steps, strict=True))
            c.offset = drift(c.offset, 85 * size >> 8, c.count)
            c.count = min(c.count + 1, COUNT_LIMIT)
        self._fresh.add(s, self._error)
        self.state.places.append(now)
        self._parents.append(row)

    def _seen(self) -> int:
        return min(self._changed, 3)

    def _classes(self, io: BitIO, s: Splat, parent: Splat) -> None:
        g = code_signed(io, self._class, self._class.at((parent.geometry_class, self._changed_before)))
        s.geometry_class = parent.geometry_class + g
        if not 0 <= s.geometry_class < CLASSES:
            raise StreamFault("a class out of range")
        c = code_signed(io, self._class, self._class.at((16 + parent.color_class, 16 + clip(g, -3, 3) + 3)))
        s.color_class = parent.color_class + c
        if not 0 <= s.color_class < CLASSES:
            raise StreamFault("a class out of range")
        self._changed += (g != 0) + (c != 0)

    def _code_scalar(self, io: BitIO, j: int, s: Splat, parent: Splat, cell: MotionCell) -> None:
        own_class = s.color_class if j >= 4 else s.geometry_class
        step, inverse = self._p.steps[SCALAR_STEP[j]][own_class], self._p.inverses[SCALAR_STEP[j]][own_class]
        small = [clip(self._symbol[k], -2, 2) + 2 if k >= 0 else 2 for k in (j - 1, j - 2, j - 3)]
        spread_bucket = half_octaves(cell.error[j] if cell.count else NO_SPREAD, inverse)
        context = (
            own_class * 4 + self._seen(), spread_bucket * 4 + self._seen(), small[0] * 5 + small[1], small[2] * 4 + min(self._changed_before, 3),
        )  # fmt: skip
        self._symbol[j] = code_signed(io, self._scalar[j], self._scalar[j].at(context))
        s.value[j] = clip(parent.value[j] + self._symbol[j] * step, -VALUE_LIMIT, VALUE_LIMIT)
        self._error[j] = s.value[j] - parent.value[j]
        self._changed += self._symbol[j] != 0

    def _code_rotation(self, io: BitIO, s: Splat, parent: Splat) -> None:
        r, o, model = s.rotation, parent.rotation, self._rotation
        steady = o.needle == r.needle and not (r.bits > 0 and o.bits == 0)
        if steady and r.bits > 0:
            steady = bool(model.code(io, model.at((60 + self._seen(), 60, 60 + r.needle)), 0))
        if not steady:
            self._other_rotation.decode(io, r, None, None)
            self._changed += 1
            return
        before = 0

        def component(which: int, bits: int, expected: int) -> int:
            nonlocal before
            where = model.at((bits * 4 + self._seen(), which * 16 + min(before, 3) * 4 + min(self._changed_before, 3), which * 16 + bits))
            d = code_signed(io, model, where)
            before = abs(d)
            self._changed += d != 0
            if which == 2:
                return (expected + d) & ((1 << bits) - 1)
            if not 0 <= expected + d < 1 << bits:
                raise StreamFault("a rotation out of range")
            return expected + d

        if r.bits > 0:
            r.face = o.face
            r.u = component(0, r.bits, level_of(o.u, o.bits, r.bits))
            r.v = component(1, r.bits, level_of(o.v, o.bits, r.bits))
        if r.angle_bits > 0:
            r.angle = component(2, r.angle_bits, level_of(o.angle, o.angle_bits, r.angle_bits) if o.angle_bits else 1 << (r.angle_bits - 1))

    def _code_offset(self, io: BitIO, s: Splat, cell: MotionCell) -> None:
        before = 0
        for i in range(3):
            expected = clip(((cell.offset - s.log2_steps[i]) >> 11) + 8, 0, 30) if cell.count else 31
            where = self._offset.at((expected, min(before, 3) * 16 + self._seen() * 4 + min(self._changed_before, 3), s.geometry_class * 4 + i))
            s.offset[i] = code_signed(io, self._offset, where)
            large = abs(s.offset[i]) > 1
            before += large
            self._changed += large


__all__ = ["State", "following_state", "key_state"]
