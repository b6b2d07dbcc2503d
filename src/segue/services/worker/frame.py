"""What surrounds the code of a task: files before and after, what is kept for later runs, its rendered timeout."""

import logging
from datetime import timedelta
from typing import Any, NamedTuple

from segue.domain.errors import SegueError
from segue.domain.execution.state import State
from segue.domain.flow.tasks import RunnableTask
from segue.domain.globs import FilePatterns
from segue.expr import ExpressionError
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import Duration, InputFiles, NamespaceFiles, OutputFiles, Property, TaskResult
from segue.sdk.property import converter_of
from segue.services.worker.binding import Block, BoundTask
from segue.services.worker.caches import FilesCache, OutputCache
from segue.services.worker.context import WorkerContext
from segue.services.worker.control import Control
from segue.services.worker.outputs import outputs_json

logger = logging.getLogger(__name__)
OUTPUTS_FILE = "outputs.json"


class Beginning(NamedTuple):
    """What was found before the code of a task runs. ``outputs``: kept ones, so that it need not run."""

    timeout: timedelta | None = None
    is_known: bool = False
    outputs: bytes | None = None


class End(NamedTuple):
    """The outputs of a task: as JSON, and where they are stored when they are large."""

    outputs: bytes | None = None
    stored: pb.StoredOutputs | None = None


class Frame:
    """The frame of one run."""

    def __init__(self, job: pb.Job, run: pb.TaskRunKey, bound: BoundTask, context: WorkerContext, control: Control):
        self._job = job
        self._run = run
        self._bound = bound
        self._context = context
        self._control = control
        self._outputs: OutputCache | None = None
        self._files: FilesCache | None = None

    async def before(self) -> Beginning:
        """Look for kept outputs, else put files in place. Raises what rendering and fetching raise."""
        timeout = await self._timeout()
        self._outputs = await self._output_cache()
        if self._outputs is not None:
            kept = await self._outputs.find()
            if kept is not None:
                self._outputs = None
                self._context.logger.info("The outputs of an earlier run are taken from the cache")
                return Beginning(is_known=True, outputs=kept)
        if self._bound.takes_files:
            self._context.add_variable("workingDir", str(self._context.working_dir))
            await self._put_files()
        return Beginning(timeout)

    async def after(self, state: State, result: TaskResult) -> End:
        """Store the files and the outputs of a task that has ended by itself. Raises ``SegueError`` and others."""
        plugin, context = self._bound.plugin, self._context
        files: dict[str, str] | None = None
        if isinstance(plugin, OutputFiles) and plugin.output_files is not None:
            files = await context.staging.collect(await context.render(plugin.output_files) or [])
        if isinstance(plugin, Block) and self._files is not None:
            patterns = FilePatterns(await context.render(plugin.cache_patterns) or [])
            self._say(await self._files.keep(self._run, context.folder, patterns))
        outputs = outputs_json(result, None if files is None else {"outputFiles": files})
        if self._outputs is not None and state is State.SUCCESS:
            await self._keep(self._outputs, outputs)
        if outputs is None or len(outputs) <= self._control.terms.inline_output_bytes:
            return End(outputs)
        return End(outputs, await self._control.write(self._run, OUTPUTS_FILE, outputs))

    async def _put_files(self) -> None:
        plugin, context = self._bound.plugin, self._context
        if isinstance(plugin, Block) and plugin.cache_patterns is not None:
            self._files = FilesCache(self._job, self._control, self._value(), plugin.cache_ttl)
            self._say(await self._files.restore(context.folder))
        if isinstance(plugin, NamespaceFiles) and plugin.namespace_files is not None:
            await context.staging.put_namespace_files(plugin.namespace_files)
        if isinstance(plugin, InputFiles) and plugin.input_files is not None:
            await context.staging.put(await context.render(plugin.input_files) or {})

    async def _timeout(self) -> timedelta | None:
        timeout = self._bound.timeout
        if not isinstance(timeout, str):
            return timeout
        rendered: timedelta | None = await self._context.render(_duration(timeout))
        return rendered

    async def _output_cache(self) -> OutputCache | None:
        """The cache of the task; none when its properties cannot be rendered beforehand."""
        task = self._bound.task
        if not isinstance(task, RunnableTask) or task.task_cache is None or not task.task_cache.enabled:
            return None
        try:
            properties = await self._context.render(dict(task.properties))
        except (ExpressionError, SegueError) as error:
            self._context.logger.warn("The task cache is not used, a property cannot be rendered before: %s", error)
            return None
        return OutputCache(self._job, self._control, properties, self._value(), task.task_cache.ttl)

    async def _keep(self, cache: OutputCache, outputs: bytes | None) -> None:
        try:
            await cache.keep(self._run, outputs)
        except SegueError as error:
            self._context.logger.warn("The outputs cannot be kept in the cache: %s", error)

    def _value(self) -> str | None:
        task_run: dict[str, Any] = self._context.variables.get("taskrun") or {}
        return task_run.get("value")

    def _say(self, message: str | None) -> None:
        if message is not None:
            self._context.logger.debug(message)


def _duration(text: str) -> Property[timedelta]:
    return Property(text, converter_of(Duration), "timeout")
