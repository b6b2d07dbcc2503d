"""One task alone: the parts of a worker and of a controller without a network, an engine and a server.

Behind ``segue.sdk.testing``. The database, the storage and the cipher are the real ones, in a temporary folder.
"""

import asyncio
import base64
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel

from segue.adapters.databases.sql import SqlDatabase
from segue.adapters.queues.memory import MemoryQueue
from segue.adapters.secrets.aes import AesCipher
from segue.adapters.storages.local import LocalStorage
from segue.api.documents import RestDocuments
from segue.bootstrap.expressions import expression_engine
from segue.bootstrap.rendering import http_function
from segue.config import Configuration
from segue.domain.encrypted import is_encrypted
from segue.domain.execution.context import execution_roots, format_instant
from segue.domain.execution.insights import InsightKind, InsightState
from segue.domain.execution.jobs import Job
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.places import execution_folder
from segue.domain.execution.state import State, Status
from segue.domain.flow import parse_flow
from segue.domain.flow.source import read_document
from segue.domain.kv import content_of
from segue.domain.namespaces import NamespaceAccess
from segue.expr import SecretValue
from segue.plugins.registry import PluginRegistry
from segue.ports.clock import SystemClock, SystemIds
from segue.ports.rendering import machine_services
from segue.ports.repositories.file_access import FileAccess
from segue.ports.repositories.file_tree import NamespaceFiles
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.kv import KvQuery, KvWrite
from segue.ports.repositories.paging import PageRequest
from segue.ports.repositories.values import ValueSource
from segue.proto.generated import worker_pb2 as pb
from segue.sdk.property import Property
from segue.sdk.runner import TaskRunner
from segue.sdk.task import Task
from segue.sdk.testing import Given, LogLine, Measured, Shown, TaskOutcome
from segue.services.controller import ControllerConfig, ControllerPorts
from segue.services.controller.contexts import fill_job
from segue.services.controller.loopback import Loopback
from segue.services.worker import WorkerConfig
from segue.services.worker.control import Connected, Control, Terms
from segue.services.worker.runner import Runner

TENANT, NAMESPACE, FLOW = "main", "company.team", "task-alone"
_TASK = "task"
_MOST_KEYS = 10_000


async def run_alone(task: Task | Mapping[str, Any] | str, given: Given) -> TaskOutcome:
    """See ``segue.sdk.testing.run_task``."""
    registry = PluginRegistry()
    for plugin in (*([type(task)] if isinstance(task, Task) else []), *given.get("plugins", ())):
        registry.add(plugin)
    definition = _definition(task)
    variables = dict(given.get("variables", {}))
    source = msgspec.json.encode(
        {"id": FLOW, "namespace": NAMESPACE, "variables": variables.pop("vars", {}), "tasks": [definition]}
    ).decode()
    parse_flow(source, registry).valid_flow()
    with tempfile.TemporaryDirectory(prefix="segue-task-", dir=given.get("folder")) as folder:
        async with _open(Path(folder), given.get("secrets", {})) as bench:
            await bench.fill(source, given)
            return await bench.run(definition["id"], variables, registry, given.get("kill_after"))


