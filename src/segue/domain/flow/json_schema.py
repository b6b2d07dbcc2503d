"""Checking a JSON value against a JSON schema: the vocabulary that forms of inputs use.

Known: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, the bounds of
numbers, texts, lists and objects, `pattern`, `uniqueItems`, `allOf`, `anyOf`, `oneOf`, `not` and references
into the schema itself. Unknown words are ignored, as the standard asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from segue.domain.flow.patterns import compile_pattern

_MAX_DEPTH = 60
_MAX_STEPS = 200_000
_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool], str]] = {
    "minimum": ("number", lambda value, bound: value >= bound, "must be at least {}"),
    "maximum": ("number", lambda value, bound: value <= bound, "must be at most {}"),
    "exclusiveMinimum": ("number", lambda value, bound: value > bound, "must be more than {}"),
    "exclusiveMaximum": ("number", lambda value, bound: value < bound, "must be less than {}"),
    "minLength": ("string", lambda value, bound: len(value) >= bound, "must have at least {} characters"),
    "maxLength": ("string", lambda value, bound: len(value) <= bound, "must have at most {} characters"),
    "pattern": (
        "string",
        lambda value, bound: compile_pattern(f"(?s:.*)(?:{bound})(?s:.*)")(value),
        "must match {}",
    ),
    "minItems": ("array", lambda value, bound: len(value) >= bound, "must have at least {} items"),
    "maxItems": ("array", lambda value, bound: len(value) <= bound, "must have at most {} items"),
    "minProperties": ("object", lambda value, bound: len(value) >= bound, "must have at least {} properties"),
    "maxProperties": ("object", lambda value, bound: len(value) <= bound, "must have at most {} properties"),
}


def schema_fault(schema: Any, value: Any) -> str | None:
    """Return the first way in which `value` breaks `schema`, `None` if there is none.

    Raises `ValueError` when the comparison takes too many steps, `TypeError` or `AttributeError` when the
    schema itself is malformed.
    """
    return next(_Comparison(schema).faults(schema, value, "$", 0), None)


class _Comparison:
    """One comparison: the whole schema for references, and the steps that are left."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.steps = _MAX_STEPS

    def faults(self, schema: Any, value: Any, path: str, depth: int) -> Iterator[str]:
        self.steps -= 1
        if depth > _MAX_DEPTH or self.steps < 0:
            raise ValueError("the JSON schema is nested too deeply or takes too many steps")
        if schema is False:
            yield f"{path}: nothing is allowed here"
        if not isinstance(schema, Mapping):
            return
        if isinstance(schema.get("$ref"), str):
            yield from self.faults(_resolve(self.root, schema["$ref"]), value, path, depth + 1)
        yield from _own_faults(schema, value, path)
        if isinstance(value, dict):
            yield from self.object_faults(schema, value, path, depth)
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                yield from self.faults(schema["items"], item, f"{path}[{index}]", depth + 1)
        yield from self.combined_faults(schema, value, path, depth)

    def object_faults(self, schema: Mapping[str, Any], value: dict[str, Any], path: str, depth: int) -> Iterator[str]:
        for name in schema.get("required") or ():
            if name not in value:
                yield f"{path}.{name}: is required"
        properties = schema.get("properties") or {}
        extra = schema.get("additionalProperties")
        for name, item in value.items():
            part = properties.get(name, extra)
            if part is not None:
                yield from self.faults(part, item, f"{path}.{name}", depth + 1)

    def combined_faults(self, schema: Mapping[str, Any], value: Any, path: str, depth: int) -> Iterator[str]:
        def fits(part: Any) -> bool:
            return next(self.faults(part, value, path, depth + 1), None) is None

        for part in schema.get("allOf") or ():
            yield from self.faults(part, value, path, depth + 1)
        if schema.get("anyOf") and not any(fits(part) for part in schema["anyOf"]):
            yield f"{path}: fits none of the alternatives"
        if schema.get("oneOf") and sum(fits(part) for part in schema["oneOf"]) != 1:
            yield f"{path}: must fit exactly one of the alternatives"
        if "not" in schema and fits(schema["not"]):
            yield f"{path}: must not fit the excluded schema"


def _own_faults(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    names = schema.get("type")
    allowed = [names] if isinstance(names, str) else names if isinstance(names, list) else []
    known = [name for name in allowed if name in _TYPES]
    if known and not any(_TYPES[name](value) for name in known):
        yield f"{path}: must be of type {' or '.join(known)}"
    if "enum" in schema and not any(_same(value, option) for option in schema["enum"]):
        yield f"{path}: must be one of the listed values"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{path}: must be the given constant"
    for word, (kind, holds, text) in _BOUNDS.items():
        if word in schema and _TYPES[kind](value) and not holds(value, schema[word]):
            yield f"{path}: {text.format(schema[word])}"
    if schema.get("uniqueItems") is True and isinstance(value, list):
        texts = {json.dumps(item, sort_keys=True, default=str) for item in value}
        if len(texts) < len(value):
            yield f"{path}: items must be unique"


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _resolve(root: Any, reference: str) -> Any:
    """Follow `#/a/b`; a reference to anything else, or to nothing, allows everything."""
    if not reference.startswith("#"):
        return True
    place = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, Mapping) or name not in place:
            return True
        place = place[name]
    return place
