"""What a plugin sees of its run: implements the SDK's ``RunContext``."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from segue.expr import Engine, Services
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import ExecutionInfo, FlowInfo, Property, TaskRunInfo
from segue.services.worker.control import Control
from segue.services.worker.flows import BoundTask
from segue.services.worker.journal import Masks, TaskLog, TaskMetrics
from segue.services.worker.outputs import OutputsNeeded, TaskOutputs

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_MISSING = object()


class Variables:
    """The roots of expressions of one run, put together when an expression is first rendered."""

    def __init__(self, job: pb.Job, bound: BoundTask, globals_: bytes) -> None:
        self._job = job
        self._bound = bound
        self._globals = globals_
        self._roots: dict[str, Any] | None = None
        self.outputs = TaskOutputs(job.outputs)

    def roots(self) -> dict[str, Any]:
        """All roots. ``outputs`` is lazy."""
        if self._roots is None:
            roots = _decode(self._globals) if self._globals else {}
            roots |= _decode(self._job.context)
            roots["task"] = {"id": self._bound.task_id, "type": self._bound.type}
            roots["outputs"] = self.outputs
            overrides = roots.get("vars")
            if self._bound.variables or overrides:
                roots["vars"] = {**self._bound.variables, **(overrides or {})}
            self._roots = roots
        return self._roots


class TaskFiles:
    """Internal storage through the controller: implements the SDK's ``Files``."""

    def __init__(self, control: Control, job: pb.Job, run: pb.TaskRunKey, loop: asyncio.AbstractEventLoop) -> None:
        self._control = control
        self._job = job
        self._run = run
        self._loop = loop

    def read(self, uri: str, offset: int = 0) -> AsyncIterator[bytes]:
        """The content in chunks."""
        return self._control.read(self._job, uri, offset)

    async def write(self, name: str, content: bytes | AsyncIterator[bytes] | Path) -> str:
        """Store a file of this run and return its URI."""
        uri: str = (await self._control.write(self._run, name, content)).uri
        return uri

    def read_blocking(self, uri: str) -> bytes:
        """The whole content, called in a thread."""

        async def whole() -> bytes:
            return b"".join([chunk async for chunk in self.read(uri)])

        return asyncio.run_coroutine_threadsafe(whole(), self._loop).result()

    def write_blocking(self, name: str, content: bytes | Path) -> str:
        """Store a file, called in a thread."""
        return asyncio.run_coroutine_threadsafe(self.write(name, content), self._loop).result()


class Kit(NamedTuple):
    """What all runs of a worker share."""

    engine: Engine
    services: Services
    control: Control


class WorkerContext:
    """The context of one run."""

    def __init__(
        self,
        job: pb.Job,
        run: pb.TaskRunKey,
        bound: BoundTask,
        kit: Kit,
        *,
        log: TaskLog,
        metrics: TaskMetrics,
        masks: Masks,
    ) -> None:
        self.logger = log
        self.metrics = metrics
        self.is_stopped = False
        self._job = job
        self._run = run
        self._bound = bound
        self._engine = kit.engine
        self._dialect = bound.dialect or kit.control.terms.dialect
        self._services = kit.services
        self._control = kit.control
        self._masks = masks
        self._loop = asyncio.get_running_loop()
        self._variables = Variables(job, bound, kit.control.terms.globals)
        self._rendered: dict[int, Any] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._folder: Path | None = None

    @property
    def flow(self) -> FlowInfo:
        """The flow."""
        flow = self._job.flow
        return FlowInfo(flow.tenant, flow.namespace, flow.flow_id, flow.revision)

    @property
    def execution(self) -> ExecutionInfo:
        """The execution."""
        started = self._variables.roots().get("execution", {}).get("startDate")
        return ExecutionInfo(self._job.execution_id, datetime.fromisoformat(started) if started else None)

    @property
    def task_run(self) -> TaskRunInfo:
        """The task run and its attempt."""
        return TaskRunInfo(self._job.task_run_id, self._bound.task_id, self._bound.type, self._job.attempt - 1)

    @property
    def variables(self) -> Mapping[str, Any]:
        """The roots of expressions."""
        return self._variables.roots()

    @property
    def files(self) -> TaskFiles:
        """Internal storage."""
        return TaskFiles(self._control, self._job, self._run, self._loop)

    @property
    def working_dir(self) -> Path:
        """A temporary folder of this run."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="segue-"))
        return self._folder

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` in the loop when the run should end."""
        self._loop.call_soon_threadsafe(self._add_callback, callback)

    def mask(self, secret: str) -> None:
        """Hide a secret from now on."""
        self._masks.add(secret)

    async def render(self, value: Any) -> Any:
        """Render a property, a text, or every text in maps and lists."""
        while True:
            try:
                return self._render(value)
            except OutputsNeeded as needed:
                # In a task of its own: an instant run is begun outside of any task.
                await asyncio.ensure_future(self._fetch(needed))

    def render_blocking(self, value: Any) -> Any:
        """The same, called in a thread."""
        while True:
            try:
                return self._render(value)
            except OutputsNeeded as needed:
                asyncio.run_coroutine_threadsafe(self._fetch(needed), self._loop).result()

    def stop(self) -> None:
        """Tell the plugin to end."""
        self.is_stopped = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._loop.call_soon(callback)

    def close(self) -> None:
        """Remove what the run leaves behind."""
        if self._folder is not None:
            folder, self._folder = self._folder, None
            self._loop.run_in_executor(None, shutil.rmtree, folder, True)

    def _add_callback(self, callback: Callable[[], None]) -> None:
        if self.is_stopped:
            callback()
        else:
            self._callbacks.append(callback)

    def _render(self, value: Any) -> Any:
        if not isinstance(value, Property):
            return self._text(value) if isinstance(value, str) else self._value(value)
        if not value.is_dynamic:
            return value.evaluate(_NO_RENDERER)
        found = self._rendered.get(id(value), _MISSING)
        if found is _MISSING:
            found = self._rendered[id(value)] = value.evaluate(_Renderer(self._text, self._value))
        return found

    def _text(self, text: str) -> str | None:
        if "{" not in text:
            return text
        return self._engine.render(text, self._variables.roots(), self._services, dialect=self._dialect)

    def _value(self, value: Any) -> Any:
        return self._engine.render_value(value, self._variables.roots(), self._services, dialect=self._dialect)

    async def _fetch(self, needed: OutputsNeeded) -> None:
        for task_run_id in needed.task_run_ids:
            content = await self._control.outputs(self._job, task_run_id)
            self._variables.outputs.provide(task_run_id, content)


class _Renderer:
    def __init__(self, render: Callable[[str], str | None], render_value: Callable[[Any], Any]) -> None:
        self.render = render
        self.render_value = render_value


def _nothing(value: Any) -> Any:
    raise AssertionError(f"a literal is not rendered: {value!r}")


_NO_RENDERER = _Renderer(_nothing, _nothing)
