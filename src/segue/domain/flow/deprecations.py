"""Deprecated types in a flow, with what takes their place (REST API 4.2: `flows/deprecated`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from segue.domain.flow.tree import maps_of, walk_tasks
from segue.domain.flow.type_names import FLOW_PACKAGE, TypeCatalogue, current_name

_REPLACEMENTS: dict[str, str | None] = {
    FLOW_PACKAGE + "ForEach": FLOW_PACKAGE + "Loop",
    FLOW_PACKAGE + "EachSequential": FLOW_PACKAGE + "Loop",
    FLOW_PACKAGE + "EachParallel": FLOW_PACKAGE + "Loop",
    FLOW_PACKAGE + "ForEachItem": FLOW_PACKAGE + "Loop",
    FLOW_PACKAGE + "Template": FLOW_PACKAGE + "Subflow",
    "io.kestra.plugin.core.execution.Resume": None,
    "io.kestra.plugin.core.execution.Count": None,
    "io.kestra.plugin.core.trigger.Toggle": None,
    "io.kestra.plugin.core.debug.Echo": "io.kestra.plugin.core.log.Log",
    "io.kestra.plugin.core.log.Fetch": "io.kestra.plugin.kestra.logs.Fetch",
    "io.kestra.plugin.core.state.Delete": "io.kestra.plugin.core.kv.Delete",
    "io.kestra.plugin.core.state.Get": "io.kestra.plugin.core.kv.Get",
    "io.kestra.plugin.core.state.Set": "io.kestra.plugin.core.kv.Set",
    "io.kestra.plugin.core.storage.LocalFiles": None,
}
"""Types that 2.0 removed or renamed without an alias (flow language 15.1, 15.4)."""


class Deprecation(NamedTuple):
    """One use of a deprecated type."""

    task_id: str
    type: str
    replacement: str | None


def deprecated_types(data: Mapping[str, Any], types: TypeCatalogue) -> Iterator[Deprecation]:
    """The tasks and triggers of a flow whose type is an alias, or was removed in 2.0."""
    tasks = (task.data for task in walk_tasks(data))
    for item in (*tasks, *(trigger for _, trigger in maps_of(data, "triggers"))):
        name = item.get("type")
        if not isinstance(name, str):
            continue
        canonical = current_name(name, types)
        replacement = _REPLACEMENTS.get(canonical, canonical)
        if replacement != name:
            yield Deprecation(str(item.get("id")), name, replacement)
