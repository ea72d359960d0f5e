"""Binary range coder: a 32-bit interval [low, high], probabilities of a one in 1/65536 (FORMAT.md, "Range coder").

Encoder and decoder have the same method `code(bit, p)`; a model written against it codes in either direction.
"""

from __future__ import annotations

WORD = 0xFFFFFFFF
TOP = 0xFF000000


class StreamFault(ValueError):
    """The stream contradicts itself or what the header says of it."""


class RangeEncoder:
    """Decisions to bytes."""

    __slots__ = ("_bytes", "_high", "_low")

    def __init__(self) -> None:
        self._low, self._high = 0, WORD
        self._bytes = bytearray()

    def code(self, bit: int, p: int) -> int:
        """Encodes `bit`, whose probability of being one is p / 65536."""
        low, high = self._low, self._high
        span = high - low
        mid = low + (span >> 16) * p + (((span & 0xFFFF) * p) >> 16)
        if bit:
            high = mid
        else:
            low = mid + 1
        while not (low ^ high) & TOP:
            self._bytes.append(high >> 24)
            low = (low << 8) & WORD
            high = ((high << 8) & WORD) | 255
        self._low, self._high = low, high
        return bit

    def check(self) -> None:
        """Nothing can go wrong here; the decoder's twin has something to say."""

    def finish(self) -> bytes:
        """The stream, with the shortest tail that the decoder, which reads zeros past the end, still resolves."""
        for kept in range(1, 5):
            mask = WORD >> (8 * kept) if kept < 4 else 0
            value = (self._low + mask) & WORD & ~mask
            if self._low <= value <= self._high:
                self._bytes += value.to_bytes(4, "big")[:kept]
                break
        return bytes(self._bytes)


class RangeDecoder:
    """Bytes to decisions."""

    __slots__ = ("_data", "_high", "_low", "_next", "_x")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._low, self._high = 0, WORD
        self._x = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._next = 4

    def code(self, bit: int, p: int) -> int:
        """Decodes a bit whose probability of being one is p / 65536; the argument `bit` is the encoder's."""
        low, high = self._low, self._high
        span = high - low
        mid = low + (span >> 16) * p + (((span & 0xFFFF) * p) >> 16)
        if self._x <= mid:
            bit = 1
            high = mid
        else:
            bit = 0
            low = mid + 1
        while not (low ^ high) & TOP:
            low = (low << 8) & WORD
            high = ((high << 8) & WORD) | 255
            at = self._next
            self._x = ((self._x << 8) & WORD) | (self._data[at] if at < len(self._data) else 0)
            self._next = at + 1
        self._low, self._high = low, high
        return bit

    def check(self) -> None:
        """Bytes asked for past the end: an encoder's stream never needs more than four.

        Raises:
            StreamFault: this one does.
        """
        if self._next > len(self._data) + 4:
            raise StreamFault("the stream ends before its last symbol")

    def check_end(self) -> None:
        """After the last symbol nothing but padding with zeros is left.

        Raises:
            StreamFault: something is.
        """
        self.check()
        if any(self._data[self._next :]):
            raise StreamFault("bytes are left after the last symbol")