class GivenSecrets:
    """Secrets in a map: implements ``SecretStore``."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    async def read(self, tenant: str, namespace: str, key: str) -> SecretValue | None:  # noqa: ARG002  one for all
        """The secret of this name."""
        return SecretValue(self._values[key]) if key in self._values else None

    async def keys(self, tenant: str, namespace: str) -> list[str]:  # noqa: ARG002  one for all
        """Their names."""
        return sorted(self._values)


class Bench:
    """A controller's ports over a folder, and one execution."""

    def __init__(self, folder: Path, given: Mapping[str, str]) -> None:
        self.database = SqlDatabase(f"sqlite:///{folder / 'segue.db'}")
        self.storage = LocalStorage(folder / "storage")
        self.queue = MemoryQueue()
        self.cipher = AesCipher(base64.b64encode(secrets.token_bytes(32)).decode())
        clock = SystemClock()
        self.files = NamespaceFiles(self.database.namespace_files, self.storage, clock)
        self._values = ValueSource(
            kv=self.database.kv,
            files=self.files,
            storage=self.storage,
            logs=self.database.logs,
            secrets=GivenSecrets(given),
            access=FileAccess(self.database.executions, NamespaceAccess.ANCESTORS),
            clock=clock,
            cipher=self.cipher,
        )
        self._ports = ControllerPorts(
            jobs=self.database.jobs,
            executions=self.database.executions,
            outputs=self.database.outputs,
            flows=self.database.flows,
            triggers=self.database.triggers,
            storage=self.storage,
            queue=self.queue,
            clock=clock,
            values=self._values,
            documents=RestDocuments(),
        )
        self._flow = FlowKey(TENANT, NAMESPACE, FLOW, 1)
        now = datetime.now(UTC)
        status = Status.begin(now)
        self._execution = Execution(id=SystemIds().new(), flow=self._flow, status=status, created_at=now)
        self._inputs: dict[str, str] = {}

    async def fill(self, source: str, given: Given) -> None:
        """Store the flow, an execution of it, files and values."""
        now = datetime.now(UTC)
        await self.database.flows.save(
            StoredFlow(tenant=TENANT, namespace=NAMESPACE, id=FLOW, revision=0, source=source, updated_at=now)
        )
        await self.database.executions.create([self._execution])
        for name, content in given.get("files", {}).items():
            uri = f"{execution_folder(self._flow, self._execution.id)}inputs/{name}/{name}"
            self._inputs[name] = (await self.storage.put(TENANT, uri, _once(content))).uri
        for path, content in given.get("namespace_files", {}).items():
            await self.files.write(TENANT, NAMESPACE, path, _once(content))
        for key, value in given.get("kv", {}).items():
            write = KvWrite(tenant=TENANT, namespace=NAMESPACE, key=key, content=content_of(value), at=now)
            await self.database.kv.put(write)

    async def run(
        self, task_id: str, variables: dict[str, Any], registry: PluginRegistry, kill_after: timedelta | None
    ) -> TaskOutcome:
        """Run the task to its end."""
        configuration, loopback, settings = Configuration(), Loopback(self._ports), ControllerConfig()
        control = Control()
        terms = Terms(settings.inline_output_bytes, settings.chunk_bytes, b"{}", settings.dialect)
        control.attach(Connected(loopback, ()), terms)  # type: ignore[arg-type]  # has the stub's calls
        news, loop = asyncio.Event(), asyncio.get_running_loop()
        runner = Runner(
            WorkerConfig(endpoints=()),
            control,
            registry,
            expression_engine(configuration),
            replace(machine_services(), http=http_function(configuration)),
            partial(_wake, loop, news),
        )
        outputs = variables.pop("outputs", {})
        job = self._job(task_id)
        held = loopback.hold(job, token := secrets.token_hex(16))
        message = pb.Job()
        fill_job(message, job, token, self._context(variables))
        for name, value in outputs.items():
            message.outputs.add(
                task_id=name, task_run_id=f"{job.execution_id}-{name}", inline=msgspec.json.encode(value)
            )
        runner.take([message])
        if kill_after is not None:
            loop.call_later(kill_after.total_seconds(), runner.kill, [token])
        try:
            told = await _ended(runner, news)
        finally:
            runner.abandon()
        return await self._outcome(told, {uri: await self._content(uri) for uri in held.files})

    def _job(self, task_id: str) -> Job:
        return Job(
            task_run_id=f"{self._execution.id}-0",
            execution_id=self._execution.id,
            flow=self._flow,
            task_id=task_id,
            attempt=1,
            created_at=datetime.now(UTC),
        )

    def _context(self, variables: Mapping[str, Any]) -> bytes:
        roots = execution_roots(self._execution)
        roots["taskrun"] = {
            "id": f"{self._execution.id}-0",
            "startDate": format_instant(datetime.now(UTC)),
            "attemptsCount": 0,
        }
        inputs = {**self._inputs, **variables.get("inputs", {})}
        return msgspec.json.encode({**roots, **variables, **({"inputs": inputs} if inputs else {})}, enc_hook=str)

    async def _content(self, uri: str) -> bytes:
        return b"".join([chunk async for chunk in self.storage.get(TENANT, uri)])

    async def _outcome(self, told: list[pb.ReportBatch], files: dict[str, bytes]) -> TaskOutcome:
        result = next(result for batch in told for result in batch.results)
        raw = result.outputs or files.get(result.stored_outputs.uri) or b"{}"
        outputs = msgspec.json.decode(raw)
        everything = KvQuery(tenant=TENANT, namespaces=(NAMESPACE,), page=PageRequest(1, _MOST_KEYS))
        entries = (await self.database.kv.search(everything)).items
        return TaskOutcome(
            state=State(result.state),
            message=result.message or None,
            outputs=outputs,
            plain_outputs=self._plain(outputs),
            logs=[LogLine(LogLevel(line.level), line.message) for batch in told for line in batch.logs],
            metrics=[
                Measured(one.type, one.name, one.value, dict(one.tags)) for batch in told for one in batch.metrics
            ],
            insights=_shown(told),
            files=files,
            kv={entry.key: entry.content.native for entry in entries},
            namespace_files={
                file.path: await self._content(file.uri)
                for file in await self.files.below(TENANT, NAMESPACE)
                if not file.is_folder
            },
        )

    def _plain(self, value: Any) -> Any:
        if is_encrypted(value):
            return self.cipher.decrypt(value["value"])
        if isinstance(value, dict):
            return {key: self._plain(item) for key, item in value.items()}
        return [self._plain(item) for item in value] if isinstance(value, list) else value


