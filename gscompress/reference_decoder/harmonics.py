"""Harmonics beyond the constant: how many coefficients of the file's basis, then their values (FORMAT.md, "Harmonics")."""

from __future__ import annotations

from ..entropy.decisions import BitIO, Decisions
from ..entropy.range_coder import StreamFault
from ..entropy.symbols import NODE_SIGN, SIGNED_NODES, code_magnitude, code_signed
from ..model.cells import Described, drift
from ..model.steps import FIXED_BITS, ONE, clip


def log_bucket(n: int) -> int:
    """0, 1, 2, then two an octave."""
    if n < 3:
        return n
    k = n.bit_length() - 1
    return min(2 * k + (n >> (k - 1) & 1), 15)


class HarmonicsDecoder:
    """One block's; splats come in the order of the geometry."""

    def __init__(self, components: int) -> None:
        self._components = components
        self._count = Decisions(64, (16, 64))
        self._value = Decisions(SIGNED_NODES, (64, 256, 49))
        self._previous = [0] * components
        self._previous_count = 0

    def decode(self, io: BitIO, color_class: int, cell: Described) -> list[int]:
        """The coefficients of one splat, in steps.

        Args:
            color_class: of the splat.
            cell: the smallest one around it, after all the geometry of the block.

        Raises:
            StreamFault: more coefficients than the basis has.
        """
        n = self._code_count(io, color_class, cell)
        model, previous = self._value, self._previous
        out = [0] * self._components
        a = b = 0  # magnitudes of the two coefficients before
        for k in range(n):
            p = previous[k]
            where = model.at((k, min(a + b, 7) * 16 + color_class + 128 * (k < 3), (clip(p, -3, 3) + 3) * 7 + min(k, 6)))
            if k == n - 1:  # the last one is not zero
                negative = model.code(io, where, NODE_SIGN)
                v = code_magnitude(io, model, where)
                v = -v if negative else v
            else:
                v = code_signed(io, model, where)
            out[k] = v
            a, b = abs(v), a
        self._previous, self._previous_count = out, n
        cell.sh_count = drift(cell.sh_count, n * ONE, clip(cell.count, 1, 16))
        return out

    def _code_count(self, io: BitIO, color_class: int, cell: Described) -> int:
        components, model = self._components, self._count
        near = log_bucket(clip((cell.sh_count + ONE // 2) >> FIXED_BITS, 0, components))
        before = log_bucket(self._previous_count)
        where = model.at((color_class, near * 4 + min(before, 3)))
        if model.code(io, where, 0):
            return 0
        bucket = 0
        while (2 << bucket) <= components and model.code(io, where, 1 + bucket):
            bucket += 1
        n = 1
        for i in range(bucket - 1, -1, -1):
            place = 0 if i == bucket - 1 else 1 + (n & 1) if i == bucket - 2 else 3
            n = n << 1 | model.code(io, where, 8 + bucket * 8 + place)
        if n > components:
            raise StreamFault("a splat has more harmonics than the file's basis")
        return n
