"""Binary Ion 1.0 to values, as the text reader gives them: annotations are dropped, timestamps and symbols are text."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from segue.expr.errors import EvaluationError

__all__ = ["MARKER", "SYSTEM_SYMBOLS", "BinaryDecoder", "read_binary_ion"]

MARKER = b"\xe0\x01\x00\xea"
SYSTEM_SYMBOLS = (
    "$0",
    "$ion",
    "$ion_1_0",
    "$ion_symbol_table",
    "name",
    "version",
    "imports",
    "symbols",
    "max_id",
    "$ion_shared_symbol_table",
)
_TABLE = 3
_MAX_DEPTH = 200
_MAX_IMPORTED = 10_000
_MAX_INTEGER = 1_700
"""Bytes of an integer: below the size at which Python refuses to turn it into text."""
_MAX_EXPONENT = 4000
_MAX_SYMBOL_LENGTH = 64 * 1024 * 1024
_COST_OF_A_SYMBOL = 64


class _Item(NamedTuple):
    """Descriptor of one value: its type, whether it is null, and where its content lies."""

    kind: int
    length_code: int
    start: int
    end: int


class _Bytes:
    """The numbers that everything else is made of (Ion 1.0, binary encoding)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.origin = 0
        """Where ``data`` begins in the document: for messages."""

    def fail(self, what: str, pos: int) -> EvaluationError:
        return EvaluationError(f"Invalid ion: {what} at byte {self.origin + pos}")

    def var_uint(self, pos: int, end: int) -> tuple[int, int]:
        value = 0
        for index in range(pos, min(end, pos + 9)):
            byte = self.data[index]
            value = value << 7 | byte & 0x7F
            if byte & 0x80:
                return value, index + 1
        raise self.fail("a number without end", pos)

    def var_int(self, pos: int, end: int) -> tuple[int, bool, int]:
        """Magnitude with sign, whether the sign bit is set, and the position after."""
        value, after = self.var_uint(pos, end)
        bits = 7 * (after - pos) - 1
        negative = bool(value >> bits)
        value &= (1 << bits) - 1
        return (-value if negative else value), negative, after

    def fixed_int(self, pos: int, end: int) -> int:
        if end - pos > _MAX_INTEGER:
            raise self.fail("a number that is too long", pos)
        if pos == end:
            return 0
        value = int.from_bytes(self.data[pos:end], "big")
        sign = 1 << (8 * (end - pos) - 1)
        return -(value & ~sign) if value & sign else value


