"""A flow (flow language 2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from segue.domain.flow.fields import Definition, Labels, TaskId, Text
from segue.domain.flow.flowables import AnyTask, Child
from segue.domain.flow.inputs import Input
from segue.domain.flow.limits import Check, Concurrency, Quota, Sla
from segue.domain.flow.outputs import Output
from segue.domain.flow.retry import Retry
from segue.domain.flow.routing import WorkerSelector
from segue.domain.flow.triggers import AnyTrigger, Condition


class PluginDefault(Definition):
    """Property values given to all plugins of a type or prefix of types (flow language 2.12, 1.x).

    Entries without type or values are reported by the rules of `validate`, with the words of 2.3.
    """

    type: Any = None
    values: Any = None
    forced: bool = False
    ref: Text | None = None


class Listener(Definition):
    """Tasks run after the end of an execution if all conditions hold (flow language 2.6, 1.x)."""

    description: Text | None = None
    conditions: tuple[Condition, ...] = ()
    tasks: Annotated[tuple[AnyTask, ...], Field(min_length=1)]


class Flow(Definition):
    """A flow as it is written; `revision` and the read-only markers are those of the text."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$", min_length=1, max_length=100)]
    namespace: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", min_length=1, max_length=150)]
    tasks: Annotated[tuple[AnyTask, ...], Field(min_length=1)]
    revision: Annotated[int, Field(ge=1)] | None = None
    description: Text | None = None
    labels: Labels = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    variables: dict[str, Any] = Field(default_factory=dict)
    errors: tuple[AnyTask, ...] = ()
    finally_: Annotated[tuple[AnyTask, ...], Field(alias="finally")] = ()
    after_execution: tuple[AnyTask, ...] = ()
    triggers: tuple[AnyTrigger, ...] = ()
    listeners: tuple[Listener, ...] = ()
    concurrency: Concurrency | None = None
    retry: Retry | None = None
    sla: tuple[Sla, ...] = ()
    checks: tuple[Check, ...] = ()
    quotas: tuple[Quota, ...] = ()
    plugin_defaults: tuple[PluginDefault, ...] = ()
    policy_refs: tuple[TaskId, ...] = ()
    worker_selector: WorkerSelector | None = None
    disabled: bool = False
    deleted: bool = False
    draft: bool = False
    updated: Any = None
    tenant_id: Text | None = None

    def children(self) -> Iterator[Child]:
        """The top-level tasks of all sections, in the order in which they would run."""
        for index, task in enumerate(self.tasks):
            yield Child("tasks", ("tasks", index), task)
        for index, task in enumerate(self.errors):
            yield Child("errors", ("errors", index), task)
        for index, task in enumerate(self.finally_):
            yield Child("finally", ("finally", index), task)
        for number, listener in enumerate(self.listeners):
            for index, task in enumerate(listener.tasks):
                yield Child("listeners", ("listeners", number, "tasks", index), task)
        for index, task in enumerate(self.after_execution):
            yield Child("afterExecution", ("afterExecution", index), task)
