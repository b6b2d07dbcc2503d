"""Walking the data of a flow before it is known to be valid: nothing here trusts the shape of anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from segue.domain.flow.source import Path
from segue.domain.flow.type_names import canonical_flowable

FLOW_SECTIONS = ("tasks", "errors", "finally", "afterExecution")
_OWN_LISTS: dict[str, tuple[str, ...]] = {
    "If": ("then", "else"),
    "Switch": ("defaults",),
    "Pause": ("tasks",),
    "Approval": ("onWait", "onApprove", "onDeny"),
    "ForEachItem": (),
    "Subflow": (),
    "Template": (),
    "Dag": (),
}
_DEFAULT_LISTS = ("tasks",)
_WITHOUT_CHILDREN = {"Subflow", "Template", "Exit", "Labels", "Resume", "SetVariables", "UnsetVariables"}


class RawTask(NamedTuple):
    """A map that stands where a task belongs. `flowable` is the class name of a type the language knows."""

    path: Path
    data: dict[str, Any]
    flowable: str | None

    @property
    def id(self) -> str | None:
        """The id if there is one that is a text."""
        value = self.data.get("id")
        return value if isinstance(value, str) else None


def format_path(path: Path) -> str:
    """Write a path as messages show it: `tasks[0].then[1].id`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def maps_of(data: Mapping[str, Any], key: str, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The maps in the list `data[key]`, with their paths; nothing if it is no list."""
    items = data.get(key)
    if isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield (*path, key, index), item


def walk_tasks(data: Mapping[str, Any]) -> Iterator[RawTask]:
    """All tasks of a flow in the order of the text's sections, parents before children."""
    for section in FLOW_SECTIONS:
        for path, task in maps_of(data, section):
            yield from _walk(path, task)
    for path, listener in maps_of(data, "listeners"):
        for task_path, task in maps_of(listener, "tasks", path):
            yield from _walk(task_path, task)


def _walk(path: Path, task: dict[str, Any]) -> Iterator[RawTask]:
    flowable = canonical_flowable(task.get("type"))
    yield RawTask(path, task, flowable)
    if flowable is not None:
        for child_path, child in children_of(path, task, flowable):
            yield from _walk(child_path, child)


def children_of(path: Path, task: dict[str, Any], flowable: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The direct children of a flowable."""
    if flowable in _WITHOUT_CHILDREN:
        return
    for key in _OWN_LISTS.get(flowable, _DEFAULT_LISTS):
        yield from maps_of(task, key, path)
    if flowable == "Dag":
        for node_path, node in maps_of(task, "tasks", path):
            if isinstance(child := node.get("task"), dict):
                yield (*node_path, "task"), child
    if flowable == "Switch" and isinstance(cases := task.get("cases"), dict):
        for key in cases:
            yield from maps_of(cases, key, (*path, "cases"))
    if flowable == "Pause" and isinstance(child := task.get("onPause"), dict):
        yield (*path, "onPause"), child
    for key in ("errors", "finally"):
        yield from maps_of(task, key, path)
