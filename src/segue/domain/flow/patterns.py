"""Patterns written by users, matched without letting them take the process hostage."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

_MAX_PATTERN = 10_000
_MAX_BACKTRACKED_TEXT = 200


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a predicate "the whole text matches `pattern`". Raise `ValueError` if it is no pattern.

    Patterns run on an engine of linear time. Those it does not know (look-around, references to groups) run
    on the standard library's, which may take exponential time, so they only see short texts; a longer one
    does not match.
    """
    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"pattern is longer than {_MAX_PATTERN} characters")
    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{pattern})\z", regex_engine="rust-regex"))
    except SchemaError:
        return _backtracking(pattern)

    def matches(text: str) -> bool:
        try:
            validator.validate_python(text)
        except ValidationError:
            return False
        return True

    return matches


def _backtracking(pattern: str) -> Callable[[str], bool]:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"`{pattern[:100]}` is not a valid pattern: {error}") from None
    return lambda text: len(text) <= _MAX_BACKTRACKED_TEXT and compiled.fullmatch(text) is not None
