"""A controller and workers in one process over real gRPC and SQLite, and a way to give them jobs."""

import asyncio
import contextlib
import dataclasses
import inspect
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from segue.adapters.databases.sql import SqlDatabase
from segue.adapters.queues.memory import MemoryQueue
from segue.adapters.secrets.aes import AesCipher
from segue.adapters.storages.local import LocalStorage
from segue.api.documents import RestDocuments
from segue.domain.errors import UnavailableError
from segue.domain.execution.facts import Created, Fact, InnerTaskReported, TaskFinished
from segue.domain.execution.jobs import InnerTask, Job
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.state import Status
from segue.domain.execution.task_run import OutputNeed
from segue.domain.namespaces import NamespaceAccess
from segue.expr import SecretValue
from segue.plugins.registry import PluginRegistry
from segue.ports.clock import SystemClock, SystemIds
from segue.ports.queue import Channel, Topic
from segue.ports.repositories.executions import ExecutionRepository
from segue.ports.repositories.file_access import FileAccess
from segue.ports.repositories.file_tree import NamespaceFiles
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.jobs import ClaimedJob, JobRepository, Metric, Report
from segue.ports.repositories.journal import Change, InlineOutputs
from segue.ports.repositories.logs import LogQuery
from segue.ports.repositories.values import ValueSource
from segue.services.controller import Controller, ControllerConfig, ControllerPorts
from segue.services.worker import Worker, WorkerConfig

_PLUGINS = (
    "Block",
    "Big",
    "Chatty",
    "Stubborn",
    "Raise",
    "Wait",
    "Store",
    "Context",
    "Copy",
    "Files",
    "Count",
    "Link",
    "Show",
    "UploadPath",
    "Peek",
)
PLUGINS = {f"test.{name}": f"worker_plugins:{name}" for name in _PLUGINS}


class WatchedJobs:
    """The real repository, which can be told to be away or to refuse, and keeps the metrics it was given."""

    def __init__(self, jobs: JobRepository) -> None:
        self._jobs = jobs
        self.is_away = False
        self.is_stuck = False
        self.loses_claims = 0
        self.fails_claims_of = ""
        self.refuses: Callable[[Report], bool] = lambda report: False
        self.metrics: list[Metric] = []

    async def accept(self, report: Report) -> list[str]:
        if self.is_away:
            raise UnavailableError("the database is away")
        if self.is_stuck:
            await asyncio.Event().wait()
        if self.refuses(report):
            raise ValueError("poison")
        self.metrics.extend(report.metrics)
        return await self._jobs.accept(report)

    async def claim(self, *args: Any) -> list[ClaimedJob]:
        """The real claim; its answer gets lost as often as ``loses_claims`` says, and one worker gets none."""
        if args[0] == self.fails_claims_of:
            raise UnavailableError("the database is away")
        claimed = await self._jobs.claim(*args)
        if claimed and self.loses_claims:
            self.loses_claims -= 1
            raise UnavailableError("the answer was lost")
        return claimed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jobs, name)


class WatchedExecutions:
    """The real repository, which can be told that an execution's row is unreadable."""

    def __init__(self, executions: ExecutionRepository) -> None:
        self._executions = executions
        self.broken: str | None = None

    async def get_many(self, ids: Sequence[str]) -> dict[str, Execution]:
        if self.broken in ids:
            raise ValueError("an unreadable row")
        return await self._executions.get_many(ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executions, name)


class GivenSecrets:
    """Secrets in a map that a test fills."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    async def read(self, tenant: str, namespace: str, key: str) -> SecretValue | None:
        return SecretValue(self.values[key]) if key in self.values else None

    async def keys(self, tenant: str, namespace: str) -> list[str]:
        return sorted(self.values)


class WatchedQueue(MemoryQueue):
    """The real queue, which keeps what was published."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[str] = []

    async def publish(self, topic: Topic, messages: Sequence[str]) -> None:
        self.published.extend(messages)
        await super().publish(topic, messages)


