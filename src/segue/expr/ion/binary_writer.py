"""Values to binary Ion 1.0: the same values that `ion_text` writes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from segue.expr.errors import LimitError
from segue.expr.ion.binary_reader import MARKER, SYSTEM_SYMBOLS
from segue.expr.text import java_text
from segue.expr.values import MapEntry, is_collection

__all__ = ["ion_bytes"]


def _var_uint(number: int) -> bytes:
    parts = [number & 0x7F | 0x80]
    while number := number >> 7:
        parts.append(number & 0x7F)
    return bytes(reversed(parts))


def _var_int(number: int) -> bytes:
    magnitude = abs(number)
    parts = [magnitude & 0x7F]
    while magnitude := magnitude >> 7:
        parts.append(magnitude & 0x7F)
    if parts[-1] & 0x40:
        parts.append(0)
    parts[-1] |= 0x40 if number < 0 else 0
    parts[0] |= 0x80
    return bytes(reversed(parts))


def _magnitude(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _tagged(kind: int, content: bytes) -> bytes:
    if len(content) < 14:
        return bytes((kind << 4 | len(content),)) + content
    return bytes((kind << 4 | 14,)) + _var_uint(len(content)) + content


class _Writer:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit
        self.symbols: dict[str, int] = {}

    def spend(self, content: bytes) -> bytes:
        self.left -= len(content)
        if self.left < 0:
            raise LimitError("max_output_length", self.limit, "The Ion document becomes too long")
        return content

    def symbol(self, name: str) -> int:
        if name not in self.symbols:
            self.spend(name.encode("utf-8", "replace"))
            self.symbols[name] = len(SYSTEM_SYMBOLS) + len(self.symbols)
        return self.symbols[name]

    def value(self, value: Any) -> bytes:
        if isinstance(value, MapEntry):
            value = {value.key: value.value}
        if isinstance(value, Mapping):
            fields = b"".join(_var_uint(self.symbol(java_text(key))) + self.value(item) for key, item in value.items())
            # A length of 1 would mean a struct with sorted fields: there is none, a field takes two bytes.
            return _tagged(13, fields)
        if is_collection(value):
            return _tagged(11, b"".join(map(self.value, value)))
        return self.spend(self.scalar(value))

    def scalar(self, value: Any) -> bytes:
        if value is None:
            return b"\x0f"
        if isinstance(value, bool):
            return b"\x11" if value else b"\x10"
        if isinstance(value, int) and not isinstance(value, Enum):
            return _tagged(3 if value < 0 else 2, _magnitude(abs(value)))
        if isinstance(value, float):
            return _tagged(4, struct.pack(">d", value))
        if isinstance(value, Decimal) and value.is_finite():
            return _tagged(5, _decimal(value))
        if isinstance(value, bytes | bytearray):
            return _tagged(10, bytes(value))
        text = _tagged(8, java_text(value).encode("utf-8", "replace"))
        if isinstance(value, datetime):
            return self.annotated("ZonedDateTime" if value.tzinfo else "LocalDateTime", text)
        return self.annotated("LocalDate", text) if isinstance(value, date) else text

    def annotated(self, name: str, content: bytes) -> bytes:
        annotation = _var_uint(self.symbol(name))
        return _tagged(14, _var_uint(len(annotation)) + annotation + content)

    def table(self) -> bytes:
        """The symbol table of all names used."""
        if not self.symbols:
            return b""
        names = b"".join(_tagged(8, name.encode("utf-8", "replace")) for name in self.symbols)
        content = _tagged(13, _var_uint(SYSTEM_SYMBOLS.index("symbols")) + _tagged(11, names))
        annotation = _var_uint(SYSTEM_SYMBOLS.index("$ion_symbol_table"))
        return _tagged(14, _var_uint(len(annotation)) + annotation + content)


def _decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    coefficient = int("".join(map(str, digits)))
    if not coefficient and not sign and not exponent:
        return b""
    content = _magnitude(coefficient)
    if sign or (content and content[0] & 0x80):
        content = content if content and not content[0] & 0x80 else b"\x00" + content
        content = bytes((content[0] | (0x80 if sign else 0),)) + content[1:]
    return _var_int(int(exponent)) + content


def ion_bytes(values: Iterable[Any], limit: int) -> bytes:
    """A document with these values, one after another.

    Raises:
        LimitError: it would be longer than (about) `limit`.
    """
    writer = _Writer(limit)
    rows = [writer.value(value) for value in values]
    return b"".join((MARKER, writer.table(), *rows))
