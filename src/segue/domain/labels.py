"""Labels of flows, triggers and executions (flow language 2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

SYSTEM_PREFIX = "system."
CORRELATION_ID = "system.correlationId"
READ_ONLY = "system.readOnly"
TEST = "system.test"
"""On a TEST execution."""
RESTARTED = "system.restarted"
REPLAY = "system.replay"
"""On an execution that was made from another one."""
REPLAYED = "system.replayed"
"""On the execution it was made from."""
_KEY_REST = re.compile(r"[._-]")


class Label(NamedTuple):
    """One key with its value; both are texts."""

    key: str
    value: str


def parse_labels(value: Any) -> tuple[Label, ...]:
    """Read labels written as a map or as a list of `{key, value}`; scalars become text, nulls stay out.

    Raises `ValueError` for any other shape.
    """
    if value is None:
        return ()
    if isinstance(value, Mapping):
        pairs: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list | tuple):
        pairs = [_pair(entry) for entry in value]
    else:
        raise ValueError("labels must be a map or a list of {key, value}")
    return tuple(Label(str(key), _text(key, item)) for key, item in pairs if item is not None)


def _pair(entry: Any) -> tuple[Any, Any]:
    if isinstance(entry, Label):
        return entry
    if isinstance(entry, Mapping) and "key" in entry and set(entry) <= {"key", "value"}:
        return entry["key"], entry.get("value")
    raise ValueError("every label of a list needs `key` and `value`")


def _text(key: Any, value: Any) -> str:
    if isinstance(value, Mapping | list | tuple):
        raise ValueError(f"label '{key}' must have a scalar value")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_valid_key(key: str) -> bool:
    """Check a key: a lower-case letter, then letters, ASCII digits, dots, underscores and hyphens."""
    if not key or not (key[0].isalpha() and key[0].islower()):
        return False
    return all(char.isalpha() or (char.isascii() and char.isdigit()) or _KEY_REST.fullmatch(char) for char in key)


def merge_labels(*layers: Iterable[Label]) -> tuple[Label, ...]:
    """Join layers of labels; on equal keys the later layer wins, at the place of the first."""
    merged: dict[str, str] = {}
    for layer in layers:
        merged.update(layer)
    return tuple(Label(key, value) for key, value in merged.items())


def nest_labels(labels: Iterable[Label]) -> dict[str, Any]:
    """Return what expressions see as `labels`: dotted keys become nested maps.

    A key that is also the prefix of another (`a` and `a.b`) gives way to the nested map.
    """
    nested: dict[str, Any] = {}
    for key, value in labels:
        *parents, last = key.split(".")
        place = nested
        for parent in parents:
            child = place.get(parent)
            if not isinstance(child, dict):
                child = place[parent] = {}
            place = child
        if not isinstance(place.get(last), dict):
            place[last] = value
    return nested
