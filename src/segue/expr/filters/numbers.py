"""Filters on numbers and types (expression language 7.3)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal

from segue.expr.callables import Table
from segue.expr.dates.patterns import locale_of
from segue.expr.errors import EvaluationError, LimitError, reason_of
from segue.expr.runtime import State
from segue.expr.text import java_text
from segue.expr.values import Float32, Int32, class_name, is_number

__all__ = ["TABLE"]

TABLE = Table()
_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|#[0-9a-fA-F]+|0[0-7]*|[1-9]\d*)", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?[0-3]?\d{1,3})?", re.ASCII)
_MAX_DIGITS = 1000
_LARGEST_EXPONENT = 4500
_TYPES = frozenset({"INT", "FLOAT", "LONG", "DOUBLE", "BIGDECIMAL", "BIGINTEGER"})
_RANGES = {"INT": 2**31, "LONG": 2**63}


@TABLE.add("abs")
def absolute(value: Any) -> Any:
    """The absolute value of a number.

    Returns:
        number: Of the same kind as the input.

    Raises:
        EvaluationError: the input is null or no number.

    Available: 1.x, 2.0

    Examples:
        {{ -7 | abs }} {{ 2.5 | abs }} -> 7 2.5
        {{ null | abs }} -> error: Can not pass null value to "abs" filter.
    """
    if value is None:
        raise EvaluationError('Can not pass null value to "abs" filter.')
    if not is_number(value):
        raise EvaluationError("The 'abs' filter does require as input a number.")
    return abs(value)


@TABLE.add("number", "type")
def number(value: Any, type: Any = None) -> Any:
    """Text to a number, of the given type or of the one that its spelling asks for.

    Without a type, `0x` and `#` mean hexadecimal, a leading `0` octal; a point or an exponent makes a decimal number;
    the suffixes `L`, `f` and `d` are accepted.

    Args:
        type (text, optional): `INT`, `LONG`, `BIGINTEGER`, `FLOAT`, `DOUBLE` or `BIGDECIMAL`; other texts are ignored.

    Returns:
        number: Null for null.

    Raises:
        EvaluationError: the input is no text, or no number of that type.

    Available: 1.x, 2.0

    Examples:
        {{ ('12' | number) + 1 }} {{ '0x1F' | number }} {{ '12.30' | number('BIGDECIMAL') }} -> 13 31 12.30
        {{ 'ten' | number }} -> error: For input string: "ten"
    """
    if value is None:
        return None
    if not isinstance(value, str):
        message = f"'number' filter can only be applied to String. Actual type was: {class_name(value)}"
        raise EvaluationError(message)
    if len(value) > _MAX_DIGITS:
        raise EvaluationError("For input string: the number is too long")
    return _typed(value, type) if isinstance(type, str) and type in _TYPES else _inferred(value)


def _invalid(text: str) -> EvaluationError:
    return EvaluationError(f'For input string: "{text[:100]}"')


def _typed(text: str, kind: str) -> Any:
    if kind in ("FLOAT", "DOUBLE", "BIGDECIMAL"):
        if not _DECIMAL.fullmatch(text):
            raise _invalid(text)
        return Decimal(text) if kind == "BIGDECIMAL" else (Float32 if kind == "FLOAT" else float)(text)
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise _invalid(text)
    result = int(text)
    limit = _RANGES.get(kind)
    if limit is not None and not -limit <= result < limit:
        raise _invalid(text)
    return Int32(result) if kind == "INT" else result


def _inferred(text: str) -> Any:
    suffix = text[-1:] if text[-1:] in "lLfFdD" and not re.match(r"[+-]?(0[xX]|#)", text) else ""
    body = text.removesuffix(suffix)
    if suffix not in ("f", "F", "d", "D") and _INTEGER.fullmatch(body):
        value = _integer(body)
        return Int32(value) if not suffix and -(2**31) <= value < 2**31 else value
    if suffix in ("l", "L") or not _DECIMAL.fullmatch(body) or re.match(r"[+-]?0\d+$", body):
        raise _invalid(text)
    double = float(body)
    exact = Decimal(body)
    if suffix in ("d", "D"):
        return double
    if suffix or _fits_float(double, exact):
        return Float32(double)
    return double if Decimal(repr(double)) == exact else exact


def _integer(body: str) -> int:
    sign = -1 if body[0] == "-" else 1
    digits = body.lstrip("+-")
    if digits[:2] in ("0x", "0X"):
        return sign * int(digits, 16)
    if digits[0] == "#":
        return sign * int(digits[1:], 16)
    return sign * int(digits, 8 if len(digits) > 1 and digits[0] == "0" else 10)


def _fits_float(double: float, exact: Decimal) -> bool:
    """Whether float and double have the same shortest text: at most seven digits always do."""
    digits = exact.normalize().as_tuple().digits
    return double == 0 or (len(digits) <= 7 and 1e-37 < abs(double) < 3e38)


@TABLE.add("numberFormat", "format", state=True)
def number_format(state: State, value: Any, format: Any = None) -> str | None:
    """A number written with a pattern, rounded half to even, with the symbols of the server's language.

    Args:
        format (text, optional): A Java DecimalFormat pattern (`0`, `#`, `.`, `,`, `%`); without it at most 3 decimals.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no number, or the pattern is none.

    Available: 1.x, 2.0

    Examples:
        {{ 1234.5 | numberFormat('#,##0.00') }} {{ 0.256 | numberFormat('0%') }} -> 1,234.50 26%
    """
    if value is None:
        return None
    if not is_number(value):
        raise EvaluationError("The input for the 'NumberFormat' filter has to be a number.")
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        return "NaN" if exact.is_nan() else ("∞" if exact > 0 else "-∞")
    pattern = "#,##0.###" if format is None else java_text(format)
    longest = state.limits.max_format_length
    if len(pattern) > longest:
        raise LimitError("max_format_length", longest, "The pattern of 'numberFormat' is too long")
    if abs(exact.adjusted()) > _LARGEST_EXPONENT:
        raise EvaluationError("The number is too large or too small for 'numberFormat'")
    try:
        return str(format_decimal(exact, format=pattern, locale=locale_of(state.services.locale)))
    except (ValueError, IndexError, ArithmeticError) as error:
        raise EvaluationError(f"The pattern '{pattern}' is not a number format: {reason_of(error)}") from None


@TABLE.add("className")
def class_of(value: Any) -> str | None:
    """The Java class that the original would have used for the value.

    Returns:
        text: Null for null.

    Available: 1.x, 2.0

    Examples:
        {{ 'a' | className }} -> java.lang.String
        {{ [1] | className }} -> java.util.ArrayList
    """
    return None if value is None else class_name(value)
