"""`max`, `min`, `range` (expression language 8.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, LimitError
from segue.expr.operators import whole
from segue.expr.runtime import State
from segue.expr.text import java_text
from segue.expr.values import class_name, is_list, is_number

__all__ = ["TABLE", "span"]

TABLE = Table()


def _best(name: str, values: tuple[Any, ...], better: Callable[[Any, Any], bool]) -> Any:
    if len(values) == 1 and is_list(values[0]):
        return values[0]
    best: Any = None
    for value in values:
        if value is None:
            continue
        if not is_number(value):
            raise EvaluationError(f"The '{name}' function compares numbers only, not {class_name(value)}")
        if best is None or better(value, best):
            best = value
    return best


@TABLE.add("max", variadic=True)
def maximum(*values: Any) -> Any:
    """The largest number.

    Args:
        values... (number): The numbers; nulls are ignored. A single list is returned unchanged.

    Returns:
        number: Null without arguments.

    Raises:
        EvaluationError: an argument is neither number nor null.

    Available: 1.x, 2.0

    Examples:
        {{ max(1, inputs.count, 2.5) }} -> 3
    """
    return _best("max", values, lambda a, b: bool(a > b))


@TABLE.add("min", variadic=True)
def minimum(*values: Any) -> Any:
    """The smallest number.

    Args:
        values... (number): The numbers; nulls are ignored. A single list is returned unchanged.

    Returns:
        number: Null without arguments.

    Raises:
        EvaluationError: an argument is neither number nor null.

    Available: 1.x, 2.0

    Examples:
        {{ min(1, inputs.count, 2.5) }} -> 1
    """
    return _best("min", values, lambda a, b: bool(a < b))


@TABLE.add("range", "start", "end", "increment", state=True)
def span(state: State, start: Any = None, end: Any = None, increment: Any = 1) -> list[Any]:
    """Integers or characters from a start to an end, both inclusive.

    Args:
        start (number or character): The first element.
        end (number or character): The bound, included when it is reached.
        increment (number, default 1): The step; may be negative.

    Returns:
        list: Empty when the end lies in the other direction.

    Raises:
        EvaluationError: wrong types, or an increment of 0.
        LimitError: more than `max_range` elements.

    Available: 1.x, 2.0

    Examples:
        {{ range(0, 6, 2) }} {{ range('a', 'd') }} {{ range(3, 0) }} -> [0,2,4,6] ["a","b","c","d"] []
        {{ range(0, 2000000) }} -> error: cannot produce more than 1000000 elements
    """
    if increment is None:
        increment = 1
    if not is_number(increment):
        raise EvaluationError(f"The increment of the range function must be a number {java_text(increment)}")
    step = whole(increment, "The increment of the range function")
    if step == 0:
        raise EvaluationError("The increment of the range function must be different than 0")
    letters = isinstance(start, str) and isinstance(end, str) and len(start) == 1 and len(end) == 1
    if letters and not (start.isdigit() and end.isdigit()):
        first, last = ord(start), ord(end)
    elif letters or (is_number(start) and is_number(end)):
        first, last = whole(start, "The start of a range"), whole(end, "The end of a range")
    else:
        raise EvaluationError("Arguments of range function must be of type Number or String with a length of 1")
    numbers = range(first, last + (1 if step > 0 else -1), step)
    size = max(0, (last - first) // step + 1)
    if size > state.limits.max_range:
        limit = state.limits.max_range
        message = f"The range function cannot produce more than {limit} elements, but this call would produce {size}."
        raise LimitError("max_range", limit, message)
    if letters and not start.isdigit():
        return [chr(number) for number in numbers]
    return list(numbers)
