"""Tests of one value (expression language 9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError
from segue.expr.values import class_name, is_collection, is_integer

__all__ = ["TABLE"]

TABLE = Table()


@TABLE.add("null")
def is_null(value: Any) -> bool:
    """Whether the value is null."""
    return value is None


@TABLE.add("defined")
def is_defined(value: Any) -> bool:
    """Whether the value is not null; a missing one arrives as null."""
    return value is not None


@TABLE.add("empty")
def is_empty(value: Any) -> bool:
    """Whether the value is null, blank text, or a container without elements."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip() == ""
    if isinstance(value, Mapping) or is_collection(value):
        return len(value) == 0
    return False


def _whole(value: Any, test: str) -> int:
    if value is None:
        raise EvaluationError(f'Can not pass null value to "{test}" test.')
    if not is_integer(value):
        raise EvaluationError(f'The "{test}" test needs an integer, not {class_name(value)}')
    return value


@TABLE.add("even")
def is_even(value: Any) -> bool:
    """Whether an integer is even."""
    return _whole(value, "even") % 2 == 0


@TABLE.add("odd")
def is_odd(value: Any) -> bool:
    """Whether an integer is odd."""
    return _whole(value, "odd") % 2 == 1


@TABLE.add("iterable")
def is_iterable(value: Any) -> bool:
    """Whether the value is a list or set."""
    return is_collection(value)


@TABLE.add("map")
def is_map(value: Any) -> bool:
    """Whether the value is a map."""
    return isinstance(value, Mapping)


@TABLE.add("json")
def is_json(value: Any) -> bool:
    """Whether text starts with a valid JSON value; blank text counts."""
    if not isinstance(value, str):
        raise EvaluationError(f'The "json" test needs text, not {class_name(value)}')
    text = value.lstrip()
    if not text:
        return True
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return True
