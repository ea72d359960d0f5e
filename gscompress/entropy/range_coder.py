"""Binary range coder: a 64-bit interval [low, low + range), probabilities of a one in 1/65536 (FORMAT.md, "Range coder").

Encoder and decoder have the same method `code(bit, p)`; a model written against it codes in either direction.
"""

from __future__ import annotations

WORD = (1 << 32) - 1
FULL = (1 << 64) - 1
AHEAD = 8
"""A decoder reads this far past the last byte that an encoder writes."""


class StreamFault(ValueError):
    """The stream contradicts itself or what the header says of it."""


class RangeEncoder:
    """Decisions to bytes."""

    __slots__ = ("_low", "_range", "_words")

    def __init__(self) -> None:
        self._low, self._range = 0, FULL  # all of the number so far; the interval lies in its last 64 bits
        self._words = 0

    def code(self, bit: int, p: int) -> int:
        """Encodes `bit`, whose probability of being one is p / 65536."""
        one = (self._range >> 16) * p
        if bit:
            self._range = one
        else:
            self._low += one
            self._range -= one
        if self._range <= WORD:
            self._low <<= 32
            self._range <<= 32
            self._words += 1
        return bit

    def check(self) -> None:
        """Nothing can go wrong here; the decoder's twin has something to say."""

    def finish(self) -> bytes:
        """The stream, with the shortest tail that the decoder, which reads zeros past the end, still resolves."""
        for kept in range(5):
            mask = FULL >> (8 * kept)
            up = -self._low & mask
            if up < self._range:
                return ((self._low + up) >> (64 - 8 * kept)).to_bytes(4 * self._words + kept, "big")
        raise AssertionError("a range of more than 2^32 holds a multiple of 2^32")


class RangeDecoder:
    """Bytes to decisions.

    Raises:
        StreamFault: the bytes begin with a number that no encoder writes.
    """

    __slots__ = ("_at", "_data", "_next", "_range")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._range = FULL
        self._at = int.from_bytes(data[:8].ljust(8, b"\0"), "big")
        if self._at == FULL:  # it stays within from here on
            raise StreamFault("the stream begins beyond its range")
        self._next = 8

    def code(self, bit: int, p: int) -> int:
        """Decodes a bit whose probability of being one is p / 65536; the argument `bit` is the encoder's."""
        one = (self._range >> 16) * p
        if self._at < one:
            bit = 1
            self._range = one
        else:
            bit = 0
            self._range -= one
            self._at -= one
        if self._range <= WORD:
            self._range <<= 32
            at = self._next
            self._at = self._at << 32 | int.from_bytes(self._data[at : at + 4].ljust(4, b"\0"), "big")
            self._next = at + 4
        return bit

    def check(self) -> None:
        """Bytes asked for past the end: an encoder's stream never needs more than `AHEAD`.

        Raises:
            StreamFault: this one does.
        """
        if self._next > len(self._data) + AHEAD:
            raise StreamFault("the stream ends before its last symbol")

    def check_end(self) -> None:
        """After the last symbol nothing but padding with zeros is left.

        Raises:
            StreamFault: something is.
        """
        self.check()
        if any(self._data[self._next :]):
            raise StreamFault("bytes are left after the last symbol")
