"""One value to the type of an input or output (flow language 4.3).

What is stored can be written as JSON: moments and durations are kept as ISO-8601 texts, as the original does.
Every function raises `ValueError` with the reason as the user reads it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from segue.domain.durations import format_duration, parse_duration
from segue.domain.errors import FlowSyntaxError
from segue.domain.flow import inputs as kinds
from segue.domain.flow.inputs import InputType
from segue.domain.flow.json_schema import schema_fault
from segue.domain.flow.patterns import compile_pattern
from segue.domain.flow.scalars import format_instant, format_time, parse_date, parse_instant, parse_time
from segue.domain.flow.source import read_value
from segue.expr.errors import ExpressionError
from segue.expr.ion.reader import read_ion

Encrypt: TypeAlias = Callable[[str], Any]
"""Turns a secret into what is stored in its place."""

_INT_BITS = 31
_MAX_NUMBER_LENGTH = 400
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#]+\S*")
_KESTRA_URI = "kestra://"
_FILE_URIS = (_KESTRA_URI, "nsfile://", "file://")
"""Who may read what is asked when a file is read; here it is only a name."""
_NO_ENCRYPTION = "Unable to use a `SECRET` input/output as encryption is not configured"
LISTS = frozenset({InputType.ARRAY, InputType.MULTISELECT})


def parse_value(kind: InputType, value: Any, item_type: InputType | None = None) -> Any:
    """Read `value`, never null, as `kind`; constraints of an input are not looked at, secrets not encrypted.

    Raises `ValueError` with a reason such as "Expected `INT` but received `x` with errors: ...".
    """
    try:
        if kind in LISTS:
            return _list(value, item_type or InputType.STRING)
        return _PARSERS[kind](value)
    except _ElementError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        if kind is InputType.SECRET:
            raise ValueError("Expected `SECRET` but received something that is no text") from None
        reason = str(error) or "value too large"
        raise ValueError(f"Expected `{kind}` but received `{shown(value)}` with errors: `{reason}`") from None


def check_constraints(item: kinds.InputBase, value: Any) -> None:
    """Compare a parsed value with the constraints of its input. Raise `ValueError` naming the broken one."""
    if isinstance(item, kinds.StringInput | kinds.SecretInput):
        if item.validator is not None and not compile_pattern(item.validator)(value):
            raise ValueError(f"it must match the pattern `{item.validator}`")
    elif isinstance(item, kinds.IntInput | kinds.FloatInput):
        _check_range(value, item.min, item.max, "it must be {} than `{}`")
    elif isinstance(item, kinds.DurationInput):
        _check_range(parse_duration(value), item.min, item.max, "It must be {} than `{}`")
    elif isinstance(item, kinds.DatetimeInput):
        _check_order(parse_instant(value), item.after, item.before, format_instant)
    elif isinstance(item, kinds.DateInput):
        _check_order(parse_date(value), item.after, item.before, str)
    elif isinstance(item, kinds.TimeInput):
        _check_order(parse_time(value), item.after, item.before, format_time)
    elif isinstance(item, kinds.EmailInput):
        if value and not _EMAIL.fullmatch(value):
            raise ValueError("The input must be a valid email")
    elif isinstance(item, kinds.FileInput):
        _check_extension(item, value)
    elif isinstance(item, kinds.JsonInput) and item.json_schema_definition is not None:
        _check_schema(item.json_schema_definition, value)


def check_choice(item: kinds.ChoiceInput, options: Sequence[str], value: Any) -> None:
    """Check membership in the options that are offered. Raise `ValueError` with the list.

    A SELECT that is not required takes any value (flow language 4.3), a MULTISELECT does not.
    """
    if item.allow_custom_value or (isinstance(item, kinds.SelectInput) and not item.required):
        return
    chosen = value if isinstance(value, list) else [value]
    if not all(_string(one) in options for one in chosen):
        raise ValueError(f"it must match the values `[{', '.join(options)}]`")


def encrypt_secret(value: str, encrypt: Encrypt | None) -> Any:
    """Return what is stored for a secret. Raise `ValueError` when encryption is not configured."""
    if encrypt is None:
        raise ValueError(_NO_ENCRYPTION)
    return encrypt(value)


def shown(value: Any) -> str:
    """Write a value for an error message, cut to a readable length."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _MAX_NUMBER_LENGTH else text[:_MAX_NUMBER_LENGTH] + "..."


