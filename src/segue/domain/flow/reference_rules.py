"""References that read like a subtraction: `{{ inputs.a-b }}` (flow language 2.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from segue.domain.flow.faults import Fault
from segue.domain.flow.tree import RawTask, children_of, maps_of, walk_tasks

_EXPRESSION = re.compile(r"\{[{%](.*?)[}%]\}", re.DOTALL)
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_REFERENCE = re.compile(r"(?<![\w.])(inputs|outputs)\.([A-Za-z_]\w*(?:-\w+)+)")


def dashed_references(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Find inputs and outputs with hyphens that are not written in brackets.

    `inputs.a-b` is left alone when `a` is an input and `a-b` is not: then a difference is meant.
    """
    inputs = {name for _, item in maps_of(data, "inputs") if isinstance(name := item.get("id"), str)}
    offenders: dict[tuple[str, str], list[Any]] = {}
    places: dict[tuple[str, str], tuple[str | int, ...]] = {}
    for task in walk_tasks(data):
        for root in sorted(_dashed(_own(task), inputs)):
            offenders.setdefault((root, "tasks"), []).append(task.id)
            places.setdefault((root, "tasks"), task.path)
    for path, output in maps_of(data, "outputs"):
        for root in sorted(_dashed(output.get("value"), inputs)):
            offenders.setdefault((root, "outputs"), []).append(output.get("id"))
            places.setdefault((root, "outputs"), path)
    for (root, where), ids in offenders.items():
        yield Fault(
            places[root, where],
            f"Invalid {root[:-1]} reference: use {root}[key-name] instead of {root}.key-name, keys with "
            f"hyphens need brackets, offending {where}: [{', '.join(map(str, ids))}]",
        )


def _own(task: RawTask) -> dict[str, Any]:
    """The properties of a task without its children, which speak for themselves."""
    if task.flowable is None:
        return task.data
    below = {path[len(task.path)] for path, _ in children_of(task.path, task.data, task.flowable)}
    return {key: value for key, value in task.data.items() if key not in below}


def _dashed(value: Any, inputs: set[str]) -> set[str]:
    """The roots (inputs, outputs) that are wrongly used somewhere inside `value`."""
    if isinstance(value, str):
        return _dashed_in_text(value, inputs) if "-" in value and "{" in value else set()
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found: set[str] = set()
    for item in items:
        found |= _dashed(item, inputs)
    return found


def _dashed_in_text(text: str, inputs: set[str]) -> set[str]:
    found = set()
    for expression in _EXPRESSION.findall(text):
        for root, name in _REFERENCE.findall(_TEXT.sub("''", expression)):
            is_difference = name.partition("-")[0] in inputs and name not in inputs
            if root == "outputs" or not is_difference:
                found.add(root)
    return found