class BinaryDecoder(_Bytes):
    """Decodes values of one document that come as ``data``, at once or value after value: symbols are kept."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(data)
        self.symbols = list(SYSTEM_SYMBOLS)
        self.room = _MAX_SYMBOL_LENGTH

    def item(self, pos: int, end: int) -> _Item:
        descriptor = self.data[pos]
        kind, code = descriptor >> 4, descriptor & 0x0F
        start, length = pos + 1, code
        if kind == 1 or code == 15:
            length = 0
        elif code == 14 or (kind == 13 and code == 1):
            length, start = self.var_uint(start, end)
        if kind == 15 or start + length > end:
            raise self.fail("a value that does not fit", pos)
        return _Item(kind, code, start, start + length)

    def rows(self, *, all_rows: bool) -> list[Any]:
        """The values in ``data``, or the first one. Raises ``EvaluationError``."""
        found: list[Any] = []
        pos, end = 0, len(self.data)
        while pos < end:
            if self.data.startswith(MARKER, pos):
                self.forget()
                pos += len(MARKER)
                continue
            item = self.item(pos, end)
            pos = item.end
            if item.kind == 0 and item.length_code != 15:
                continue
            if item.kind == 14 and self.is_table(item):
                continue
            found.append(self.value(item, 0))
            if not all_rows:
                break
        return found

    def forget(self) -> None:
        """Only the symbols of the system are known, as at the beginning of a document."""
        self.symbols = list(SYSTEM_SYMBOLS)
        self.room = _MAX_SYMBOL_LENGTH

    def annotated(self, item: _Item) -> tuple[int, _Item]:
        """The first annotation of a wrapper, and the value in it."""
        length, pos = self.var_uint(item.start, item.end)
        if not length or pos + length >= item.end:
            raise self.fail("an annotation without value", item.start)
        first, _ = self.var_uint(pos, item.end)
        inner = self.item(pos + length, item.end)
        if inner.kind == 14 or inner.end != item.end:
            raise self.fail("a bad annotation", item.start)
        return first, inner

    def is_table(self, item: _Item) -> bool:
        """Whether the value is a symbol table, which is then in force."""
        first, inner = self.annotated(item)
        if first != _TABLE or inner.kind != 13:
            return False
        table = self.value(inner, 0) or {}
        imports = table.get("imports")
        if imports != "$ion_symbol_table":
            self.forget()
            for shared in imports if isinstance(imports, list) else ():
                count = shared.get("max_id") if isinstance(shared, Mapping) else None
                if not isinstance(count, int) or not 0 <= count <= _MAX_IMPORTED:
                    raise self.fail("an import of symbols that are not here", item.start)
                self.room -= count * _COST_OF_A_SYMBOL
                if self.room < 0:
                    raise self.fail("too many symbols", item.start)
                self.symbols += [f"${len(self.symbols) + number}" for number in range(count)]
        names = table.get("symbols")
        for name in names if isinstance(names, list) else ():
            self.symbols.append(name if isinstance(name, str) else f"${len(self.symbols)}")
            self.room -= _COST_OF_A_SYMBOL + len(self.symbols[-1])
        if self.room < 0:
            raise self.fail("too many symbols", item.start)
        return True

    def symbol(self, number: int, pos: int) -> str:
        if number >= len(self.symbols):
            raise self.fail(f"an unknown symbol ${number}", pos)
        return self.symbols[number]

    def value(self, item: _Item, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise self.fail("the value nests too deeply", item.start)
        if item.kind == 14:
            return self.value(self.annotated(item)[1], depth + 1)
        if item.length_code == 15 or item.kind == 0:
            return None
        if item.kind == 1:
            return item.length_code == 1
        if item.kind in (11, 12):
            return self.sequence(item, depth)
        if item.kind == 13:
            return self.struct(item, depth)
        return _SCALARS[item.kind](self, item)

    def sequence(self, item: _Item, depth: int) -> list[Any]:
        items: list[Any] = []
        pos = item.start
        while pos < item.end:
            inner = self.item(pos, item.end)
            if inner.kind or inner.length_code == 15:
                items.append(self.value(inner, depth + 1))
            pos = inner.end
        return items

    def struct(self, item: _Item, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        pos = item.start
        while pos < item.end:
            number, after = self.var_uint(pos, item.end)
            if after >= item.end:
                raise self.fail("a field without value", pos)
            inner = self.item(after, item.end)
            if inner.kind or inner.length_code == 15:
                result[self.symbol(number, pos)] = self.value(inner, depth + 1)
            pos = inner.end
        return result

    def integer(self, item: _Item) -> int:
        if item.end - item.start > _MAX_INTEGER:
            raise self.fail("a number that is too long", item.start)
        magnitude = int.from_bytes(self.data[item.start : item.end], "big")
        return -magnitude if item.kind == 3 else magnitude

    def floating(self, item: _Item) -> float:
        form = {0: "", 4: ">f", 8: ">d"}.get(item.end - item.start)
        if form is None:
            raise self.fail("a float of a wrong size", item.start)
        return float(struct.unpack(form, self.data[item.start : item.end])[0]) if form else 0.0

    def decimal(self, item: _Item) -> Decimal:
        if item.start == item.end:
            return Decimal(0)
        exponent, _, pos = self.var_int(item.start, item.end)
        return self.scaled(self.fixed_int(pos, item.end), exponent, pos)

    def scaled(self, coefficient: int, exponent: int, pos: int) -> Decimal:
        if abs(exponent) > _MAX_EXPONENT:
            raise self.fail("a number that is too large or too small", pos)
        digits = tuple(map(int, str(abs(coefficient))))
        return Decimal((coefficient < 0, digits, exponent))

    def timestamp(self, item: _Item) -> str:
        """ISO text with as many fields as are there."""
        offset, negative, pos = self.var_int(item.start, item.end)
        unknown = offset == 0 and negative
        fields: list[int] = []
        while pos < item.end and len(fields) < 6:
            number, pos = self.var_uint(pos, item.end)
            fields.append(number)
        if not fields:
            raise self.fail("a timestamp without year", item.start)
        if len(fields) < 4:
            return "-".join(f"{number:0{width}d}" for number, width in zip(fields, (4, 2, 2), strict=False)) + (
                "T" if len(fields) < 3 else ""
            )
        fraction = ""
        if pos < item.end:
            exponent, _, after = self.var_int(pos, item.end)
            scaled = self.scaled(abs(self.fixed_int(after, item.end)), max(exponent, -30), pos)
            fraction = f"{scaled:f}".partition(".")[2]
        return _timestamp_text([*fields, 0, 0], fraction, None if unknown else offset)

    def text(self, item: _Item) -> str:
        try:
            return self.data[item.start : item.end].decode()
        except UnicodeDecodeError:
            raise self.fail("a text that is not UTF-8", item.start) from None


def _timestamp_text(fields: list[int], fraction: str, offset: int | None) -> str:
    """A time in UTC, as the local time of its offset (in minutes; None when unknown)."""
    year, month, day, hour, minute, second = fields[:6]
    try:
        local = datetime(year, month, day, hour, minute, second) + timedelta(minutes=offset or 0)  # noqa: DTZ001 - the offset follows
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"Invalid ion: a timestamp that does not exist: {error}") from None
    text = local.isoformat(timespec="seconds") + (f".{fraction}" if fraction else "")
    if offset is None:
        return text + "-00:00"
    if offset == 0:
        return text + "Z"
    hours, minutes = divmod(abs(offset), 60)
    return f"{text}{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"


_SCALARS: Mapping[int, Callable[[BinaryDecoder, _Item], Any]] = {
    2: BinaryDecoder.integer,
    3: BinaryDecoder.integer,
    4: BinaryDecoder.floating,
    5: BinaryDecoder.decimal,
    6: BinaryDecoder.timestamp,
    7: lambda reader, item: reader.symbol(reader.integer(item), item.start),
    8: BinaryDecoder.text,
    9: lambda reader, item: reader.data[item.start : item.end],
    10: lambda reader, item: reader.data[item.start : item.end],
}


def read_binary_ion(data: bytes, *, all_rows: bool) -> Any:
    """The first value of the document, or all of them.

    Raises:
        EvaluationError: `Invalid ion: ...`.
    """
    if not data.startswith(MARKER):
        raise EvaluationError("Invalid ion: the marker of binary Ion is missing")
    rows = BinaryDecoder(data).rows(all_rows=all_rows)
    if all_rows:
        return rows
    if not rows:
        raise EvaluationError("Invalid ion: there is no value")
    return rows[0]
