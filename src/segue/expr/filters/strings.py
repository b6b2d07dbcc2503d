"""Filters that change text (expression language 7.1): case, encodings, hashes, padding, formatting."""

from __future__ import annotations

import binascii
import hashlib
import re
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from segue.expr.callables import Table
from segue.expr.calls import LARGE
from segue.expr.errors import EvaluationError, LimitError
from segue.expr.filters.printf import java_format
from segue.expr.runtime import State
from segue.expr.text import java_text
from segue.expr.values import ABSENT, class_name, is_collection, is_integer

__all__ = ["TABLE"]

TABLE = Table()
_CONTROL = "".join(map(chr, range(33)))
_LINE_BREAK = re.compile(r"\r\n|\n\r|\n|\r")
_BREAKS = ("\r\n", "\n\r", "\n", "\r")
_ESCAPES = {"single": ("'", "\\'"), "double": ('"', '\\"'), "shell": ("'", "'\\''")}


def require_text(value: Any, message: str = "") -> str:
    """The value, which must be text."""
    if not isinstance(value, str):
        raise EvaluationError(message or f"This filter applies to String, not to {class_name(value)}")
    return value


@TABLE.add("abbreviate", "length")
def abbreviate(value: Any, length: Any = None) -> str | None:
    """A text cut to a length, with `...` at its end.

    Args:
        length (integer): How many characters the result has at most, dots included.

    Returns:
        text: A text shorter than `length` as it is, and null for null.

    Raises:
        EvaluationError: the input is no text, or the length is no integer or negative.

    Available: 1.x, 2.0

    Examples:
        {{ 'a long sentence.' | abbreviate(7) }} -> a lo...
    """
    if value is None:
        return None
    text = require_text(value)
    if not is_integer(length):
        raise EvaluationError("The 'abbreviate' filter expects an integer as argument 'length'.")
    if length < 0:
        raise EvaluationError("Invalid argument to abbreviate filter; must be greater than zero")
    if len(text) < length or len(text) <= 3:
        return text
    return text[:length] if length <= 3 else text[: length - 3] + "..."


@TABLE.add("base64encode")
def base64_encode(value: Any) -> str | None:
    """The UTF-8 bytes of a text in base64, with padding.

    Returns:
        text: Null for null.

    Available: 1.x, 2.0

    Examples:
        {{ 'test' | base64encode }} -> dGVzdA==
    """
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    return None if value is None else b64encode(java_text(value).encode()).decode("ascii")


@TABLE.add("base64decode")
def base64_decode(value: Any) -> str | None:
    """The text whose UTF-8 bytes are written in base64.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text, no base64, or no UTF-8.

    Available: 1.x, 2.0

    Examples:
        {{ 'dGVzdA==' | base64decode }} -> test
        {{ '!!' | base64decode }} -> error: Please provide a correctly Base64 encoded string
    """
    if value is None:
        return None
    text = require_text(value, "This filter applies to String")
    try:
        padded = text if "=" in text else text + "=" * (-len(text) % 4)
        return b64decode(padded, validate=True).decode()
    except (binascii.Error, ValueError):
        message = "Please provide a correctly Base64 encoded string containing an UTF-8 string"
        raise EvaluationError(message) from None


@TABLE.add("capitalize")
def capitalize(value: Any) -> str | None:
    """The first character that is not blank in upper case; the rest stays as it is.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ 'hello World' | capitalize }} -> Hello World
    """
    if value is None:
        return None
    text = require_text(value)
    start = len(text) - len(text.lstrip())
    return text[:start] + text[start : start + 1].upper() + text[start + 1 :]


@TABLE.add("title")
def title(value: Any) -> str | None:
    """The first character of each word in upper case; the rest stays as it is.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ 'hello wide world' | title }} -> Hello Wide World
    """
    if value is None:
        return None
    return re.sub(r"(^|\s)(\S)", lambda found: found[1] + found[2].upper(), require_text(value))


@TABLE.add("lower")
def lower(value: Any) -> str | None:
    """The text of the value in lower case.

    Returns:
        text: Null for null.

    Available: 1.x, 2.0

    Examples:
        {{ 'ABC' | lower }} -> abc
    """
    return None if value is None else java_text(value).lower()


@TABLE.add("upper")
def upper(value: Any) -> str | None:
    """The text of the value in upper case.

    Returns:
        text: Null for null.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.name | upper }} {{ true | upper }} -> ADA TRUE
    """
    return None if value is None else java_text(value).upper()


