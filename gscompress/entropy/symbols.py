"""Binarisation of small signed integers (FORMAT.md, "Binarisation").

Zero?, sign, bucket floor(log2 |v|) in unary, mantissa: two bits modelled, the rest at probability 1/2.
"""

from __future__ import annotations

from .decisions import BitIO, Decisions

MAX_BUCKET = 22
MAX_MAGNITUDE = (1 << (MAX_BUCKET + 1)) - 1
NODE_ZERO = 0
NODE_SIGN = 1
NODE_BUCKET, NODE_FIRST, NODE_SECOND = 4, 5, 6
"""Of bucket 0; those of each bucket lie together, 4 apart."""
SIGNED_NODES = 4 * (MAX_BUCKET + 2)


def code_raw(io: BitIO, bits: int, value: int = 0) -> int:
    """`bits` equiprobable bits, most significant first."""
    out = 0
    for i in range(bits - 1, -1, -1):
        out = out << 1 | io.code(value >> i & 1, 32768)
    return out


def code_magnitude(io: BitIO, model: Decisions, where: list[int], magnitude: int = 1) -> int:
    """An integer from 1 to MAX_MAGNITUDE."""
    code = model.code
    want = magnitude.bit_length() - 1
    bucket = 0
    while bucket < MAX_BUCKET and code(io, where, NODE_BUCKET + 4 * bucket, bucket < want):
        bucket += 1
    if bucket == 0:
        return 1
    value = 2 + code(io, where, NODE_FIRST + 4 * bucket, magnitude >> (bucket - 1) & 1)
    if bucket >= 2:
        value = 2 * value + code(io, where, NODE_SECOND + 4 * bucket + (value & 1), magnitude >> (bucket - 2) & 1)
    if bucket >= 3:
        low = bucket - 2
        value = value << low | code_raw(io, low, magnitude & ((1 << low) - 1))
    return value


def code_signed(io: BitIO, model: Decisions, where: list[int], value: int = 0) -> int:
    """An integer of at most MAX_MAGNITUDE in size."""
    if model.code(io, where, NODE_ZERO, value == 0):
        return 0
    negative = model.code(io, where, NODE_SIGN, value < 0)
    magnitude = code_magnitude(io, model, where, abs(value) or 1)
    return -magnitude if negative else magnitude
