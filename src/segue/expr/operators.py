"""Operators on values (expression language 5). Positions and wrapping of errors are added by `compile`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from enum import Enum
from typing import Any

from segue.expr.errors import EvaluationError, LimitError
from segue.expr.limits import Limits
from segue.expr.text import java_text
from segue.expr.values import class_name, is_collection, is_list, is_number

__all__ = [
    "add",
    "compare",
    "concat",
    "contains",
    "divide",
    "equals",
    "is_in",
    "modulo",
    "multiply",
    "negate",
    "positive",
    "quotient",
    "remainder",
    "subtract",
    "truth",
    "whole",
]

Number = int | float | Decimal

_DECIMAL = Context(prec=34)
_LONGEST_NUMBER = 1000
_LARGEST_EXPONENT = 4000
_LARGEST_COUNT = 10**18


def to_number(value: Any) -> Number:
    """An operand of arithmetic: a number, or text that reads as one."""
    if is_number(value):
        return value
    if isinstance(value, str) and value and not value[0].isspace() and not value[-1].isspace() and "_" not in value:
        try:
            if len(value) <= _LONGEST_NUMBER:
                return float(value) if "." in value or "e" in value or "E" in value else int(value)
        except ValueError:
            pass
    raise EvaluationError(f"{class_name(value)} is not a number")


def _pair(left: Any, right: Any) -> tuple[Number, Number]:
    a, b = to_number(left), to_number(right)
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        return _decimal(a), _decimal(b)
    return a, b


def _decimal(value: Number) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _bounded(value: Number, limits: Limits) -> Number:
    if isinstance(value, int) and value.bit_length() > limits.max_integer_bits:
        raise LimitError("max_integer_bits", limits.max_integer_bits, "The integer becomes too large")
    if value.__class__ is Decimal and value.is_finite() and abs(Decimal(value).adjusted()) > _LARGEST_EXPONENT:
        raise LimitError("max_integer_bits", limits.max_integer_bits, "The number becomes too large or too small")
    return value


def whole(value: Any, what: str) -> int:
    """A number cut to a whole one, for arguments that count something. Raises EvaluationError."""
    number = to_number(value)
    if isinstance(number, int):
        return number
    if not math.isfinite(number) or not -_LARGEST_COUNT < number < _LARGEST_COUNT:
        raise EvaluationError(f"{what} must be a smaller number")
    return int(number)


def _arithmetic(
    left: Any,
    right: Any,
    limits: Limits,
    plain: Callable[[Any, Any], Any],
    decimal: Callable[[Decimal, Decimal], Any],
) -> Number:
    a, b = _pair(left, right)
    result: Number = decimal(a, b) if isinstance(a, Decimal) and isinstance(b, Decimal) else plain(a, b)
    return _bounded(result, limits)


def _sized(items: list[Any], limits: Limits) -> list[Any]:
    if len(items) > limits.max_range:
        raise LimitError("max_range", limits.max_range, "The list becomes too long")
    return items


def add(left: Any, right: Any, limits: Limits) -> Any:
    """`+`: text if either side is text, a longer list if the left side is a list, else a sum."""
    if isinstance(left, str) or isinstance(right, str):
        longest = limits.max_output_length
        return concat(java_text(left, longest), java_text(right, longest), limits)
    if is_list(left):
        return _sized([*left, *right] if is_collection(right) else [*left, right], limits)
    return _arithmetic(left, right, limits, operator.add, _DECIMAL.add)


def subtract(left: Any, right: Any, limits: Limits) -> Any:
    """`-`: a list without some elements, or a difference."""
    if is_list(left):
        if is_collection(right):
            return [item for item in left if not any(equals(item, other) for other in right)]
        for number, item in enumerate(left):
            if equals(item, right):
                return [*left[:number], *left[number + 1 :]]
        return list(left)
    return _arithmetic(left, right, limits, operator.sub, _DECIMAL.subtract)


def multiply(left: Any, right: Any, limits: Limits) -> Any:
    """`*`."""
    return _arithmetic(left, right, limits, operator.mul, _DECIMAL.multiply)


def divide(left: Any, right: Any, limits: Limits) -> Any:
    """`/`: whole numbers truncate toward zero; division by a double zero is infinite or NaN."""
    return _arithmetic(left, right, limits, quotient, _DECIMAL.divide)


def modulo(left: Any, right: Any, limits: Limits) -> Any:
    """`%`: the sign is that of the dividend."""
    return _arithmetic(left, right, limits, remainder, _DECIMAL.remainder)


def quotient(a: float, b: float) -> float:
    """Of two plain numbers. Raises EvaluationError for a whole number by zero."""
    if isinstance(a, int) and isinstance(b, int):
        if b == 0:
            raise EvaluationError("/ by zero")
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient
    if b == 0:
        if a == 0 or math.isnan(a):
            return math.nan
        return math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def remainder(a: float, b: float) -> float:
    """Of two plain numbers. Raises EvaluationError for a whole number by zero."""
    if isinstance(a, int) and isinstance(b, int):
        if b == 0:
            raise EvaluationError("/ by zero")
        rest = abs(a) % abs(b)
        return -rest if a < 0 else rest
    if b == 0 or math.isinf(a):
        return math.nan
    return math.fmod(a, b)


def negate(value: Any) -> Any:
    """Unary minus."""
    return -to_number(value)


def positive(value: Any) -> Any:
    """Unary plus."""
    return to_number(value)


def concat(left: str, right: str, limits: Limits) -> str:
    """Two texts, as long as the result stays within the limit."""
    if len(left) + len(right) > limits.max_output_length:
        raise LimitError("max_output_length", limits.max_output_length, "The text becomes too long")
    return left + right


def equals(left: Any, right: Any) -> bool:
    """`==`: numbers by value, states with their names, containers deeply; booleans only with booleans."""
    kind, other = left.__class__, right.__class__
    if kind is other and (kind is str or kind is int or kind is bool):
        return bool(left == right)
    return _same(left, right, {})


def _same(left: Any, right: Any, known: dict[tuple[int, int], tuple[Any, Any]]) -> bool:
    """`known` holds (and keeps alive) pairs that were compared: the same list may be reached in many ways."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, Enum) or isinstance(right, Enum):
        return bool(_enum_name(left) == _enum_name(right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) or not (isinstance(left, Mapping) or is_list(left)):
        return bool(left == right)
    pair = (id(left), id(right))
    if pair in known:
        return True
    known[pair] = (left, right)
    if isinstance(left, Mapping):
        return isinstance(right, Mapping) and _same_maps(left, right, known)
    return (
        is_list(right) and len(left) == len(right) and all(_same(a, b, known) for a, b in zip(left, right, strict=True))
    )


def _enum_name(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value


def _same_maps(
    left: Mapping[Any, Any], right: Mapping[Any, Any], known: dict[tuple[int, int], tuple[Any, Any]]
) -> bool:
    return len(left) == len(right) and all(key in right and _same(left[key], right[key], known) for key in left)


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def compare(op: str, left: Any, right: Any) -> bool:
    """`>`, `>=`, `<`, `<=`: null is never ordered; text by UTF-16 code unit; numbers by value."""
    if left is None or right is None:
        return False
    if is_number(left) and is_number(right):
        return _ORDER[op](left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _ORDER[op](code_units(left), code_units(right))
    raise EvaluationError(f"{class_name(left)} cannot be ordered with {class_name(right)}")


def code_units(text: str) -> str | bytes:
    """A key that sorts text by UTF-16 code unit."""
    return text.encode("utf-16-be", "surrogatepass")


def contains(left: Any, right: Any) -> bool:
    """`contains`: element, all elements, key or substring, by the type of the left side."""
    if left is None:
        return False
    if isinstance(left, str):
        return java_text(right) in left
    if isinstance(left, Mapping):
        return not isinstance(right, list | dict | set) and right in left
    if is_collection(left):
        if is_collection(right):
            return all(_has(left, item) for item in right)
        return _has(left, right)
    raise EvaluationError(
        f"Contains operator can only be used on Collections, Maps and arrays. Actual type was: {class_name(left)}"
    )


def _has(items: Any, wanted: Any) -> bool:
    return any(equals(item, wanted) for item in items)


def is_in(left: Any, right: Any) -> bool:
    """`isIn`: by text, in a collection or among the keys and values of a map."""
    if left is None or right is None:
        return False
    wanted = java_text(left)
    longest = len(wanted)
    if isinstance(right, Mapping):
        candidates = [*right.keys(), *right.values()]
    elif is_collection(right):
        candidates = list(right)
    else:
        return False
    return any(item is not None and _has_text(item, wanted, longest) for item in candidates)


def _has_text(item: Any, wanted: str, longest: int) -> bool:
    """Whether the Java text of an item is this one; a longer text is not made to its end."""
    try:
        return java_text(item, longest) == wanted
    except LimitError:
        return False


def truth(value: Any, place: str) -> bool:
    """The operand rule of 5.6; `place` is what the message calls the operator."""
    if value is True or value is False:
        return bool(value)
    if is_number(value):
        return not (value == 0 or math.isnan(value))
    if isinstance(value, str):
        return value != ""
    if value is None:
        raise EvaluationError(f"null value {place} and strict variables is set to true")
    raise EvaluationError(f"A value of type {class_name(value)} is neither true nor false")
