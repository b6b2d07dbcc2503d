"""`regexMatch`, `regexExtract`, `regexReplace` (expression language 7.1)."""

from __future__ import annotations

from typing import Any

from segue.expr.callables import Table
from segue.expr.calls import REGEX_STEPS
from segue.expr.errors import EvaluationError
from segue.expr.operators import whole
from segue.expr.regex import find, java_replacement, replace_all
from segue.expr.runtime import State
from segue.expr.text import java_text

__all__ = ["TABLE"]

TABLE = Table()


def _required(value: Any, name: str) -> str:
    if value is None:
        raise EvaluationError(f"The argument '{name}' is required.")
    return java_text(value)


@TABLE.add("regexMatch", "regex", state=True)
def regex_match(state: State, value: Any, regex: Any = None) -> bool:
    """Whether a regular expression is found anywhere in the text.

    Args:
        regex (text): A Java regular expression.

    Returns:
        boolean: False for null.

    Raises:
        EvaluationError: the expression is absent or wrong.
        LimitError: expression or text are too long.

    Available: 2.0

    Examples:
        {{ 'order-42' | regexMatch('[0-9]+') }} {{ 'order' | regexMatch('^[0-9]+$') }} -> true false
    """
    wanted = _required(regex, "regex")
    state.step(REGEX_STEPS)
    return value is not None and find(wanted, java_text(value), state.limits) is not None


@TABLE.add("regexExtract", "regex", "group", state=True)
def regex_extract(state: State, value: Any, regex: Any = None, group: Any = None) -> str | None:
    """A group of the first match of a regular expression.

    Args:
        regex (text): A Java regular expression.
        group (integer, default 0): Number of the group; 0 is the whole match.

    Returns:
        text: Null without a match, and for null.

    Raises:
        EvaluationError: the expression is absent or wrong, or has no such group.
        LimitError: expression or text are too long.

    Available: 2.0

    Examples:
        {{ 'order-42' | regexExtract('order-([0-9]+)', 1) }} -> 42
        {{ ('order' | regexExtract('[0-9]+')) ?? 'none' }} -> none
    """
    wanted = _required(regex, "regex")
    state.step(REGEX_STEPS)
    number = 0 if group is None else whole(group, "The argument 'group' of 'regexExtract'")
    if number < 0:
        raise EvaluationError(f"Group index {number} is out of bounds: it must not be negative.")
    if value is None:
        return None
    found = find(wanted, java_text(value), state.limits)
    if found is None:
        return None
    count = found.re.groups
    if number > count:
        message = f"Group index {number} is out of bounds: the pattern has only {count} capture group(s)."
        raise EvaluationError(message)
    text: str | None = found[number]
    return text


@TABLE.add("regexReplace", "regex", "replacement", state=True)
def regex_replace(state: State, value: Any, regex: Any = None, replacement: Any = None) -> str | None:
    """Every match of a regular expression replaced.

    Args:
        regex (text): A Java regular expression.
        replacement (text): May name groups: `$1`, `${name}`; a backslash takes the next character as it is.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: an argument is absent or wrong.
        LimitError: expression, text or result are too long.

    Available: 2.0

    Examples:
        {{ '2024-03-05' | regexReplace('([0-9]+)-([0-9]+)-([0-9]+)', '$3.$2.$1') }} -> 05.03.2024
    """
    wanted, new = _required(regex, "regex"), _required(replacement, "replacement")
    if value is None:
        return None
    state.step(REGEX_STEPS)
    return replace_all(java_text(value), wanted, java_replacement(new), state.limits)
