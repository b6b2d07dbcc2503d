"""Tasks of a flow with the plugins that do their work: made once per revision, for all runs of it."""

import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from segue.domain.errors import NotFoundError, SegueError
from segue.domain.execution.context import namespace_root
from segue.domain.execution.logs import LogLevel
from segue.domain.flow import CompiledFlow, TypeCatalogue
from segue.domain.flow.faults import faults_in
from segue.domain.flow.flowables import WorkingDirectory
from segue.domain.flow.retry import Retry
from segue.domain.flow.tasks import RunnableTask
from segue.domain.flow.tasks import Task as TaskModel
from segue.domain.flow.tree import format_path
from segue.domain.flow.triggers import PluginTrigger
from segue.expr import Dialect
from segue.sdk import (
    Duration,
    InputFiles,
    JobFiles,
    NamespaceFiles,
    OutputFiles,
    Property,
    RunnerTypes,
    Task,
    Trigger,
    validation_context,
)

_BOUND = "worker.tasks"
_BOUND_TRIGGERS = "worker.triggers"
Kind = TypeVar("Kind", bound=BaseModel)


class Plugins(TypeCatalogue, RunnerTypes, Protocol):
    """The registry, as far as the worker needs it."""

    def find(self, type_name: str) -> type[Task] | None:
        """The class of a type or alias."""

    def find_trigger(self, type_name: str) -> type[Trigger] | None:
        """The class of a trigger's type or alias."""


class Block(Task, JobFiles):
    """A WorkingDirectory as its worker sees it: files before and after, tasks between (flow language 7.15)."""

    type: ClassVar[str] = "io.kestra.plugin.core.flow.WorkingDirectory"

    cache_patterns: Property[list[str]] | None = None
    cache_ttl: Duration | None = None


class Evaluation(Task):
    """A trigger as its worker sees it: in place of a task, for one look or one stream (flow language 12.8)."""

    type: ClassVar[str] = "trigger"

    trigger: Trigger


class BoundTask:
    """A task of a flow with its plugin. ``inner`` are the tasks of a WorkingDirectory by their ids, else empty.

    ``roots`` are those roots of expressions that the flow brings: ``vars`` and ``namespace``.
    """

    __slots__ = (
        "dialect",
        "has_frame",
        "inner",
        "is_async",
        "is_instant",
        "log_level",
        "plugin",
        "retry",
        "roots",
        "takes_files",
        "task",
        "task_id",
        "timeout",
        "type",
    )

    def __init__(
        self,
        task: TaskModel,
        plugin: Task,
        roots: Mapping[str, Any],
        dialect: Dialect | None = None,
        *,
        retry: Retry | None = None,
        inner: Mapping[str, "BoundTask"] | None = None,
    ) -> None:
        self.task = task
        self.task_id = task.id
        self.type = task.type
        self.plugin = plugin
        self.roots = roots
        self.dialect = dialect
        self.retry = retry
        self.inner = inner or {}
        is_block = isinstance(plugin, Block | Evaluation)
        self.timeout: timedelta | str | None = None if is_block else task.timeout
        self.log_level = LogLevel(task.log_level) if task.log_level else LogLevel.TRACE
        self.is_async = is_block or inspect.iscoroutinefunction(plugin.run)
        self.takes_files = isinstance(plugin, InputFiles | OutputFiles | NamespaceFiles)
        caches = task.task_cache is not None and task.task_cache.enabled and not is_block
        self.has_frame = self.takes_files or caches or task.log_to_file or isinstance(self.timeout, str)
        """Whether there is something to do before and after the plugin's own code."""
        self.is_instant = self.is_async and plugin.instant and self.timeout is None and not self.has_frame


def bind(flow: CompiledFlow, task_id: str, plugins: Plugins) -> BoundTask:
    """The task with its plugin. Raises ``SegueError`` for a task that is not there, is invalid, or is not run by
    workers, and ``NotFoundError`` for a type this worker does not know."""
    known: dict[str, BoundTask] = flow.extras.setdefault(_BOUND, {})
    found = known.get(task_id)
    if found is None:
        found = known[task_id] = _bind(flow, flow.get_task(task_id), plugins)
    return found