@asynccontextmanager
async def _open(folder: Path, given: Mapping[str, str]) -> AsyncIterator[Bench]:
    bench = Bench(folder, given)
    parts = (bench.database, bench.storage, bench.queue)
    for part in parts:
        await part.start()
    try:
        yield bench
    finally:
        for part in reversed(parts):
            await part.stop()


def _wake(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    loop.call_soon_threadsafe(news.set)


async def _ended(runner: Runner, news: asyncio.Event) -> list[pb.ReportBatch]:
    """All reports, once the result is among them."""
    told: list[pb.ReportBatch] = []
    while not any(batch.results for batch in told):
        await news.wait()
        news.clear()
        while (batch := runner.spool.next_batch()) is not None:
            told.append(batch)
            runner.acknowledged(batch.number)
    return told


def _shown(told: list[pb.ReportBatch]) -> list[Shown]:
    latest = {one.number: one for batch in told for one in batch.insights}
    return [
        Shown(
            kind=InsightKind(one.kind),
            name=one.name,
            content=msgspec.json.decode(one.content),
            state=InsightState(one.state) if one.state else None,
            within=latest[one.parent].name if one.HasField("parent") else None,
        )
        for _, one in sorted(latest.items())
    ]


def _definition(task: Task | Mapping[str, Any] | str) -> dict[str, Any]:
    """The task as a map of its YAML, with an id."""
    if isinstance(task, Task):
        found: dict[str, Any] = {"type": task.type, **_written(task)}
    elif isinstance(task, str):
        found = dict(read_document(task).data)
    else:
        found = {key: _written(value) for key, value in task.items()}
    return {"id": _TASK} | found


def _written(value: Any) -> Any:
    """What stands in YAML for a value of a property."""
    if isinstance(value, Property):
        return _written(value.raw)
    if isinstance(value, BaseModel):
        fields = {name: info.alias or name for name, info in type(value).model_fields.items()}
        given = {fields[name]: _written(getattr(value, name)) for name in fields if name in value.model_fields_set}
        return {"type": value.type, **given} if isinstance(value, TaskRunner) else given
    if isinstance(value, Mapping):
        return {str(key): _written(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_written(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, str | int | float | bool) else msgspec.to_builtins(value)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
