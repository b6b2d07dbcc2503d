"""Java's `String.format` conversions (expression language 7.1, `format`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from segue.expr.errors import EvaluationError, LimitError
from segue.expr.limits import Limits
from segue.expr.operators import to_number
from segue.expr.text import java_text
from segue.expr.values import class_name, is_integer, is_number

__all__ = ["java_format"]

_CONVERSION = re.compile(r"%(?:(\d+)\$)?([-#+ 0,(<]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])|%")
_LARGEST_EXPONENT = 4500


def java_format(template: str, args: Sequence[Any], limits: Limits) -> str:
    """The template with its conversions (`%s %d %f %e %g %x %o %c %b %n %%`) replaced.

    Raises:
        EvaluationError: an unknown conversion, too few arguments, an argument of the wrong type.
        LimitError: the text becomes longer than `max_output_length`, a width is above `max_format_width`.
    """
    ordinary = -1
    last = -1
    size = 0
    limit, widest = limits.max_output_length, limits.max_format_width

    def convert(found: re.Match[str]) -> str:
        nonlocal ordinary, last, size
        index, flags, width, precision, kind = found.groups()
        if kind is None:
            raise EvaluationError("UnknownFormatConversionException: Conversion = '%'")
        if kind in "%n":
            piece = "%" if kind == "%" else "\n"
            value: Any = None
        else:
            if index:
                last = int(index) - 1
            elif "<" not in flags:
                ordinary += 1
                last = ordinary
            if not 0 <= last < len(args):
                raise EvaluationError(f"Format specifier '{found[0]}' has no argument")
            value = args[last]
            digits = None if precision is None else _bounded(precision, widest)
            piece = _one(value, flags, digits, kind, _bounded(width or "0", widest))
        piece = _pad(piece, flags, _bounded(width or "0", widest))
        size += len(piece)
        if size > limit:
            raise LimitError("max_output_length", limit, "The formatted text becomes too long")
        return piece

    return _CONVERSION.sub(convert, template)


def _bounded(digits: str, widest: int) -> int:
    if len(digits) > 9 or int(digits) > widest:
        raise LimitError("max_format_width", widest, f"A width of {digits[:10]} is too large")
    return int(digits)


def _pad(text: str, flags: str, width: int) -> str:
    return text.ljust(width) if "-" in flags else text.rjust(width)


def _one(value: Any, flags: str, precision: int | None, kind: str, width: int) -> str:
    lowered = kind.lower()
    if lowered == "b":
        text = java_text(value is not None and (value if isinstance(value, bool) else True))
    elif value is None or lowered == "s":
        text = java_text(value)
    elif lowered == "c":
        text = chr(value) if is_integer(value) else java_text(value)[:1]
    elif lowered in "dxo":
        return _integer(value, flags, kind, width)
    elif lowered in "feg":
        return _decimal(value, flags, 6 if precision is None else precision, kind, width)
    else:
        raise EvaluationError(f"UnknownFormatConversionException: Conversion = '{kind}'")
    if precision is not None:
        text = text[:precision]
    return text.upper() if kind.isupper() else text


def _integer(value: Any, flags: str, kind: str, width: int) -> str:
    number = to_number(value) if isinstance(value, str) else value
    if not is_integer(number):
        raise EvaluationError(f"IllegalFormatConversionException: {kind} != {class_name(value)}")
    if kind == "d":
        return _signed(f"{abs(number):,}" if "," in flags else str(abs(number)), number < 0, flags, width)
    if number < 0:
        number += 1 << (32 if number >= -(1 << 31) else 64)
    text = f"{number:{'x' if kind in 'xX' else 'o'}}"
    if "#" in flags:
        text = ("0x" if kind in "xX" else "0") + text
    text = text.zfill(width) if "0" in flags else text
    return text.upper() if kind.isupper() else text


def _decimal(value: Any, flags: str, precision: int, kind: str, width: int) -> str:
    number = to_number(value) if isinstance(value, str) else value
    if not is_number(number):
        raise EvaluationError(f"IllegalFormatConversionException: {kind} != {class_name(value)}")
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    if not exact.is_finite():
        return java_text(number)
    if abs(exact.adjusted()) > _LARGEST_EXPONENT:
        raise EvaluationError("The number is too large or too small for 'format'")
    if kind == "f":
        exact = exact.quantize(
            Decimal(1).scaleb(-precision), ROUND_HALF_UP, Context(prec=len(str(exact)) + precision + 400)
        )
    grouping = "," if "," in flags else ""
    text = f"{abs(exact):{grouping}.{precision}{kind.lower()}}"
    text = re.sub(r"e([+-])(\d)$", r"e\g<1>0\2", text)
    text = text.upper() if kind.isupper() else text
    return _signed(text, exact.is_signed() and exact != 0, flags, width)


def _signed(digits: str, negative: bool, flags: str, width: int) -> str:
    """Digits with their sign, and zeros up to the width when asked for."""
    before, after = "", ""
    if negative:
        before, after = ("(", ")") if "(" in flags else ("-", "")
    elif "+" in flags:
        before = "+"
    elif " " in flags:
        before = " "
    if "0" in flags:
        digits = digits.rjust(width - len(before) - len(after), "0")
    return before + digits + after
