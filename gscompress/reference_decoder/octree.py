"""Occupied voxels of one chunk, breadth first, then how many splats each holds (FORMAT.md, "Octree")."""

from __future__ import annotations

from bisect import bisect_left

from ..entropy.decisions import BitIO, Decisions
from ..entropy.range_coder import StreamFault

_X, _Y, _Z = 0x1249249249249249, 0x2492492492492492, 0x4924924924924924
"""The bits of a Morton code that belong to each axis."""


def _neighbours(node: int) -> list[int]:
    """The six codes across the faces of `node`: -x, +x, -y, +y, -z, +z. Those outside the grid are never occupied."""
    out = []
    for axis, mask in enumerate((_X, _Y, _Z)):
        own, others, one = node & mask, node & ~mask, 1 << axis
        out.append(others | (own - one & mask) if own else -1)
        out.append(others | ((own | ~mask) + one & mask))
    return out


class OctreeDecoder:
    """Its models carry over from chunk to chunk of a block."""

    def __init__(self) -> None:
        self._occupancy = Decisions(8, (256, 128, 64, 64))
        self._count = Decisions(16, (16, 4))

    def decode(self, io: BitIO, depth: int, total: int, earlier: list[int]) -> list[int]:
        """Morton codes of a chunk's `total` splats, ascending.

        Args:
            earlier: those of the block's earlier chunks, ascending.

        Raises:
            StreamFault: the stream ends too soon, or has more or fewer voxels than fit.
        """
        nodes = [0] if total else []
        for level in range(depth):
            nodes = self._level(io, nodes, 3 * (depth - 1 - level), total, earlier)
        return self._counts(io, nodes, total, earlier)

    def _level(self, io: BitIO, nodes: list[int], below: int, total: int, earlier: list[int]) -> list[int]:
        """The occupied children of `nodes`; `below` bits of a code lie under a child."""
        occupied = set(nodes)
        out: list[int] = []
        was = 0
        for node in nodes:
            seen, seen_all = [0] * 8, 0
            was = bisect_left(earlier, node << (below + 3), was)
            while was < len(earlier) and earlier[was] >> (below + 3) == node:
                child = earlier[was] >> below & 7
                seen[child] = min(seen[child] + 1, 3)
                seen_all = min(seen_all + 1, 3)
                was += 1
            face = [int(code in occupied) for code in _neighbours(node)]
            self._children(io, node, seen, seen_all, face, out)
            io.check()
            if len(out) > total:
                raise StreamFault("more occupied voxels than splats")
        return out

    def _children(
        self, io: BitIO, node: int, seen: list[int], seen_all: int, face: list[int], out: list[int]
    ) -> None:
        """Decodes which of the eight children of `node` are occupied and appends them to `out`."""
        faces = sum(face)
        filled = coded = 0
        for i in range(8):
            outer = inner = known = 0
            for axis in range(3):
                up = i >> axis & 1
                outer |= face[2 * axis + up] << axis
                if up:
                    known += 1
                    inner += coded >> (i ^ (1 << axis)) & 1
            if i == 7 and filled == 0:
                bit = 1  # a node is never empty
            else:
                context = (
                    coded | 1 << i,
                    outer * 16 + inner * 4 + known,
                    seen[i] * 16 + seen_all * 4 + outer.bit_count(),
                    faces * 8 + filled,
                )
                bit = self._occupancy.code(io, self._occupancy.at(context), i)
            filled += bit
            coded |= bit << i
            if bit:
                out.append(node << 3 | i)

    def _counts(self, io: BitIO, nodes: list[int], total: int, earlier: list[int]) -> list[int]:
        """The voxels, each as often as it holds splats."""
        out: list[int] = []
        previous, left, was = 0, total, 0
        for k, node in enumerate(nodes):
            was = bisect_left(earlier, node, was)
            seen = 0
            while was < len(earlier) and earlier[was] == node:
                seen = min(seen + 1, 3)
                was += 1
            spare = left - (len(nodes) - k)  # splats that are not yet spoken for
            where = self._count.at((previous, seen))
            n = 0
            while n < spare and self._count.code(io, where, min(n, 15)):
                n += 1
            io.check()
            previous = min(n, 15)
            left -= n + 1
            out += [node] * (n + 1)
        if left:
            raise StreamFault("fewer splats in the octree than the chunk has")
        return out
