"""Errors of the model, turned into paths and messages of the flow language (2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError

from segue.domain.flow.fields import TAG_MARK
from segue.domain.flow.source import Path


class Fault(NamedTuple):
    """Something wrong at a path of the normalised data. `is_unknown` marks properties nobody knows."""

    path: Path
    message: str
    is_unknown: bool = False


_KINDS = {
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "missing": "must not be null",
    "union_tag_not_found": "must not be null",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}


def faults_in(data: Any, error: ValidationError) -> list[Fault]:
    """The faults of ``data``, without what pydantic adds to paths to tell the members of a union apart.

    When a value fits no member of a union, the faults at one place are one.
    """
    joined: dict[Path, Fault] = {}
    for fault in faults_of(error):
        path = _existing(data, fault.path, may_lack_end=fault.is_unknown or fault.message == _KINDS["missing"])
        before = joined.get(path)
        if before is None:
            joined[path] = fault._replace(path=path)
        elif fault.message not in before.message:
            joined[path] = before._replace(message=f"{before.message}, or {fault.message}")
    return list(joined.values())


def _existing(data: Any, path: Path, *, may_lack_end: bool) -> Path:
    """The parts of ``path`` that lead through ``data``, and its end too when that may be missing there."""
    found: list[str | int] = []
    for index, part in enumerate(path):
        is_item = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if is_item or (isinstance(data, dict) and part in data):
            data = data[part]
        elif not (may_lack_end and isinstance(data, dict) and index == len(path) - 1):
            continue
        found.append(part)
    return tuple(found)


def faults_of(error: ValidationError) -> Iterator[Fault]:
    """Translate all errors of one validation. Inputs are never quoted: they may be secrets."""
    for detail in error.errors(include_url=False):
        kind = detail["type"]
        value = detail["input"]
        if kind == "too_short" and isinstance(value, list | dict) and value:
            continue  # follows from a fault in an item, which is reported itself
        path = tuple(part for part in detail["loc"] if not (isinstance(part, str) and part.startswith(TAG_MARK)))
        if kind in {"union_tag_not_found", "union_tag_invalid"} and isinstance(value, dict):
            path = (*path, "type")
        elif kind == "union_tag_not_found":
            yield Fault(path, "must be an object")
            continue
        yield Fault(path, _message(kind, detail, path), kind == "extra_forbidden")


def _message(kind: str, detail: Any, path: Path) -> str:
    context: dict[str, Any] = detail.get("ctx") or {}
    if kind in _KINDS:
        return _KINDS[kind] if detail["input"] is not None or kind == "missing" else "must not be null"
    if kind == "extra_forbidden":
        return f'Unrecognized field "{path[-1]}"'
    if kind == "string_pattern_mismatch":
        return f'must match "{context["pattern"]}"'
    if kind in {"literal_error", "enum"}:
        return f"must be one of {context['expected']}"
    if kind == "union_tag_invalid":
        return f"Invalid type: {str(context['tag']).lstrip(TAG_MARK)[:200]}"
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    message = str(detail["msg"])
    return message.replace("Input should be", "must be", 1).replace("String should", "must", 1)
