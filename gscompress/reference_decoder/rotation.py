"""Rotations: how precise each part is, and its symbols (FORMAT.md, "Rotations")."""

from __future__ import annotations

from dataclasses import dataclass

from ..entropy.decisions import BitIO, Decisions
from ..entropy.symbols import code_raw
from ..model.steps import FIXED_BITS, SINH, STEP_ROTATION, Params, clip, log2_hypot

TOP = 4
"""Modelled bits of a component."""
NONE = 16
"""In place of a neighbour's leading bits: it has none that compare."""


@dataclass(slots=True)
class Rotation:
    """The axis that stands out as a point on a cube's face, the next as an angle around it."""

    needle: int
    bits: int
    angle_bits: int
    face: int = 2
    u: int = 0
    v: int = 0
    angle: int = 0


def _weight(longer: int, shorter: int) -> int:
    return SINH[clip((longer - shorter) >> (FIXED_BITS - 6), 0, 1023)]


def layout(p: Params, log2_scales: list[int], blur: int, geometry_class: int) -> Rotation:
    """Which axis is primary and how many bits each part gets; what has no bits stays at zero."""
    first, second, third = (log2_hypot(s, blur) for s in log2_scales[:3])
    w01, w12, w02 = _weight(first, second), _weight(second, third), _weight(first, third)
    needle = w01 > w12
    primary = (w02 + (w01 if needle else w12)) >> 1
    rest = w12 if needle else w01
    base = p.log2_step[STEP_ROTATION] - 256 * geometry_class
    return Rotation(
        int(needle),
        clip((256 - base + primary + 128) >> 8, 0, 14),
        clip((423 - base + rest + 128) >> 8, 0, 14),
    )


def _top(r: Rotation, other: Rotation | None, which: int) -> int:
    """The neighbour's leading bits of a component."""
    if other is None or other.needle != r.needle:
        return NONE
    bits = other.angle_bits if which == 2 else other.bits
    if bits == 0 or (r.bits and other.bits and other.face != r.face):
        return NONE
    value = (other.u, other.v, other.angle)[which]
    return value >> (bits - TOP) if bits >= TOP else value << (TOP - bits)


def _agree(t: int, i: int, prefix: int) -> int:
    """0 without a neighbour, 1 once it differs, 2 + its next bit while the bits so far are the neighbour's."""
    if t == NONE:
        return 0
    return 2 + (t >> (TOP - 1 - i) & 1) if t >> (TOP - i) == prefix - (1 << i) else 1


class RotationDecoder:
    """Faces, points and angles."""

    def __init__(self) -> None:
        self._face = Decisions(2, (64, 16))
        self._bits = Decisions(64, (16, 128))

    def decode(self, io: BitIO, r: Rotation, a: Rotation | None, b: Rotation | None) -> None:
        """Fills in the parts of `r` that have bits.

        Args:
            r: from `layout`.
            a, b: the rotation before, and of the last splat near by.
        """
        if r.bits > 0:
            fa = a.face + 1 if a is not None and a.bits else 0
            fb = b.face + 1 if b is not None and b.bits else 0
            kinds = r.needle * 2 + (r.needle if a is None else a.needle)
            where = self._face.at((fa * 16 + fb * 4 + kinds, fb * 4 + kinds))
            r.face = self._face.code(io, where, 1) if self._face.code(io, where, 0) else 2
            r.u = self._component(io, r, 0, a, b, 0)
            r.v = self._component(io, r, 1, a, b, r.u >> (r.bits - 2) if r.bits >= 2 else 0)
        if r.angle_bits > 0:
            r.angle = self._component(io, r, 2, a, b, r.face + 1 if r.bits else 0)

    def _component(self, io: BitIO, r: Rotation, which: int, a: Rotation | None, b: Rotation | None, extra: int) -> int:
        bits = r.angle_bits if which == 2 else r.bits
        modelled = min(bits, TOP)
        ta, tb = _top(r, a, which), _top(r, b, which)
        prefix = 1
        for i in range(modelled):
            na, nb = _agree(ta, i, prefix), _agree(tb, i, prefix)
            where = self._bits.at((r.needle * 4 + extra, ((na * 4 + nb) * 4 + r.face) * 2 + r.needle))
            prefix = prefix << 1 | self._bits.code(io, where, which * 16 + prefix)
        low = bits - modelled
        return (prefix - (1 << modelled)) << low | code_raw(io, low)