class _ElementError(ValueError):
    """A fault in one element of a list, with its own text."""


def _check_range(value: Any, low: Any, high: Any, text: str) -> None:
    if low is not None and value < low:
        raise ValueError(text.format("more", _bound(low)))
    if high is not None and value > high:
        raise ValueError(text.format("less", _bound(high)))


def _bound(value: Any) -> str:
    return format_duration(value) if isinstance(value, timedelta) else str(value)


def _check_order(value: Any, after: Any, before: Any, show: Callable[[Any], str]) -> None:
    if after is not None and value < after:
        raise ValueError(f"it must be after `{show(after)}`")
    if before is not None and value > before:
        raise ValueError(f"it must be before `{show(before)}`")


def _check_extension(item: kinds.FileInput, value: str) -> None:
    allowed = [extension.lower() for extension in item.allowed_file_extensions]
    if allowed and not value.lower().endswith(tuple(allowed)):
        raise ValueError(f"file type not allowed, it must be one of `[{', '.join(allowed)}]`")


def _check_schema(definition: Any, value: Any) -> None:
    try:
        schema = json.loads(definition) if isinstance(definition, str) else definition
        fault = schema_fault(schema, value)
    except (TypeError, AttributeError, RecursionError):
        raise ValueError("the JSON schema of the input is not a valid schema") from None
    if fault is not None:
        raise ValueError(f"it must match the JSON schema: {fault}")


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("not a text")


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a whole number")
    if isinstance(value, str) and not re.fullmatch(r"[-+]?[0-9]{1,20}", value, re.ASCII):
        raise ValueError("not a whole number")
    number = int(value)
    if number != float(value) and isinstance(value, float):
        raise ValueError("not a whole number")
    if not -(1 << _INT_BITS) <= number < 1 << _INT_BITS:
        raise ValueError("does not fit in 32 bits")
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a number")
    if isinstance(value, str) and (len(value) > _MAX_NUMBER_LENGTH or "_" in value):
        raise ValueError("not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _bool(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _duration(value: Any) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    if not isinstance(value, str):
        raise ValueError("not an ISO-8601 duration")
    return format_duration(parse_duration(value))


def _uri(value: Any) -> str:
    if not isinstance(value, str) or not _URI.fullmatch(value):
        raise ValueError("not a URI such as https://host/path")
    return value


def _file(value: Any) -> str:
    """An upload is stored before it gets here, so that only URIs are left."""
    if not isinstance(value, str) or not value.startswith(_FILE_URIS):
        raise ValueError("not the URI of a file, such as kestra:///... or nsfile:///...")
    if not value.startswith(_KESTRA_URI) and ".." in value.split("/"):
        raise ValueError("a path must not leave its folder")
    return value


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return json.loads(value, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _ion(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        rows = read_ion(value, all_rows=True)
        json.dumps(rows)
    except ExpressionError as error:
        raise ValueError(str(error)) from None
    except TypeError:
        raise ValueError("only Ion values that JSON has as well are taken") from None
    if len(rows) != 1:
        raise ValueError("one Ion value is expected")
    return rows[0]


def _yaml(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read_value(value)
    except FlowSyntaxError as error:
        raise ValueError(error.reason) from None


def _list(value: Any, item_type: InputType) -> list[Any]:
    items = _json(value) if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise ValueError("not a list")
    parsed = []
    for item in items:
        try:
            parsed.append(item if item is None else parse_value(item_type, item))
        except ValueError:
            raise _ElementError(f"Unable to parse array element as `{item_type}` on `{shown(item)}`") from None
    return parsed


_PARSERS: dict[InputType, Callable[[Any], Any]] = {
    InputType.STRING: _string,
    InputType.SECRET: _string,
    InputType.EMAIL: _string,
    InputType.SELECT: _string,
    InputType.INT: _int,
    InputType.FLOAT: _float,
    InputType.BOOL: _bool,
    InputType.DATETIME: lambda value: format_instant(parse_instant(value)),
    InputType.DATE: lambda value: str(parse_date(value)),
    InputType.TIME: lambda value: format_time(parse_time(value)),
    InputType.DURATION: _duration,
    InputType.URI: _uri,
    InputType.FILE: _file,
    InputType.JSON: _json,
    InputType.YAML: _yaml,
    InputType.ION: _ion,
}
