"""What expressions of a flow may name, for the completion of an editor (REST API 6.9: `flows/expressions`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from segue.domain.flow.tree import maps_of, walk_tasks
from segue.expr.filters import FILTERS
from segue.expr.functions import FUNCTIONS

_ROOTS = (
    "flow.id",
    "flow.namespace",
    "flow.revision",
    "flow.tenantId",
    "execution.id",
    "execution.startDate",
    "execution.originalId",
    "execution.state",
    "execution.outputs",
    "task.id",
    "task.type",
    "taskrun.id",
    "taskrun.startDate",
    "taskrun.attemptsCount",
    "taskrun.parentId",
    "taskrun.value",
    "taskrun.iteration",
    "parent",
    "parents",
    "trigger",
    "labels",
    "item",
    "envs",
    "globals",
)


def expression_context(
    data: Mapping[str, Any], task_id: str | None = None, of_namespace: Iterable[str] = ()
) -> dict[str, list[str]]:
    """The names by category; outputs are those of all tasks but `task_id`, `of_namespace` variables of namespaces."""
    tasks = dict.fromkeys(task.id for task in walk_tasks(data) if task.id is not None and task.id != task_id)
    variables = data.get("variables")
    return {
        "taskOutputs": [_member("outputs", name) for name in tasks],
        "executionContext": list(_ROOTS),
        "inputs": [_member("inputs", name) for name in _inputs(data)],
        "variables": [
            *(_member("vars", str(name)) for name in (variables if isinstance(variables, dict) else ())),
            *(_member("namespace", name) for name in of_namespace),
        ],
        "secrets": [],
        "kvPairs": [],
        "namespaceFiles": [],
        "filters": sorted(FILTERS),
        "functions": sorted(FUNCTIONS),
        "appContext": [],
    }


def _inputs(data: Mapping[str, Any]) -> Iterator[str]:
    for path, item in maps_of(data, "inputs"):
        name = item.get("id", item.get("name"))
        if not isinstance(name, str):
            continue
        children = [child for _, child in maps_of(item, "inputs", path) if isinstance(child.get("id"), str)]
        if item.get("type") == "FORM":
            yield from (f"{name}.{child['id']}" for child in children)
        else:
            yield name


def _member(root: str, name: str) -> str:
    """`root.name`, with brackets around names that would read as a subtraction."""
    return f"{root}['{name}']" if "-" in name else f"{root}.{name}"
