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
    """Whether the value is null. A missing variable is an error: use `defined` for that.

    Returns:
        boolean: True for null only.

    Raises:
        MissingVariableError: the variable does not exist.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.nothing is null }} {{ inputs.name is not null }} -> true true
        {{ inputs.missing is null }} -> error: Unable to find `missing`
    """
    return value is None


@TABLE.add("defined")
def is_defined(value: Any) -> bool:
    """Whether the value exists and is not null.

    Returns:
        boolean: False for what is missing, and for null.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.name is defined }} {{ inputs.missing is defined }} {{ inputs.nothing is defined }} -> true false false
    """
    return value is not None


@TABLE.add("empty")
def is_empty(value: Any) -> bool:
    """Whether the value is null, a blank text, or a list or map without elements.

    Returns:
        boolean: False for numbers and booleans.

    Raises:
        MissingVariableError: the variable does not exist.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.empty is empty }} {{ [] is empty }} {{ 0 is empty }} -> true true false
    """
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
    """Whether an integer is even.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: the value is null or no integer.

    Available: 1.x, 2.0

    Examples:
        {{ 2 is even }} {{ 3 is even }} -> true false
    """
    return _whole(value, "even") % 2 == 0


@TABLE.add("odd")
def is_odd(value: Any) -> bool:
    """Whether an integer is odd.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: the value is null or no integer.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.count is odd }} {{ 2 is odd }} -> true false
    """
    return _whole(value, "odd") % 2 == 1


@TABLE.add("iterable")
def is_iterable(value: Any) -> bool:
    """Whether the value is a list.

    Returns:
        boolean: False for maps and texts.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags is iterable }} {{ inputs.user is iterable }} {{ 'ab' is iterable }} -> true false false
    """
    return is_collection(value)


@TABLE.add("map")
def is_map(value: Any) -> bool:
    """Whether the value is a map.

    Returns:
        boolean: False for lists.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.user is map }} {{ inputs.tags is map }} -> true false
    """
    return isinstance(value, Mapping)


@TABLE.add("json")
def is_json(value: Any) -> bool:
    """Whether a text begins with a valid JSON value; a blank text counts.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: the value is no text.

    Available: 1.x, 2.0

    Examples:
        {{ '{"a": 1}' is json }} {{ 'a:' is json }} -> true false
    """
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