def bind_trigger(flow: CompiledFlow, trigger_id: str, plugins: Plugins) -> BoundTask:
    """A trigger with its plugin. Raises as ``bind``."""
    known: dict[str, BoundTask] = flow.extras.setdefault(_BOUND_TRIGGERS, {})
    found = known.get(trigger_id)
    if found is None:
        found = known[trigger_id] = _bind_trigger(flow, trigger_id, plugins)
    return found


def _bind_trigger(flow: CompiledFlow, trigger_id: str, plugins: Plugins) -> BoundTask:
    trigger = next((each for each in flow.flow.triggers if each.id == trigger_id), None)
    if not isinstance(trigger, PluginTrigger):
        raise SegueError(f"The flow has no trigger '{trigger_id}' that workers evaluate")
    kind = plugins.find_trigger(trigger.type)
    if kind is None:
        raise NotFoundError(f"This worker knows no trigger of the type '{trigger.type}' (trigger '{trigger.id}')")
    names = _names(kind)
    properties = {name: value for name, value in trigger.properties.items() if name in names}
    task = RunnableTask(id=trigger.id, type=trigger.type, log_level=trigger.log_level)
    code = _validated(task, kind, properties, validation_context(plugins, is_stored=True), what="trigger")
    return BoundTask(task, Evaluation(trigger=code), _roots(flow), flow.dialect)


def bind_alone(task: TaskModel, plugins: Plugins, outer: BoundTask) -> BoundTask:
    """A task that is in no flow, with the variables and the dialect of ``outer``. Raises as ``bind``."""
    if not isinstance(task, RunnableTask):
        raise SegueError(f"The task '{task.id}' of type '{task.type}' is not run by workers")
    return BoundTask(task, _plugin(task, plugins), outer.roots, outer.dialect)


def _bind(flow: CompiledFlow, task: TaskModel, plugins: Plugins) -> BoundTask:
    roots, dialect = _roots(flow), flow.dialect
    if isinstance(task, WorkingDirectory):
        inner = {each.id: bind(flow, each.id, plugins) for each in task.tasks if not each.disabled}
        return BoundTask(task, _block(task), roots, dialect, inner=inner)
    if not isinstance(task, RunnableTask):
        raise SegueError(f"The task '{task.id}' of type '{task.type}' is not run by workers")
    return BoundTask(task, _plugin(task, plugins), roots, dialect, retry=_retry(flow, task))


def _roots(flow: CompiledFlow) -> dict[str, Any]:
    variables = flow.flow.variables
    return ({"vars": variables} if variables else {}) | namespace_root(flow)


def _retry(flow: CompiledFlow, task: TaskModel) -> Retry | None:
    """The task's own retry, else that of the nearest task around it, else the flow's (flow language 6.2)."""
    around = [flow.get_task(ancestor).retry for ancestor in flow.get_node(task.id).ancestors]
    return next((retry for retry in (task.retry, *around) if retry is not None), flow.flow.retry)


def _block(task: WorkingDirectory) -> Block:
    properties = {
        "inputFiles": task.input_files,
        "outputFiles": task.output_files,
        "namespaceFiles": task.namespace_files,
        "cachePatterns": None if task.cache is None else list(task.cache.patterns),
        "cacheTtl": None if task.cache is None else task.cache.ttl,
    }
    return _validated(task, Block, {name: value for name, value in properties.items() if value is not None})


def _plugin(task: RunnableTask, plugins: Plugins) -> Task:
    kind = plugins.find(task.type)
    if kind is None:
        raise NotFoundError(f"This worker knows no plugin of the type '{task.type}' (task '{task.id}')")
    properties = {name: value for name, value in task.properties.items() if name in _names(kind)}
    return _validated(task, kind, properties, validation_context(plugins, is_stored=True))


def _validated(
    task: TaskModel, kind: type[Kind], properties: Mapping[str, Any], context: Any = None, *, what: str = "task"
) -> Kind:
    try:
        return kind.model_validate(properties, by_alias=True, by_name=False, context=context)
    except ValidationError as error:
        faults = "; ".join(f"{format_path(fault.path)}: {fault.message}" for fault in faults_in(properties, error))
        raise SegueError(f"The {what} '{task.id}' is invalid: {faults}") from None


def _names(kind: type[BaseModel]) -> set[str]:
    return {info.alias or name for name, info in kind.model_fields.items()}
