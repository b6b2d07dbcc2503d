"""What a plugin sees of its run: implements the SDK's ``RunContext``."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from segue.domain.file_paths import working_path
from segue.domain.globs import FilePatterns
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import ExecutionInfo, FlowInfo, TaskRunInfo
from segue.services.worker.binding import BoundTask
from segue.services.worker.cipher import TaskCipher
from segue.services.worker.control import Control
from segue.services.worker.expressions import Expressions, Kit
from segue.services.worker.folder import Folder, FolderFile
from segue.services.worker.insights import TaskInsights
from segue.services.worker.journal import Masks, TaskLog, TaskMetrics
from segue.services.worker.namespace_files import TaskNamespaceFiles
from segue.services.worker.platform import TaskPlatform
from segue.services.worker.staging import Staging
from segue.services.worker.trigger_side import TriggerSide

Answer = TypeVar("Answer")


class TaskFiles:
    """Internal storage through the controller: implements the SDK's ``Files``."""

    def __init__(
        self,
        job: pb.Job,
        control: Control,
        run: pb.TaskRunKey,
        staging: Staging,
        folder: Callable[[], Folder],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._job = job
        self._control = control
        self._run = run
        self._staging = staging
        self._folder = folder
        self._loop = loop

    def read(self, uri: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The content in chunks."""
        return self._staging.read(uri, offset)

    async def size(self, uri: str) -> int:
        """The size in bytes."""
        return await self._staging.size(uri)

    async def write(self, name: str, content: bytes | AsyncIterator[bytes] | Path) -> str:
        """Store a file of this run and return its URI."""
        guarded = self.opened(content) if isinstance(content, Path) else content
        uri: str = (await self._control.write(self._run, name, guarded)).uri
        return uri

    def opened(self, path: Path) -> Path | FolderFile:
        """A file of the working directory is opened without following links: code that is not ours writes there."""
        folder = self._folder()
        return FolderFile(folder, str(path.relative_to(folder.path))) if path.is_relative_to(folder.path) else path

    async def delete(self, uri: str) -> bool:
        """Delete a file of an execution."""
        return bool(await self._control.delete_files(self._job, pb.DeleteFilesRequest(uris=[uri])))

    async def download(self, uri: str, path: str) -> Path:
        """Write the content of a URI into the working directory."""
        folder = self._folder()
        await folder.fill(path, self.read(uri))
        return folder.path / working_path(path)

    async def place(self, files: Mapping[str, Any]) -> None:
        """Write files into the working directory."""
        await self._staging.put(files)

    async def find(self, patterns: Iterable[str]) -> list[str]:
        """The paths of files of the working directory."""
        chosen, folder = FilePatterns(patterns), self._folder()
        return [file.path for file in await asyncio.to_thread(folder.find, chosen)]

    async def collect(self, patterns: Iterable[str]) -> dict[str, str]:
        """Store files of the working directory."""
        return await self._staging.collect(patterns)

    def read_blocking(self, uri: str) -> bytes:
        """The whole content, called in a thread."""

        async def whole() -> bytes:
            return b"".join([chunk async for chunk in self.read(uri)])

        return self._wait(whole())

    def write_blocking(self, name: str, content: bytes | Path) -> str:
        """Store a file, called in a thread."""
        return self._wait(self.write(name, content))

    def download_blocking(self, uri: str, path: str) -> Path:
        """As ``download``, called in a thread."""
        return self._wait(self.download(uri, path))

    def delete_blocking(self, uri: str) -> bool:
        """As ``delete``, called in a thread."""
        return self._wait(self.delete(uri))

    def place_blocking(self, files: Mapping[str, Any]) -> None:
        """As ``place``, called in a thread."""
        self._wait(self.place(files))

    def collect_blocking(self, patterns: Iterable[str]) -> dict[str, str]:
        """As ``collect``, called in a thread."""
        return self._wait(self.collect(patterns))

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class Journal(NamedTuple):
    """Where an attempt says what it does, and what is hidden in it."""

    log: TaskLog
    metrics: TaskMetrics
    insights: TaskInsights
    masks: Masks


class WorkerContext(TaskCipher, TriggerSide):
    """The context of one run."""

    def __init__(
        self,
        job: pb.Job,
        run: pb.TaskRunKey,
        bound: BoundTask,
        kit: Kit,
        *,
        journal: Journal,
        shared: Folder | None = None,
    ) -> None:
        """``shared`` is the directory of the WorkingDirectory around, which outlives this run."""
        super().__init__(job, kit.control, journal.masks)
        self.logger = journal.log
        self.metrics = journal.metrics
        self.insights = journal.insights
        self._journal = journal
        self.is_stopped = False
        self.job = job
        self.run = run
        self.bound = bound
        self._kit = kit
        self._control = kit.control
        self._expressions = Expressions(job, bound, kit, journal.masks)
        self._callbacks: list[Callable[[], None]] = []
        self._folder_lock = threading.Lock()
        self._folder = shared
        self._is_shared = shared is not None
        self.staging = Staging(job, run, kit.control, self)

    @property
    def flow(self) -> FlowInfo:
        """The flow."""
        flow = self.job.flow
        return FlowInfo(flow.tenant, flow.namespace, flow.flow_id, flow.revision)

    @property
    def execution(self) -> ExecutionInfo:
        """The execution."""
        started = self._expressions.variables.roots().get("execution", {}).get("startDate")
        return ExecutionInfo(self.job.execution_id, datetime.fromisoformat(started) if started else None)

    @property
    def task_run(self) -> TaskRunInfo:
        """The task run and its attempt."""
        return TaskRunInfo(self.job.task_run_id, self.bound.task_id, self.bound.type, self.job.attempt - 1)

    @property
    def variables(self) -> Mapping[str, Any]:
        """The roots of expressions."""
        return self._expressions.variables.roots()

    def add_variable(self, name: str, value: Any) -> None:
        """Let expressions of this run know one root more."""
        self._expressions.variables.roots()[name] = value

    @property
    def files(self) -> TaskFiles:
        """Internal storage."""
        return TaskFiles(self.job, self._control, self.run, self.staging, lambda: self.folder, self._loop)

    @property
    def namespace_files(self) -> TaskNamespaceFiles:
        """The files of namespaces."""
        return TaskNamespaceFiles(self.job, self.run, self._control, self.files.opened)

    @property
    def platform(self) -> TaskPlatform:
        """Logs, the KV store, other tasks."""
        kit = self._kit
        return TaskPlatform(self.job, self._control, lambda text: kit.in_place.run(self, text, kit))

    @property
    def folder(self) -> Folder:
        """The directory of this run."""
        with self._folder_lock:
            if self._folder is None:
                self._folder = Folder()
            return self._folder

    @property
    def working_dir(self) -> Path:
        """Its path."""
        return self.folder.path

    def plugin_configuration(self, type_name: str) -> Mapping[str, Any]:
        """What the worker's configuration says of a type."""
        return self._kit.configurations.get(type_name, {})

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` in the loop when the run should end."""
        self._loop.call_soon_threadsafe(self._add_callback, callback)

    async def render(self, value: Any, variables: Mapping[str, Any] | None = None) -> Any:
        """Render a property, a text, or every text in maps and lists."""
        return await self._expressions.render(value, variables)

    def render_blocking(self, value: Any, variables: Mapping[str, Any] | None = None) -> Any:
        """The same, called in a thread."""
        return self._expressions.render_blocking(value, variables)

    def for_task(self, bound: BoundTask) -> "WorkerContext":
        """The context of a task that is run in place of this one. To be closed by who asked for it."""
        other = WorkerContext(
            self.job,
            self.run,
            bound,
            self._kit,
            journal=self._journal,
            shared=self._folder if self._is_shared else None,
        )
        self.on_stop(other.stop)
        return other

    def stop(self) -> None:
        """Tell the plugin to end."""
        self.is_stopped = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._loop.call_soon(callback)

    def close(self) -> None:
        """Remove what the run leaves behind."""
        if self._folder is not None and not self._is_shared:
            folder, self._folder = self._folder, None
            self._loop.run_in_executor(None, folder.remove)

    def _add_callback(self, callback: Callable[[], None]) -> None:
        if self.is_stopped:
            callback()
        else:
            self._callbacks.append(callback)
