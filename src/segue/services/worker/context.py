"""What a plugin sees of its run: implements the SDK's ``RunContext``."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from segue.proto.generated import worker_pb2 as pb
from segue.sdk import ExecutionInfo, FlowInfo, TaskRunInfo
from segue.services.worker.control import Control
from segue.services.worker.expressions import Expressions, Kit
from segue.services.worker.flows import BoundTask
from segue.services.worker.journal import Masks, TaskLog, TaskMetrics


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
        self._control = kit.control
        self._masks = masks
        self._loop = asyncio.get_running_loop()
        self._expressions = Expressions(job, bound, kit, masks)
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
        started = self._expressions.variables.roots().get("execution", {}).get("startDate")
        return ExecutionInfo(self._job.execution_id, datetime.fromisoformat(started) if started else None)

    @property
    def task_run(self) -> TaskRunInfo:
        """The task run and its attempt."""
        return TaskRunInfo(self._job.task_run_id, self._bound.task_id, self._bound.type, self._job.attempt - 1)

    @property
    def variables(self) -> Mapping[str, Any]:
        """The roots of expressions."""
        return self._expressions.variables.roots()

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
        return await self._expressions.render(value)

    def render_blocking(self, value: Any) -> Any:
        """The same, called in a thread."""
        return self._expressions.render_blocking(value)

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
