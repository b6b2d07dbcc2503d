"""Values of the KV store: keys, types, and what is read from a request's text (flow language 14.1, REST API 5.5)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from segue.domain.durations import format_duration, parse_duration
from segue.domain.errors import SegueError

MAX_VALUE_BYTES = 4 * 1024 * 1024
"""Of the JSON text of one value."""
_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_LONGEST_KEY = 255
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
_SHOWN = 100


class KvType(StrEnum):
    """The type of a stored value."""

    STRING = "STRING"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"
    DATETIME = "DATETIME"
    DATE = "DATE"
    DURATION = "DURATION"
    JSON = "JSON"


class KvContent(msgspec.Struct, frozen=True):
    """A value as it is stored: JSON, with moments and durations as ISO-8601 texts."""

    type: KvType
    value: Any = None

    @property
    def native(self) -> Any:
        """The value as expressions see it: dates, date-times and durations as such."""
        return _NATIVE[self.type](self.value) if self.type in _NATIVE and isinstance(self.value, str) else self.value


def check_key(key: str) -> str:
    """Return ``key`` if it may be one. Raise ``SegueError`` otherwise."""
    if not key or key.isspace():
        raise SegueError("Key cannot be null or empty")
    if not _KEY.fullmatch(key) or len(key) > _LONGEST_KEY:
        raise SegueError(
            "Key must start with an alphanumeric character (uppercase or lowercase) and can contain alphanumeric "
            f"characters (uppercase or lowercase), dots (.), underscores (_), and hyphens (-) only: {key[:_SHOWN]!r}"
        )
    return key


def content_of(value: Any, kind: KvType | None = None) -> KvContent:
    """A native value with its type, or as the type given (task ``kv.Set``, core plugins 6).

    A text that is an ISO-8601 duration is a duration unless ``kind`` says otherwise. Raises ``SegueError`` for a
    value that does not fit ``kind`` or cannot be stored.
    """
    if kind is not None and kind is not KvType.JSON and not isinstance(value, str):
        value = _plain(value) if kind is KvType.STRING else value
    try:
        found = _CASTS[kind](value) if kind is not None else _derived(value)
        size = len(msgspec.json.encode(found.value))
    except (ValueError, OverflowError, TypeError, RecursionError) as error:
        wanted = f" as {kind}" if kind is not None else ""
        raise SegueError(f"Invalid KV value{wanted}: {error}") from None
    if size > MAX_VALUE_BYTES:
        raise SegueError(f"A KV value may have {MAX_VALUE_BYTES} bytes at most, this one has {size}")
    return found


def read_content(text: str) -> KvContent:
    """The value that the body of a request writes (REST API 5.5).

    JSON; or an ISO-8601 duration, date or date-time without quotes; or any other text that does not begin like
    JSON. Raises ``SegueError`` for broken JSON.
    """
    stripped = text.strip()
    try:
        return content_of(json.loads(stripped, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        if not stripped or stripped[0] in '{["':
            raise SegueError(f"Invalid JSON value for: {stripped[:_SHOWN]}") from None
    if _DATE.fullmatch(stripped):
        return _cast(stripped, KvType.DATE)
    if _INSTANT.fullmatch(stripped):
        return _cast(stripped, KvType.DATETIME)
    return content_of(stripped)


def _cast(text: str, kind: KvType) -> KvContent:
    try:
        return content_of(text, kind)
    except SegueError:
        return KvContent(KvType.STRING, text)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _derived(value: Any) -> KvContent:
    if value is None or isinstance(value, Mapping | list | tuple | set | frozenset):
        return KvContent(KvType.JSON, _plain(value))
    if isinstance(value, bool):
        return KvContent(KvType.BOOLEAN, value)
    if isinstance(value, int | float):
        return KvContent(KvType.NUMBER, _number(value))
    if isinstance(value, datetime):
        return KvContent(KvType.DATETIME, format_moment(value))
    if isinstance(value, date):
        return KvContent(KvType.DATE, value.isoformat())
    if isinstance(value, timedelta):
        return KvContent(KvType.DURATION, format_duration(value))
    text = str(value)
    return KvContent(KvType.DURATION if _is_duration(text) else KvType.STRING, text)


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


def _number(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number that can be stored")
    return value


def _plain(value: Any) -> Any:
    """JSON of a native value."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date | timedelta):
        return _derived(value).value
    if value is None or isinstance(value, bool | int | str):
        return value
    return _number(value) if isinstance(value, float) else str(value)


def format_moment(value: datetime) -> str:
    """A moment in UTC as ISO-8601 with the digits it needs."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    text = aware.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)


def _day(text: str) -> date:
    return date.fromisoformat(text) if _DATE.fullmatch(text) else _moment(text).date()


def _text(value: Any) -> KvContent:
    if isinstance(value, str):
        return KvContent(KvType.STRING, value)
    return KvContent(KvType.STRING, json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _as_number(value: Any) -> KvContent:
    found = json.loads(value, parse_constant=_no_constant) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError(f"'{str(value)[:_SHOWN]}' is no number")
    return KvContent(KvType.NUMBER, _number(found))


def _as_boolean(value: Any) -> KvContent:
    return KvContent(KvType.BOOLEAN, str(value).lower() == "true")


def _as_moment(value: Any) -> KvContent:
    return KvContent(KvType.DATETIME, format_moment(_moment(str(value)) if not isinstance(value, datetime) else value))


def _as_day(value: Any) -> KvContent:
    return KvContent(KvType.DATE, _day(_plain(value) if isinstance(value, date) else str(value)).isoformat())


def _as_duration(value: Any) -> KvContent:
    text = format_duration(value) if isinstance(value, timedelta) else str(value)
    parse_duration(text)
    return KvContent(KvType.DURATION, text)


def _as_json(value: Any) -> KvContent:
    return KvContent(
        KvType.JSON, json.loads(value, parse_constant=_no_constant) if isinstance(value, str) else _plain(value)
    )


_CASTS: dict[KvType, Callable[[Any], KvContent]] = {
    KvType.STRING: _text,
    KvType.NUMBER: _as_number,
    KvType.BOOLEAN: _as_boolean,
    KvType.DATETIME: _as_moment,
    KvType.DATE: _as_day,
    KvType.DURATION: _as_duration,
    KvType.JSON: _as_json,
}
_NATIVE: dict[KvType, Callable[[str], Any]] = {
    KvType.DATETIME: _moment,
    KvType.DATE: _day,
    KvType.DURATION: parse_duration,
}
