"""Values to text: output text, JSON form and Java text form (expression language 1.3).

All writers stop at `limit` characters, because a small value can hold the same list many times over.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]  # not in the type stubs
from typing import Any

from segue.expr.errors import LimitError
from segue.expr.values import MapEntry, is_collection

__all__ = ["double_text", "duration_text", "java_text", "json_text", "output_text"]

DEFAULT_LIMIT = 10_000_000
_LONG = 10**19
_quote: Callable[[str], str] = encode_basestring


def _not_plain(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is no plain value")


# One encoder for all: it has no state, and no check for cycles, which no template can make.
_ENCODE: Callable[[Any, int], tuple[str, ...]] = c_make_encoder(
    None, _not_plain, encode_basestring, None, ":", ",", False, False, False
)


def double_text(value: float) -> str:
    """A double as Java writes it: plain from 0.001 to 10^7, else `d.dddE±n` without plus sign."""
    if 0.001 <= abs(value) < 1e7 or value == 0:
        return float.__repr__(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(float.__repr__(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(text) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


def duration_text(value: timedelta) -> str:
    """An ISO-8601 duration with hours as the largest unit."""
    total = value // timedelta(microseconds=1)
    sign = "-" if total < 0 else ""
    seconds, micros = divmod(abs(total), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{sign}{hours}H" if hours else "") + (f"{sign}{minutes}M" if minutes else "")
    if seconds or micros or not parts:
        fraction = f".{micros:06d}".rstrip("0") if micros else ""
        parts += f"{sign}{seconds}{fraction}S"
    return "PT" + parts


def _datetime_text(value: datetime) -> str:
    text = value.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def _scalar(value: Any) -> str | None:
    """Text of a value that is no container; None for containers."""
    if isinstance(value, Enum):
        return str(value.name)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, datetime):
        return _datetime_text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode("ascii")
    if isinstance(value, Mapping | MapEntry) or is_collection(value):
        return None
    return str(value)


class _Writer:
    """Collects pieces and refuses to grow beyond the limit."""

    __slots__ = ("left", "limit", "parts")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit
        self.parts: list[str] = []

    def add(self, piece: str) -> None:
        self.left -= len(piece)
        if self.left < 0:
            raise LimitError("max_output_length", self.limit, "The text becomes too long")
        self.parts.append(piece)

    def java(self, value: Any) -> None:
        kind = value.__class__
        if kind is str:
            self.add(value)
        elif kind is int:
            self.add(int.__repr__(value))
        elif kind is list:
            self.java_list(value)
        elif value is None:
            self.add("null")
        elif isinstance(value, MapEntry):
            self.java(value.key)
            self.add("=")
            self.java(value.value)
        elif isinstance(value, Mapping):
            self.add("{")
            for number, (key, item) in enumerate(value.items()):
                self.add(", " if number else "")
                self.java(key)
                self.add("=")
                self.java(item)
            self.add("}")
        elif (text := _scalar(value)) is not None:
            self.add(text)
        else:
            self.java_list(value)

    def java_list(self, value: Collection[Any]) -> None:
        separator = "["
        for item in value:
            self.add(separator)
            self.java(item)
            separator = ", "
        self.add("]" if separator == ", " else "[]")

    def json(self, value: Any) -> None:
        kind = value.__class__
        if kind is str:
            self.add(_quote(value))
        elif value is None:
            self.add("null")
        elif kind is int:
            self.add(int.__repr__(value))
        elif kind is list:
            self.json_list(value)
        elif kind is dict or isinstance(value, Mapping):
            self.json_map(value)
        elif isinstance(value, bool | int | float | Decimal) and not isinstance(value, Enum):
            text = java_text(value)
            self.add(_quote(text) if text in ("NaN", "Infinity", "-Infinity") else text)
        elif isinstance(value, timedelta):
            self.add(double_text(value.total_seconds()))
        elif isinstance(value, MapEntry):
            self.json_map({value.key: value.value})
        elif (scalar := _scalar(value)) is not None:
            self.add(_quote(scalar))
        else:
            self.json_list(value)

    def json_list(self, value: Collection[Any]) -> None:
        separator = "["
        for item in value:
            self.add(separator)
            self.json(item)
            separator = ","
        self.add("]" if separator == "," else "[]")

    def json_map(self, value: Mapping[Any, Any]) -> None:
        separator = "{"
        for key, item in value.items():
            if item is None:
                continue
            self.add(separator)
            self.add(_quote(key if key.__class__ is str else java_text(key)))
            self.add(":")
            self.json(item)
            separator = ","
        self.add("}" if separator == "," else "{}")


def _plain_size(value: Any, left: int) -> int:
    """`left` without (at least) the length of the JSON form; negative when that is too long or not plain JSON.

    Plain are maps with text keys, lists, text, booleans, and numbers that Python and Java write alike. Every number
    counts with its longest form, so that integers beyond 64 bits are not plain.
    """
    for item in value.values() if value.__class__ is dict else value:
        kind = item.__class__
        if kind is str:
            left -= len(item) * 6 + 3
        elif kind is int:
            left -= 21 if -_LONG < item < _LONG else left + 1
        elif kind is dict or kind is list:
            left = _plain_size(item, left - 2)
        elif kind is bool:
            left -= 6
        elif kind is float and 0.001 <= item < 1e7:
            left -= 26
        else:
            return -1
        if left < 0:
            return -1
    if value.__class__ is dict:
        for key in value:
            if key.__class__ is not str:
                return -1
            left -= len(key) * 6 + 4
    return left


def _plain_json(value: Any, limit: int) -> str | None:
    """JSON by the encoder in C, where it writes the same as ours; None where it may not."""
    if value.__class__ is not dict and value.__class__ is not list:
        return None
    return "".join(_ENCODE(value, 0)) if _plain_size(value, limit) >= 0 else None


def json_text(value: Any, limit: int = DEFAULT_LIMIT) -> str:
    """Compact JSON: map entries that are null are dropped, list nulls kept, non-ASCII as is.

    Raises:
        LimitError: the text would be longer than `limit`.
    """
    if value.__class__ is str:
        return _quote(value)
    text = _plain_json(value, limit)
    if text is not None:
        return text
    writer = _Writer(limit)
    writer.json(value)
    return "".join(writer.parts)


def java_text(value: Any, limit: int = DEFAULT_LIMIT) -> str:
    """The form that `~`, `join`, `string` and others use: `[a, b]`, `{k=v}`, null as `null`.

    Raises:
        LimitError: the text would be longer than `limit`.
    """
    if value.__class__ is str:
        return value
    if value is None:
        return "null"
    text = _scalar(value)
    if text is not None:
        return text
    writer = _Writer(limit)
    writer.java(value)
    return "".join(writer.parts)


def output_text(value: Any, limit: int = DEFAULT_LIMIT) -> str:
    """What `{{ value }}` writes: containers as JSON, null as nothing.

    Raises:
        LimitError: the text would be longer than `limit`.
    """
    if value.__class__ is str:
        return value
    if value.__class__ is int:
        return int.__repr__(value)
    if value is None:
        return ""
    text = _scalar(value)
    if text is None:
        return json_text(value, limit)
    return text if not isinstance(value, bytes | bytearray) else _quote(text)
