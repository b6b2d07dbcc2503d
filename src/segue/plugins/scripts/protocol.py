"""Lines by which a program gives outputs, metrics and log entries: ``::{...}::`` (core plugins 17.3). Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from math import isfinite
from typing import Any, NamedTuple

import msgspec

from segue.domain.durations import parse_duration
from segue.sdk import LONGEST_LINE, LogLevel

_LINE = re.compile(r"::(\{.*\})::")
_BEGIN = "::{"
_SHOWN = 500
_LEVELS = {level.value: level for level in LogLevel} | {"WARNING": LogLevel.WARN, "CRITICAL": LogLevel.ERROR}
_decode = msgspec.json.Decoder().decode


class Metric(NamedTuple):
    """A figure; the value of a timer is a duration."""

    name: str
    type: str
    value: float | timedelta
    tags: dict[str, str]


class Entry(NamedTuple):
    """A log entry."""

    level: LogLevel
    message: str


class Message(NamedTuple):
    """What a line says."""

    outputs: Mapping[str, Any]
    metrics: tuple[Metric, ...] = ()
    logs: tuple[Entry, ...] = ()


class Unreadable(NamedTuple):
    """A line that has the form but says nothing that can be understood. ``text`` is what to warn with."""

    text: str


class _FaultError(Exception):
    """What is wrong with a message."""


def read_line(line: str) -> Message | Unreadable | None:
    """What the program wants to say with a line; None for ordinary output. Keys nobody knows are read past."""
    match = _LINE.fullmatch(line)
    if match is None:
        if len(line) > LONGEST_LINE and line.startswith(_BEGIN):
            return Unreadable(f"Invalid outputs: the line is longer than {LONGEST_LINE} bytes")
        return None
    try:
        message = _decode(match[1])
        return Message(
            outputs=_map(message, "outputs"),
            metrics=tuple(_metric(item) for item in _maps(message, "metrics")),
            logs=tuple(_entry(item) for item in _maps(message, "logs")),
        )
    except (msgspec.DecodeError, RecursionError):
        return Unreadable(f"Invalid outputs '{_cut(match[1])}'")
    except _FaultError as fault:
        return Unreadable(f"Invalid outputs '{_cut(match[1])}': {fault}")


def _map(message: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = message.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _FaultError(f"`{key}` must be an object")
    return value


def _maps(message: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    items = message.get(key)
    if items is None:
        return
    if not isinstance(items, list):
        raise _FaultError(f"`{key}` must be a list")
    for item in items:
        if not isinstance(item, Mapping):
            raise _FaultError(f"`{key}` must hold objects")
        yield item


def _metric(item: Mapping[str, Any]) -> Metric:
    name, kind, value = item.get("name"), item.get("type"), item.get("value")
    if not isinstance(name, str) or not name:
        raise _FaultError("a metric needs a `name`")
    kind = kind.lower() if isinstance(kind, str) else ""
    if kind not in {"counter", "timer", "gauge"}:
        raise _FaultError(f"the `type` of the metric '{name}' must be counter, timer or gauge")
    tags = {key: value if isinstance(value, str) else _text(value) for key, value in _map(item, "tags").items()}
    return Metric(name, kind, _duration(name, value) if kind == "timer" else _number(name, value), tags)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise _FaultError(f"the `value` of the metric '{name}' must be a number")
    return value


def _duration(name: str, value: Any) -> timedelta:
    try:
        return parse_duration(value) if isinstance(value, str) else timedelta(seconds=_number(name, value))
    except (ValueError, OverflowError):
        raise _FaultError(f"the `value` of the timer '{name}' must be seconds or a duration such as PT1S") from None


def _entry(item: Mapping[str, Any]) -> Entry:
    level, message = item.get("level"), item.get("message")
    found = _LEVELS.get(level.upper()) if isinstance(level, str) else LogLevel.INFO if level is None else None
    if found is None:
        raise _FaultError(f"the `level` of a log entry must be one of {', '.join(LogLevel)}")
    return Entry(found, message if isinstance(message, str) else _text(message))


def _text(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
