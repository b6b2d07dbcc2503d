"""Values a template can meet besides Python's own, and type names for messages (expression language 4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeGuard

__all__ = [
    "ABSENT",
    "Absent",
    "Float32",
    "Int32",
    "MapEntry",
    "class_name",
    "is_collection",
    "is_integer",
    "is_list",
    "is_number",
]


class Absent:
    """Type of `ABSENT`: the default of an argument that was not passed, as opposed to one passed as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


class Int32(int):
    """An integer that `number` read as 32 bits; any arithmetic gives a plain integer."""

    __slots__ = ()


class Float32(float):
    """A number that `number` read as a 32-bit float; kept as a double, the text is the same."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MapEntry:
    """What `for` yields for a map."""

    key: Any
    value: Any


def is_number(value: object) -> TypeGuard[int | float | Decimal]:
    """Numbers; booleans are none here (expression language 14)."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_integer(value: object) -> TypeGuard[int]:
    """Whole numbers; booleans are none here."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Lists and other sequences, but neither text nor bytes."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def is_collection(value: object) -> TypeGuard[Collection[Any]]:
    """Lists and sets (also views of map keys), neither maps nor text."""
    return is_list(value) or isinstance(value, Set)


_CLASS_NAMES: tuple[tuple[type, str], ...] = (
    (str, "java.lang.String"),
    (bool, "java.lang.Boolean"),
    (Int32, "java.lang.Integer"),
    (Float32, "java.lang.Float"),
    (float, "java.lang.Double"),
    (Decimal, "java.math.BigDecimal"),
    (datetime, "java.time.ZonedDateTime"),
    (date, "java.time.LocalDate"),
    (timedelta, "java.time.Duration"),
    (bytes, "byte[]"),
    (MapEntry, "java.util.Map$Entry"),
    (Mapping, "java.util.LinkedHashMap"),
    (Set, "java.util.LinkedHashSet"),
)


def class_name(value: object) -> str:
    """The type name that messages and the `className` filter show, in the original's words."""
    if value is None:
        return "null"
    if is_integer(value) and not isinstance(value, Int32):
        return "java.lang.Long" if -(2**63) <= value < 2**63 else "java.math.BigInteger"
    if isinstance(value, Enum):
        return type(value).__name__
    for kind, name in _CLASS_NAMES:
        if isinstance(value, kind):
            return name
    return "java.util.ArrayList" if is_list(value) else type(value).__name__
