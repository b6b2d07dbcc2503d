"""Binary Ion that comes in chunks: value after value, with no more in memory than one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from segue.expr.errors import EvaluationError
from segue.expr.ion.binary_reader import MARKER, BinaryDecoder

__all__ = ["MAX_VALUE", "BinaryIonStream"]

MAX_VALUE = 8 * 1024 * 1024
"""Bytes of the largest value that is read."""
_LONGEST_LENGTH = 9
_LONG, _NULL = 14, 15
_PADDING, _BOOLEAN, _STRUCT = 0, 1, 13


class BinaryIonStream:
    """Takes chunks of a document and gives its values. The first bytes must be the marker of binary Ion."""

    def __init__(self) -> None:
        self._decoder = BinaryDecoder()
        self._rest = b""
        self._at = 0
        self._to_skip = 0
        self._has_begun = False

    def feed(self, chunk: bytes) -> Iterator[Any]:
        """The values that are complete with this chunk; to be used up before the next one.

        Raises:
            EvaluationError: `Invalid ion: ...`, also for a value of more than ``MAX_VALUE`` bytes.
        """
        skipped = min(self._to_skip, len(chunk))
        self._to_skip -= skipped
        self._at += skipped
        data, pos = self._rest + chunk[skipped:], 0
        if not self._has_begun and len(data) >= len(MARKER):
            if not data.startswith(MARKER):
                raise EvaluationError("Invalid ion: the marker of binary Ion is missing")
            self._has_begun = True
        self._rest = b""
        while self._has_begun and (end := self._end(data, pos)) is not None:
            if end > len(data):
                break
            yield from self._values(data[pos:end])
            self._at += end - pos
            pos = end
        self._keep(data, pos)

    def finish(self) -> None:
        """The document has ended. Raises ``EvaluationError`` when that is within a value."""
        if self._rest or self._to_skip or not self._has_begun:
            raise EvaluationError(f"Invalid ion: the document ends within a value at byte {self._at}")

    def _values(self, data: bytes) -> list[Any]:
        self._decoder.data, self._decoder.origin = data, self._at
        return self._decoder.rows(all_rows=True)

    def _keep(self, data: bytes, pos: int) -> None:
        """Note what is not complete; of padding only how much of it is still to come."""
        end = self._end(data, pos) if self._has_begun else None
        if end is not None and data[pos] >> 4 == _PADDING and data[pos] & 0x0F != _NULL:
            self._at += len(data) - pos
            self._to_skip = end - len(data)
        else:
            self._rest = data[pos:]

    def _end(self, data: bytes, pos: int) -> int | None:
        """Where the value at ``pos`` ends, perhaps behind the data; None when too little is there to tell."""
        if pos >= len(data):
            return None
        kind, code = data[pos] >> 4, data[pos] & 0x0F
        if data[pos] == MARKER[0]:
            return pos + len(MARKER)
        if code == _NULL or kind == _BOOLEAN:
            return pos + 1
        if code != _LONG and not (kind == _STRUCT and code == 1):
            return pos + 1 + code
        length = 0
        for index in range(pos + 1, min(len(data), pos + 1 + _LONGEST_LENGTH)):
            length = length << 7 | data[index] & 0x7F
            if data[index] & 0x80:
                if length > MAX_VALUE and kind != _PADDING:
                    raise EvaluationError(f"Invalid ion: a value of more than {MAX_VALUE} bytes at byte {self._at}")
                return index + 1 + length
        if len(data) - pos > _LONGEST_LENGTH:
            raise EvaluationError(f"Invalid ion: a length without end at byte {self._at}")
        return None
