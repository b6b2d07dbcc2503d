"""What every task has (flow language 6), and tasks whose work is done by a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ConfigDict

from segue.domain.flow.fields import Definition, Duration, DynamicDuration, Level, TaskId, Text, TypeName
from segue.domain.flow.retry import Retry
from segue.domain.flow.routing import WorkerSelector


class TaskCache(Definition):
    """Reuse of earlier outputs (flow language 6.7)."""

    enabled: bool
    ttl: Duration | None = None


class Task(Definition):
    """The properties common to all tasks. `type` is kept as it was written."""

    id: TaskId
    type: TypeName
    version: Text | None = None
    description: Text | None = None
    retry: Retry | None = None
    timeout: DynamicDuration | None = None
    disabled: bool = False
    when: Text | None = None
    allow_failure: bool = False
    allow_warning: bool = False
    log_level: Level | None = None
    log_to_file: bool = False
    task_cache: TaskCache | None = None
    worker_selector: WorkerSelector | None = None
    policy_refs: tuple[str, ...] = ()
    assets: Any = None
    plugin_defaults_ref: Text | None = None


class RunnableTask(Task):
    """A task of a plugin. Its own properties are unknown here and kept as they are in the YAML."""

    model_config = ConfigDict(extra="allow")

    @property
    def properties(self) -> Mapping[str, Any]:
        """The plugin's own properties, by their names in YAML. Not to be changed."""
        return MappingProxyType(self.__pydantic_extra__ or {})


BASE_PROPERTIES: frozenset[str] = frozenset(info.alias or name for name, info in Task.model_fields.items())
"""YAML names of the properties of section 6; every other one belongs to the plugin."""
