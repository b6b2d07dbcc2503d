"""The members of text, lists, maps and entries that a template may use (expression language 4.4).

An allowlist: no attribute of a Python object is ever read by name, and what is not listed here does not
exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segue.expr.errors import EvaluationError, LimitError
from segue.expr.limits import Limits
from segue.expr.operators import contains, equals
from segue.expr.regex import java_replacement, java_split, matches_whole, replace_all
from segue.expr.text import java_text
from segue.expr.values import MapEntry, is_list

__all__ = ["NO_MEMBER", "call_method", "member_names", "read_member"]

NO_MEMBER = object()
_REFUSED = frozenset({"class", "getClass", "wait", "notify", "notifyAll"})

Method = Callable[..., Any]


def _hash_code(text: str) -> int:
    """Java's hash of a string: 32 bits, signed."""
    units = text.encode("utf-16-be", "surrogatepass")
    result = 0
    for index in range(0, len(units), 2):
        result = (31 * result + (units[index] << 8 | units[index + 1])) & 0xFFFFFFFF
    return result - 0x100000000 if result >= 0x80000000 else result


def _utf16_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _replace(limits: Limits, text: str, old: str, new: str) -> str:
    old, new = _text(old), _text(new)
    if len(text) + text.count(old) * len(new) > limits.max_output_length:
        raise LimitError("max_output_length", limits.max_output_length, "The text becomes too long")
    return text.replace(old, new)


_STRING: Mapping[str, Method] = {
    "length": lambda _, s: _utf16_length(s),
    "isEmpty": lambda _, s: s == "",
    "isBlank": lambda _, s: s.strip() == "",
    "toUpperCase": lambda _, s: s.upper(),
    "toLowerCase": lambda _, s: s.lower(),
    "trim": lambda _, s: s.strip("".join(map(chr, range(33)))),
    "strip": lambda _, s: s.strip(),
    "startsWith": lambda _, s, prefix: s.startswith(_text(prefix)),
    "endsWith": lambda _, s, suffix: s.endswith(_text(suffix)),
    "indexOf": lambda _, s, part: s.find(_text(part)),
    "lastIndexOf": lambda _, s, part: s.rfind(_text(part)),
    "replace": _replace,
    "replaceAll": lambda limits, s, regex, new: replace_all(s, _text(regex), java_replacement(_text(new)), limits),
    "split": lambda limits, s, regex: java_split(s, _text(regex), 0, limits),
    "concat": lambda _, s, other: s + _text(other),
    "matches": lambda limits, s, regex: matches_whole(s, _text(regex), limits),
    "equalsIgnoreCase": lambda _, s, other: isinstance(other, str) and s.casefold() == other.casefold(),
    "toString": lambda _, s: s,
    "hashCode": lambda _, s: _hash_code(s),
}


def _index_of(items: Any, wanted: Any) -> int:
    return next((number for number, item in enumerate(items) if equals(item, wanted)), -1)


_LIST: Mapping[str, Method] = {
    "size": lambda _, items: len(items),
    "isEmpty": lambda _, items: not items,
    "indexOf": lambda _, items, wanted: _index_of(items, wanted),
    "containsAll": lambda _, items, wanted: contains(items, wanted),
    "toString": lambda limits, items: java_text(items, limits.max_output_length),
}

_MAP: Mapping[str, Method] = {
    "size": lambda _, m: len(m),
    "isEmpty": lambda _, m: not m,
    "get": lambda _, m, key: m.get(key),
    "getOrDefault": lambda _, m, key, default: m.get(key, default),
    "containsKey": lambda _, m, key: key in m,
    "containsValue": lambda _, m, value: any(equals(item, value) for item in m.values()),
    "keySet": lambda _, m: list(m.keys()),
    "values": lambda _, m: list(m.values()),
    "entrySet": lambda _, m: [MapEntry(key, value) for key, value in m.items()],
    "toString": lambda limits, m: java_text(m, limits.max_output_length),
}

_ENTRY: Mapping[str, Method] = {
    "getKey": lambda _, entry: entry.key,
    "getValue": lambda _, entry: entry.value,
    "toString": lambda limits, entry: java_text(entry, limits.max_output_length),
}

# What may be read without parentheses.
_PROPERTIES: Mapping[str, str] = {
    "length": "length",
    "size": "size",
    "empty": "isEmpty",
    "isEmpty": "isEmpty",
    "blank": "isBlank",
    "isBlank": "isBlank",
    "key": "getKey",
    "value": "getValue",
}


def _methods(value: Any) -> Mapping[str, Method]:
    if isinstance(value, str):
        return _STRING
    if isinstance(value, Mapping):
        return _MAP
    if isinstance(value, MapEntry):
        return _ENTRY
    return _LIST if is_list(value) else {}


def member_names(value: Any) -> list[str]:
    """What a template may name after this value: methods, and what needs no parentheses."""
    methods = _methods(value)
    return [name for name, method in _PROPERTIES.items() if method in methods] + [f"{name}()" for name in methods]


def _refuse(name: str) -> None:
    if name in _REFUSED:
        raise EvaluationError(f"For security reasons access to '{name}' is denied.")


def read_member(value: Any, name: str, limits: Limits) -> Any:
    """A member without parentheses, or `NO_MEMBER`."""
    _refuse(name)
    method = _methods(value).get(_PROPERTIES.get(name, ""))
    return NO_MEMBER if method is None else method(limits, value)


def call_method(value: Any, name: str, args: list[Any], limits: Limits) -> Any:
    """The result of a method, or `NO_MEMBER` when there is none that takes these arguments."""
    _refuse(name)
    method = _methods(value).get(name)
    if method is None:
        return NO_MEMBER
    try:
        return method(limits, value, *args)
    except TypeError:
        return NO_MEMBER
