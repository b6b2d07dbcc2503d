"""Flows and the plugins of their tasks, made once per revision."""

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from pydantic import ValidationError

from segue.domain.errors import NotFoundError, SegueError
from segue.domain.execution.logs import LogLevel
from segue.domain.flow import CompiledFlow, TypeCatalogue, parse_flow
from segue.domain.flow.faults import faults_of
from segue.domain.flow.tasks import RunnableTask
from segue.domain.flow.tree import format_path
from segue.expr import Dialect
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import Task
from segue.services.worker.control import Control

_BOUND = "worker.tasks"
Key = tuple[str, str, str, int]


class Plugins(TypeCatalogue, Protocol):
    """The registry, as far as the worker needs it."""

    def find(self, type_name: str) -> type[Task] | None:
        """The class of a type or alias."""


class BoundTask:
    """A task of a flow with the plugin that does its work. Serves all runs of the revision."""

    __slots__ = (
        "dialect",
        "is_async",
        "is_instant",
        "log_level",
        "plugin",
        "task_id",
        "timeout",
        "type",
        "variables",
    )

    def __init__(
        self, task: RunnableTask, plugin: Task, variables: Mapping[str, Any], dialect: Dialect | None = None
    ) -> None:
        self.task_id = task.id
        self.type = task.type
        self.plugin = plugin
        self.variables = variables
        self.dialect = dialect
        self.timeout: timedelta | str | None = task.timeout
        self.log_level = LogLevel(task.log_level) if task.log_level else LogLevel.TRACE
        self.is_async = inspect.iscoroutinefunction(plugin.run)
        self.is_instant = self.is_async and plugin.instant and self.timeout is None


class FlowCache:
    """The flows the worker runs tasks of, the most recent ones kept."""

    def __init__(self, control: Control, plugins: Plugins, size: int) -> None:
        self._control = control
        self._plugins = plugins
        self._size = size
        self._flows: OrderedDict[Key, CompiledFlow] = OrderedDict()
        self._loading: dict[Key, asyncio.Task[CompiledFlow]] = {}

    def find(self, job: pb.Job) -> BoundTask | None:
        """The job's task when its flow is at hand, else None. Raises as ``load``, but for fetching."""
        key = _key(job.flow)
        flow = self._flows.get(key)
        if flow is None:
            return None
        self._flows.move_to_end(key)
        return self._bind(flow, job.task_id)

    async def load(self, job: pb.Job) -> BoundTask:
        """The job's task; its flow is fetched, once for all who wait.

        Raises ``SegueError`` when the flow or the task is not there, cannot be read, or has a type that
        this worker does not know.
        """
        key = _key(job.flow)
        flow = self._flows.get(key)
        if flow is None:
            loading = self._loading.get(key)
            if loading is None:
                loading = self._loading[key] = asyncio.create_task(self._fetch(key, job.flow))
                loading.add_done_callback(lambda _: self._loading.pop(key, None))
            flow = await asyncio.shield(loading)
        return self._bind(flow, job.task_id)

    def forget(self, flows: Iterable[pb.FlowKey]) -> None:
        """Drop flows that were invalidated."""
        for flow in flows:
            self._flows.pop(_key(flow), None)

    async def _fetch(self, key: Key, flow: pb.FlowKey) -> CompiledFlow:
        source = await self._control.flow_source(flow)
        report = parse_flow(source, self._plugins, strict=False)
        compiled = CompiledFlow(report.valid_flow(), flow.revision, flow.tenant, dialect=report.dialect)
        self._flows[key] = compiled
        while len(self._flows) > self._size:
            self._flows.popitem(last=False)
        return compiled

    def _bind(self, flow: CompiledFlow, task_id: str) -> BoundTask:
        bound: dict[str, BoundTask] = flow.extras.setdefault(_BOUND, {})
        found = bound.get(task_id)
        if found is None:
            task = flow.get_task(task_id)
            if not isinstance(task, RunnableTask):
                raise SegueError(f"The task '{task_id}' of type '{task.type}' is not run by workers")
            plugin = _plugin(task, self._plugins)
            found = bound[task_id] = BoundTask(task, plugin, flow.flow.variables, flow.dialect)
        return found


def _plugin(task: RunnableTask, plugins: Plugins) -> Task:
    kind = plugins.find(task.type)
    if kind is None:
        raise NotFoundError(f"This worker knows no plugin of the type '{task.type}' (task '{task.id}')")
    properties = {name: value for name, value in task.properties.items() if name in _names(kind)}
    try:
        return kind.model_validate(properties, by_alias=True, by_name=False)
    except ValidationError as error:
        faults = "; ".join(f"{format_path(fault.path)}: {fault.message}" for fault in faults_of(error))
        raise SegueError(f"The task '{task.id}' is invalid: {faults}") from None


def _names(kind: type[Task]) -> set[str]:
    return {info.alias or name for name, info in kind.model_fields.items()}


def _key(flow: pb.FlowKey) -> Key:
    return flow.tenant, flow.namespace, flow.flow_id, flow.revision