@TABLE.add("trim")
def trim(value: Any) -> str | None:
    """The text without blanks and control characters at both ends.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        [{{ '  a b ' | trim }}] -> [a b]
    """
    return None if value is None else require_text(value).strip(_CONTROL)


@TABLE.add("nl2br")
def nl2br(value: Any) -> str | None:
    """Line breaks replaced by `<br />`.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.lines | nl2br }} -> one<br />two
    """
    return None if value is None else re.sub(r"\r\n|\r|\n", "<br />", require_text(value))


@TABLE.add("string", state=True)
def string(state: State, value: Any) -> str | None:
    """The text of any value: lists as `[a, b]`, maps as `{k=v}`.

    Returns:
        text: Null for null.

    Raises:
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {{ [1, 'a', {'k': null}] | string }} -> [1, a, {k=null}]
    """
    return None if value is None else java_text(value, state.limits.max_output_length)


@TABLE.add("slugify")
def slugify(value: Any) -> str | None:
    """ASCII words in lower case, joined by dashes: accents are dropped, everything else that is no word character too.

    Returns:
        text: Null for null.

    Available: 1.x, 2.0

    Examples:
        {{ 'Été à Paris! x_y' | slugify }} -> ete-a-paris-x-y
    """
    if value is None:
        return None
    text = unicodedata.normalize("NFD", re.sub(r"\s", "-", java_text(value)))
    text = re.sub(r"[^\w-]", "", text, flags=re.ASCII).replace("_", "-")
    text = re.sub(r"-+", "-", text)
    return text.removeprefix("-").removesuffix("-").lower()


@TABLE.add("startsWith", "value")
def starts_with(text: Any, value: Any = None) -> bool:
    """Whether a text begins with another one.

    Args:
        value (text): The beginning.

    Returns:
        boolean: Both are taken as text.

    Raises:
        EvaluationError: one of them is null.

    Available: 1.x, 2.0

    Examples:
        {{ 'report.csv' | startsWith('rep') }} {{ 123 | startsWith('2') }} -> true false
    """
    return _both(text, value, "startsWith")[0].startswith(java_text(value))


@TABLE.add("endsWith", "value")
def ends_with(text: Any, value: Any = None) -> bool:
    """Whether a text ends with another one.

    Args:
        value (text): The end.

    Returns:
        boolean: Both are taken as text.

    Raises:
        EvaluationError: one of them is null.

    Available: 1.x, 2.0

    Examples:
        {{ 'report.csv' | endsWith('.csv') }} -> true
    """
    return _both(text, value, "endsWith")[0].endswith(java_text(value))


def _both(text: Any, value: Any, name: str) -> tuple[str, str]:
    if text is None or value is None:
        raise EvaluationError(f"The '{name}' filter does not accept null.")
    return java_text(text), java_text(value)


@TABLE.add("escapeChar", "type", state=True)
def escape_char(state: State, value: Any, type: Any = None) -> Any:
    r"""Quotes escaped for a place where the text will stand between quotes.

    `single` writes `\'`, `double` writes `\"`, `shell` writes `'\''`. Nothing else is escaped; lists and
    maps are walked.

    Args:
        type (text): `single`, `double` or `shell`.

    Returns:
        text, list or map: Null for null.

    Raises:
        EvaluationError: another type.

    Available: 1.x, 2.0

    Examples:
        {{ "it's" | escapeChar('single') }} -> it\'s
        echo '{{ "it's" | escapeChar('shell') }}' -> echo 'it'\''s'
    """
    if value is None:
        return None
    pair = _ESCAPES.get(type.lower()) if isinstance(type, str) else None
    if pair is None:
        raise EvaluationError(
            "The 'escapeChar' filter expects the value of 'type' to be either 'single', 'double', or 'shell'."
        )
    return _escape(state, value, pair)


def _escape(state: State, value: Any, pair: tuple[str, str]) -> Any:
    state.step()
    if isinstance(value, Mapping):
        return {key: _escape(state, item, pair) for key, item in value.items()}
    if is_collection(value):
        return [_escape(state, item, pair) for item in value]
    if value is None:
        return None
    text = java_text(value).replace(*pair)
    if len(text) > LARGE:
        state.produced(text)
    return text


