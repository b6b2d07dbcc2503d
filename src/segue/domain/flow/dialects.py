"""Which grammar reads the expressions of a flow, and where that matters (flow language 15, expressions 3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from segue.domain.flow.faults import Fault
from segue.domain.flow.source import Path
from segue.domain.flow.tree import maps_of, walk_tasks
from segue.expr import Dialect
from segue.expr.dialect_difference import DialectDifference, dialect_differences

_OF_FLOW = ("quotas", "policyRefs", "workerSelector")
_OF_TASKS = ("when", "workerSelector", "policyRefs", "onChildFailure")
_OF_TRIGGERS = ("when", "dependsOn", "workerSelector", "policyRefs")
_FLOWABLES = frozenset({"Loop", "Approval"})
_INPUT_TYPES = frozenset({"FORM", "REUSABLE_INPUTS"})
_NEVER_RENDERED = frozenset({"description"})
_SHOWN = 300


def uses_v2(data: Mapping[str, Any]) -> bool:
    """Whether the data, as written, holds a type or property that came with 2.0."""
    if any(data.get(key) is not None for key in _OF_FLOW):
        return True
    tasks = (
        task.flowable in _FLOWABLES or any(task.data.get(key) is not None for key in _OF_TASKS)
        for task in walk_tasks(data)
    )
    triggers = (any(trigger.get(key) is not None for key in _OF_TRIGGERS) for _, trigger in maps_of(data, "triggers"))
    checks = (check.get("when") is not None for _, check in maps_of(data, "checks"))
    inputs = (item.get("type") in _INPUT_TYPES for _, item in maps_of(data, "inputs") if _has_type(item))
    return any(tasks) or any(triggers) or any(checks) or any(inputs)


def _has_type(item: Mapping[str, Any]) -> bool:
    return isinstance(item.get("type"), str)


def dialect_of(*, is_v1: bool, is_v2: bool) -> Dialect | None:
    """The dialect that the constructs of a flow ask for; `None` when they fit both releases, or neither."""
    if is_v1 == is_v2:
        return None
    return Dialect.V1 if is_v1 else Dialect.V2


def different_readings(data: Mapping[str, Any], own: Dialect | None, default: Dialect) -> Iterator[Fault]:
    """Every expression of the flow that 1.x and 2.0 read differently, with both readings and the one used.

    `own` is the dialect that the flow asks for, `default` the server's.
    """
    used = own or default
    reason = "because of its other properties and types" if own else "as the server is set"
    for path, text in _texts(data, ()):
        for found in dialect_differences(text):
            yield Fault(path, _message(found, used, reason, is_one_line="\n" not in text.strip()))


def _message(found: DialectDifference, used: Dialect, reason: str, *, is_one_line: bool) -> str:
    place = "" if is_one_line else f" (line {found.line} of the text)"
    return (
        f"1.x and 2.0 read `{_short(found.text)}`{place} differently: 1.x as `{_short(found.v1)}`, "
        f"2.0 as `{_short(found.v2)}`. This flow is read as {used.value}, {reason}; brackets make it the same in both."
    )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text that may be a template: values, and keys of maps."""
    if isinstance(value, str):
        if "{" in value:
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _NEVER_RENDERED:
                continue
            place = (*path, key)
            if isinstance(key, str) and "{" in key:
                yield place, key
            yield from _texts(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
