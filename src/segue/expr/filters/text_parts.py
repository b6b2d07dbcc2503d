"""Filters that cut or replace text (expression language 7.1): `split`, `replace`, `substring...`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segue.expr.callables import Table
from segue.expr.calls import LARGE, REGEX_STEPS
from segue.expr.errors import EvaluationError, LimitError
from segue.expr.operators import whole
from segue.expr.regex import java_replacement, java_split, replace_all
from segue.expr.runtime import State
from segue.expr.text import java_text
from segue.expr.values import ABSENT, class_name, is_collection

__all__ = ["TABLE"]

TABLE = Table()


@TABLE.add("replace", "replace_pairs", "regexp", state=True)
def replace(state: State, value: Any, replace_pairs: Any = None, regexp: Any = None) -> Any:
    """Pairs replaced one after another, as plain text or as regular expressions.

    Lists and maps are walked: every value in them is replaced and becomes text; keys stay.

    Args:
        replace_pairs (map): What is replaced, and by what.
        regexp (boolean, default false): Whether the keys are Java regular expressions; the values may then name groups.

    Returns:
        text, list or map: Null for null.

    Raises:
        EvaluationError: the pairs are absent or no map.
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {{ 'a.b.c' | replace({'.': '-'}) }} -> a-b-c
        {{ 'order 42' | replace({'([0-9]+)': '<$1>'}, regexp=true) }} -> order <42>
    """
    if replace_pairs is None:
        raise EvaluationError("The argument 'replace_pairs' is required.")
    if not isinstance(replace_pairs, Mapping):
        raise EvaluationError(f"The argument 'replace_pairs' must be a map, not {class_name(replace_pairs)}")
    if value is None:
        return None
    pairs = [(java_text(old), java_text(new)) for old, new in replace_pairs.items()]
    return _replace(state, value, pairs, regexp is True)


def _replace(state: State, value: Any, pairs: list[tuple[str, str]], regexp: bool) -> Any:
    state.step()
    if isinstance(value, Mapping):
        return {key: _replace(state, item, pairs, regexp) for key, item in value.items()}
    if is_collection(value):
        return [_replace(state, item, pairs, regexp) for item in value]
    if value is None:
        raise EvaluationError("The 'replace' filter cannot replace in null")
    text = java_text(value)
    limit = state.limits.max_output_length
    for old, new in pairs:
        if regexp:
            text = replace_all(text, old, java_replacement(new), state.limits)
        elif len(new) > len(old) and len(text) + text.count(old) * (len(new) - len(old)) > limit:
            raise LimitError("max_output_length", limit, "The replaced text becomes too long")
        else:
            text = text.replace(old, new)
        if regexp:
            state.step(REGEX_STEPS)
    if len(text) > LARGE:
        state.produced(text)
    return text


@TABLE.add("split", "delimiter", "limit", state=True)
def split(state: State, value: Any, delimiter: Any = None, limit: Any = None) -> list[str] | None:
    r"""Pieces of a text between matches of a regular expression.

    Args:
        delimiter (text): A Java regular expression: write `\.` for a dot.
        limit (integer, default 0): At most so many pieces; 0 drops empty ones at the end, a negative number keeps them.

    Returns:
        list of texts: Null for null.

    Raises:
        EvaluationError: the input is no text, or the delimiter is absent or wrong.
        LimitError: expression or text are too long.

    Available: 1.x, 2.0

    Examples:
        {{ 'a.b.c' | split('\.') }} -> ["a","b","c"]
        {{ 'a,b,c' | split(',', 2) }} -> ["a","b,c"]
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise EvaluationError(f"'split' filter can only be applied to String. Actual type was: {class_name(value)}")
    if delimiter is None:
        raise EvaluationError("missing delimiter parameter in split filter")
    state.step(REGEX_STEPS)
    count = 0 if limit is None else whole(limit, "The argument 'limit' of 'split'")
    return java_split(value, java_text(delimiter), count, state.limits)


def _parts(name: str, value: Any, separator: Any) -> tuple[str, str] | None:
    if separator is ABSENT or separator is None:
        raise EvaluationError(f"The '{name}' filter expects an argument 'separator'.")
    return None if value is None else (java_text(value), java_text(separator))


@TABLE.add("substringBefore", "separator")
def substring_before(value: Any, separator: Any = ABSENT) -> str | None:
    """The text before the first separator.

    Args:
        separator (text): Where it is cut.

    Returns:
        text: The whole text when the separator is not in it; null for null.

    Raises:
        EvaluationError: the separator is absent.

    Available: 1.x, 2.0

    Examples:
        {{ 'a/b/c' | substringBefore('/') }} -> a
    """
    parts = _parts("substringBefore", value, separator)
    if parts is None:
        return None
    text, sep = parts
    return text.partition(sep)[0] if sep else ""


@TABLE.add("substringAfter", "separator")
def substring_after(value: Any, separator: Any = ABSENT) -> str | None:
    """The text after the first separator.

    Args:
        separator (text): Where it is cut.

    Returns:
        text: Empty when the separator is not in it; null for null.

    Raises:
        EvaluationError: the separator is absent.

    Available: 1.x, 2.0

    Examples:
        {{ 'a/b/c' | substringAfter('/') }} -> b/c
    """
    parts = _parts("substringAfter", value, separator)
    if parts is None:
        return None
    text, sep = parts
    return text.partition(sep)[2] if sep else text


@TABLE.add("substringBeforeLast", "separator")
def substring_before_last(value: Any, separator: Any = ABSENT) -> str | None:
    """The text before the last separator.

    Args:
        separator (text): Where it is cut.

    Returns:
        text: The whole text when the separator is not in it; null for null.

    Raises:
        EvaluationError: the separator is absent.

    Available: 1.x, 2.0

    Examples:
        {{ 'a/b/c' | substringBeforeLast('/') }} -> a/b
    """
    parts = _parts("substringBeforeLast", value, separator)
    if parts is None:
        return None
    text, sep = parts
    return text.rpartition(sep)[0] if sep and sep in text else text


@TABLE.add("substringAfterLast", "separator")
def substring_after_last(value: Any, separator: Any = ABSENT) -> str | None:
    """The text after the last separator.

    Args:
        separator (text): Where it is cut.

    Returns:
        text: Empty when the separator is not in it; null for null.

    Raises:
        EvaluationError: the separator is absent.

    Available: 1.x, 2.0

    Examples:
        {{ 'report.tar.gz' | substringAfterLast('.') }} -> gz
    """
    parts = _parts("substringAfterLast", value, separator)
    if parts is None:
        return None
    text, sep = parts
    return text.rpartition(sep)[2] if sep and sep in text else ""