def _padding(name: str, amount: Any, prefix: Any, text: str, state: State) -> str:
    if not is_integer(amount):
        raise EvaluationError(f"The '{name}' filter expects an integer as argument 'amount'.")
    if amount < 0:
        raise EvaluationError(f"The '{name}' filter expects a positive integer >=0 as argument 'amount'.")
    unit = " " if prefix is None else java_text(prefix)
    limit = state.limits.max_output_length
    lines = 2 + len(_LINE_BREAK.findall(text))
    if amount * len(unit) * lines + len(text) > limit:
        raise LimitError("max_output_length", limit, f"The text of '{name}' becomes too long")
    return unit * amount


def _line_break(text: str) -> str:
    return next((each for each in _BREAKS if each in text), "\n")


@TABLE.add("indent", "amount", "prefix", state=True)
def indent(state: State, value: Any, amount: Any = ABSENT, prefix: Any = " ") -> str | None:
    r"""Every line but the first one indented.

    Args:
        amount (integer): How many times the prefix is put before each line.
        prefix (text, default ' '): What is put there.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the amount is absent, no integer or negative.
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.lines | indent(2) }} -> "one\n  two"
    """
    if value is None:
        return None
    text = java_text(value)
    padding = _padding("indent", amount, prefix, text, state)
    line_break = _line_break(text)
    return text.replace(line_break, line_break + padding)


@TABLE.add("nindent", "amount", "prefix", state=True)
def nindent(state: State, value: Any, amount: Any = ABSENT, prefix: Any = " ") -> str | None:
    r"""A line break first, then every line indented.

    Args:
        amount (integer): How many times the prefix is put before each line.
        prefix (text, default ' '): What is put there.

    Returns:
        text: An empty text stays empty; null for null.

    Raises:
        EvaluationError: the amount is absent, no integer or negative.
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        key:{{ inputs.lines | nindent(2) }} -> "key:\n  one\n  two"
    """
    if value is None:
        return None
    text = java_text(value)
    padding = _padding("nindent", amount, prefix, text, state)
    line_break = _line_break(text)
    return line_break + padding + text.replace(line_break, line_break + padding) if text else text


@TABLE.add("format", variadic=True, state=True)
def format_text(state: State, value: Any, *args: Any) -> str | None:
    """The text with its placeholders filled, as by Java's `String.format`.

    Args:
        args... (any): Values for `%s`, `%d`, `%05.2f`, `%,d`, `%x`, `%b`, `%1$s` and so on.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text, a placeholder has no value, or one of the wrong type.
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {{ '%s has %03d' | format(inputs.name, 7) }} -> ada has 007
    """
    if value is None:
        return None
    return java_format(require_text(value), args, state.limits)


@TABLE.add("urlencode")
def url_encode(value: Any) -> str | None:
    """The text in form encoding: blanks become `+`.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ 'a b&c=é' | urlencode }} -> a+b%26c%3D%C3%A9
    """
    return None if value is None else quote_plus(require_text(value), safe="*").replace("~", "%7E")


@TABLE.add("urldecode")
def url_decode(value: Any) -> str | None:
    """The text whose form encoding the input is.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ 'a+b%26c' | urldecode }} -> a b&c
    """
    return None if value is None else unquote_plus(require_text(value))


def _hash(value: Any, name: str) -> str | None:
    if value is None:
        return None
    data = require_text(value, "Need a string to hash").encode()
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()


@TABLE.add("md5")
def md5(value: Any) -> str | None:
    """The MD5 hash in lower-case hexadecimal digits. Not for anything that must be safe.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ 'test' | md5 }} -> 098f6bcd4621d373cade4e832627b4f6
    """
    return _hash(value, "md5")


@TABLE.add("sha1")
def sha1(value: Any) -> str | None:
    """The SHA-1 hash in lower-case hexadecimal digits. Not for anything that must be safe.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ 'test' | sha1 }} -> a94a8fe5ccb19ba61c4c0873d391e987982fbbd3
    """
    return _hash(value, "sha1")


@TABLE.add("sha256")
def sha256(value: Any) -> str | None:
    """The SHA-256 hash in lower-case hexadecimal digits.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ 'test' | sha256 | slice(0, 16) }} -> 9f86d081884c7d65
    """
    return _hash(value, "sha256")


@TABLE.add("sha512")
def sha512(value: Any) -> str | None:
    """The SHA-512 hash in lower-case hexadecimal digits.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the input is no text.

    Available: 1.x, 2.0

    Examples:
        {{ 'test' | sha512 | length }} -> 128
    """
    return _hash(value, "sha512")
