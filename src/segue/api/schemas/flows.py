"""Flows on the wire: what the user wrote, as JSON, with what the store knows about it (REST API 6.1).

A flow travels as the data of its source, so that every property of every plugin comes through as it was
written; only the fields that clients insist on are added.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from segue.domain.errors import FlowSyntaxError
from segue.domain.flow.source import read_document
from segue.domain.labels import parse_labels
from segue.ports.repositories.flows import StoredFlow

JsonObject = dict[str, Any]

_STRUCTURE = ("id", "namespace", "revision", "description", "inputs", "outputs", "labels", "variables")
_MARKERS = ("disabled", "draft", "deleted", "tenantId")
_TASK_LISTS = ("tasks", "errors", "finally", "afterExecution", "then", "else", "defaults")
_NO_TASKS_BELOW = frozenset({"inputs", "outputs", "triggers", "labels", "variables", "pluginDefaults"})
_MAX_DEPTH = 100


class FlowValidation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is to be said about one document; absent ``constraints`` means valid (REST API 5.6, 6.8)."""

    index: int
    outdated: bool = False
    filename: str | UnsetType = UNSET
    namespace: str | UnsetType = UNSET
    flow: str | UnsetType = UNSET
    constraints: str | UnsetType = UNSET
    deprecation_paths: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


def wire_flow(stored: StoredFlow, *, with_source: bool = False) -> JsonObject:
    """A stored flow. One whose text cannot be read any more has ``exception`` and no tasks."""
    try:
        data = read_document(stored.source).data
    except FlowSyntaxError as error:
        data = {"tasks": [], "exception": error.message}
    flow: JsonObject = {key: value for key, value in data.items() if value is not None}
    flow.update(
        tenantId=stored.tenant,
        namespace=stored.namespace,
        id=stored.id,
        revision=stored.revision,
        disabled=stored.disabled,
        draft=stored.draft,
        deleted=stored.deleted,
        updated=stored.updated_at,
    )
    flow.setdefault("tasks", [])
    _complete(flow)
    if with_source:
        flow["source"] = stored.source
    return flow


def _complete(flow: JsonObject) -> None:
    """Add what strict clients require of labels, inputs and triggers."""
    if "labels" in flow:
        try:
            flow["labels"] = [{"key": key, "value": value} for key, value in parse_labels(flow["labels"])]
        except ValueError:
            del flow["labels"]
    for item in _maps(flow.get("inputs")):
        item.setdefault("required", True)
        if "id" not in item and "name" in item:
            item["id"] = item["name"]
    for item in _maps(flow.get("triggers")):
        item.setdefault("disabled", False)


def _maps(value: Any) -> Iterator[JsonObject]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def flow_for_execution(stored: StoredFlow) -> JsonObject:
    """A flow as its run form needs it: tasks and triggers cut to ids, types and structure."""
    flow = wire_flow(stored)
    cut = {key: flow[key] for key in (*_STRUCTURE, *_MARKERS) if key in flow}
    for name in ("tasks", "errors", "finally", "afterExecution"):
        if name in flow:
            cut[name] = [_cut_task(task, 0) for task in _maps(flow[name])]
    triggers = [
        {key: item[key] for key in ("id", "type", "disabled") if key in item} for item in _maps(flow.get("triggers"))
    ]
    return cut | ({"triggers": triggers} if triggers else {})


def _cut_task(task: Mapping[str, Any], depth: int) -> JsonObject:
    cut: JsonObject = {key: task[key] for key in ("id", "type", "version") if key in task}
    for name in _TASK_LISTS:
        if depth < _MAX_DEPTH and (below := list(_maps(task.get(name)))):
            cut[name] = [_cut_task(item, depth + 1) for item in below]
    return cut


def find_task(stored: StoredFlow, task_id: str) -> JsonObject | None:
    """The task with this id anywhere in the flow, as it was written."""
    data = {key: value for key, value in wire_flow(stored).items() if key not in _NO_TASKS_BELOW}
    return next((task for task in _tasks(data) if task["id"] == task_id), None)


def _tasks(root: Any) -> Iterator[JsonObject]:
    """Every map with an id and a type below ``root``, outermost first."""
    waiting: list[Any] = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item is not root and isinstance(item.get("id"), str) and isinstance(item.get("type"), str):
                yield item
            waiting.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            waiting.extend(reversed(item))