class Stage:
    """``folder`` holds the database and the storage."""

    def __init__(self, folder: Path, **controller: Any) -> None:
        self.database = SqlDatabase(f"sqlite:///{folder / 'segue.db'}")
        self.jobs = WatchedJobs(self.database.jobs)
        self.rows = WatchedExecutions(self.database.executions)
        self.storage = LocalStorage(folder / "storage")
        self.queue = WatchedQueue()
        self.secrets: dict[str, str] = {}
        clock = SystemClock()
        self.files = NamespaceFiles(self.database.namespace_files, self.storage, clock)
        self.access = FileAccess(self.rows, NamespaceAccess.ANCESTORS)
        self.values = ValueSource(
            kv=self.database.kv,
            files=self.files,
            storage=self.storage,
            logs=self.database.logs,
            secrets=GivenSecrets(self.secrets),
            access=self.access,
            clock=clock,
            cipher=AesCipher("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        )
        self.ports = ControllerPorts(
            jobs=self.jobs,
            executions=self.rows,
            outputs=self.database.outputs,
            flows=self.database.flows,
            triggers=self.database.triggers,
            storage=self.storage,
            queue=self.queue,
            clock=SystemClock(),
            values=self.values,
            documents=RestDocuments(),
        )
        settings = {"heartbeat": 0.1, "lease": 2.0, "fallback": 0.2} | controller
        self.config = ControllerConfig(**settings)
        self.controller = Controller(self.ports, self.config)
        self.workers: list[Worker] = []
        self.executions: dict[str, Execution] = {}
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        await self.database.start()
        await self.storage.start()
        await self.queue.start()
        await self.controller.start()

    async def stop(self) -> None:
        for worker in self.workers:
            await worker.stop()
        await self.controller.stop()
        await self.queue.stop()
        await self.storage.stop()
        await self.database.stop()

    async def restart_controller(self, pause: float = 0.0) -> None:
        port = self.controller.port
        await self.controller.stop()
        await asyncio.sleep(pause)
        await self.start_controller(port)

    async def start_controller(self, port: int) -> None:
        self.controller = Controller(self.ports, dataclasses.replace(self.config, port=port))
        await self.controller.start()

    async def add_worker(self, **settings: Any) -> Worker:
        config = {
            "endpoints": (self.controller.address,),
            "slots": 8,
            "kill_grace": 0.2,
            "stop_grace": 2.0,
            "reconnect_delay": 0.02,
        }
        worker = Worker(WorkerConfig(**(config | settings)), PluginRegistry(PLUGINS, installed=False))
        await worker.start()
        self.workers.append(worker)
        await asyncio.wait_for(worker.wait_connected(), 5)
        return worker

    async def flow(self, tasks: str, name: str = "f", head: str = "") -> FlowKey:
        source = f"id: {name}\nnamespace: io.test\n{head}\ntasks:\n{tasks}"
        flow = StoredFlow(
            tenant="main",
            namespace="io.test",
            id=name,
            revision=0,
            source=source,
            updated_at=datetime.now(UTC),
        )
        return (await self.database.flows.save(flow)).key

    async def execution(self, flow: FlowKey, **fields: Any) -> Execution:
        now = datetime.now(UTC)
        row = Execution(id=SystemIds().new(), flow=flow, status=Status.begin(now), created_at=now, **fields)
        await self.database.executions.create([row])
        self.executions[row.id] = row
        return row

    async def submit(
        self,
        execution: Execution,
        task_id: str = "t",
        context: dict[str, Any] | None = None,
        outputs: tuple[OutputNeed, ...] = (),
        *,
        quiet: bool = False,
        queue: str = "default",
        inner: tuple[InnerTask, ...] = (),
    ) -> str:
        """Make a job and, unless ``quiet``, tell the controller."""
        job = Job(
            task_run_id=f"{execution.id}-{next(self._numbers)}",
            execution_id=execution.id,
            flow=execution.flow,
            task_id=task_id,
            attempt=0,
            created_at=datetime.now(UTC),
            worker_queue=queue,
            context=msgspec.json.encode(context or {}),
            outputs=outputs,
            inner=inner,
        )
        await self.apply(execution.id, jobs=[job])
        if not quiet:
            await self.queue.broadcast(Channel.JOBS, [queue])
        return job.task_run_id

    async def apply(self, execution_id: str, **change: Any) -> None:
        """Write what an executor's decision would write."""
        row = self.executions[execution_id]
        assert not await self.database.journal.apply([Change(execution=row, **change)])
        self.executions[execution_id] = msgspec.structs.replace(row, version=row.version + 1)

    async def drop(self, run: str) -> None:
        """Take a job away, as a kill does, without telling anybody."""
        await self.apply(run.rpartition("-")[0], dropped_jobs=[run])

    async def store_outputs(self, run: str, payload: bytes) -> None:
        id_ = run.rpartition("-")[0]
        await self.apply(id_, outputs=[InlineOutputs(run, id_, payload, "")])

    async def run(self, flow: FlowKey, task_id: str = "t", **fields: Any) -> TaskFinished:
        return await self.finished(await self.submit(await self.execution(flow, **fields), task_id))

    async def inner_facts(self, run: str) -> list[InnerTaskReported]:
        """What was told of tasks inside a WorkingDirectory."""
        id_ = run.rpartition("-")[0]
        loaded = await self.database.journal.load([id_], [id_])
        return [row.fact for row in loaded.facts.get(id_, ()) if isinstance(row.fact, InnerTaskReported)]

    async def facts(self, run: str) -> list[Fact]:
        """What the inbox of the execution says about a task run."""
        id_ = run.rpartition("-")[0]
        loaded = await self.database.journal.load([id_], [id_])
        facts = [row.fact for row in loaded.facts.get(id_, ())]
        return [fact for fact in facts if not isinstance(fact, Created) and fact.task_run_id == run]

    async def finished(self, run: str, seconds: float = 10) -> TaskFinished:
        async def ends() -> list[Fact]:
            return [fact for fact in await self.facts(run) if isinstance(fact, TaskFinished)]

        return (await self.until(ends, seconds))[0]

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> Any:
        async with asyncio.timeout(seconds):
            while True:
                found = condition()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.005)

    async def held(self) -> set[str]:
        """All task runs in workers' hands."""
        ids = [await self.jobs.held_by(lease.worker_id) for lease in await self.jobs.workers()]
        return set(itertools.chain.from_iterable(ids))

    async def lines(self, run: str) -> list[str]:
        entries, _ = await self.database.logs.lines(LogQuery(tenant="main", task_run_id=run))
        assert len({entry.id for entry in entries}) == len(entries)
        ordered = sorted(entries, key=lambda entry: int(entry.id.rpartition(":")[2]))
        return [f"{entry.level} {entry.message}" for entry in ordered]

    async def outputs(self, run: str) -> Any:
        return msgspec.json.decode((await self.database.outputs.get_many([run]))[run])

    async def store_file(self, uri: str, content: bytes) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        await self.storage.put("main", uri, chunks())


@contextlib.asynccontextmanager
async def open_stage(folder: Path, **controller: Any) -> AsyncIterator[Stage]:
    stage = Stage(folder, **controller)
    await stage.start()
    try:
        yield stage
    finally:
        await stage.stop()
