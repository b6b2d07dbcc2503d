"""The ports in dictionaries: what the controller needs when no database is under test."""

import asyncio
import contextlib
import hashlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import UTC, datetime

from segue.domain.errors import IllegalPathError, NotFoundError, UnavailableError
from segue.domain.execution.facts import JobLost
from segue.domain.execution.jobs import Job
from segue.domain.execution.model import Execution, FlowKey
from segue.ports.queue import Channel, Topic
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.jobs import ClaimedJob, Report, WorkerLease
from segue.ports.storage import StoredFile


class MemoryJobs:
    def __init__(self) -> None:
        self.ready_jobs: list[Job] = []
        self.held: dict[str, tuple[str, str, Job]] = {}
        self.logs = {}
        self.metrics = []
        self.facts = []
        self.outputs = {}
        self.leases = {}
        self.away = False
        self.reports = 0
        self._tokens = itertools.count(1)

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("the database is away")

    async def claim(self, worker_id: str, queues: Sequence[str], limit: int, now: datetime) -> list[ClaimedJob]:
        self._check()
        taken, rest = [], []
        for job in self.ready_jobs:
            (taken if job.worker_queue in queues and len(taken) < limit else rest).append(job)
        self.ready_jobs = rest
        claimed = []
        for job in taken:
            token = f"token-{next(self._tokens)}"
            self.held[job.task_run_id] = (worker_id, token, job)
            claimed.append(ClaimedJob(job, token))
        return claimed

    async def accept(self, report: Report) -> list[str]:
        self._check()
        self.reports += 1
        for line in report.logs:
            self.logs.setdefault(line.id, line)
        self.metrics.extend(report.metrics)
        woken = {}
        for execution_id, token, fact in report.started:
            if self.held.get(fact.task_run_id, ("", "", None))[1] == token:
                self.facts.append(fact)
                woken[execution_id] = None
        for result in report.results:
            run = result.fact.task_run_id
            if self.held.get(run, ("", "", None))[1] != result.token:
                continue
            del self.held[run]
            self.facts.append(result.fact)
            if result.outputs:
                self.outputs[run] = result.outputs.payload
            woken[result.execution_id] = None
        return list(woken)

    async def renew(self, leases: Sequence[WorkerLease]) -> None:
        self._check()
        self.leases.update((lease.worker_id, lease) for lease in leases)

    async def release(self, worker_id: str, held: Sequence[str], now: datetime) -> list[str]:
        self._check()
        queues = {}
        for run, (worker, token, job) in list(self.held.items()):
            if worker == worker_id and token not in held:
                del self.held[run]
                self.ready_jobs.append(job)
                queues[job.worker_queue] = None
        return list(queues)

    def _lose(self, worker_id: str, now: datetime) -> list[str]:
        ids = {}
        self.leases.pop(worker_id, None)
        for run, (worker, _, job) in list(self.held.items()):
            if worker == worker_id:
                del self.held[run]
                self.facts.append(JobLost(run, job.attempt, worker_id, None, now))
                ids[job.execution_id] = None
        return list(ids)

    async def expire(self, now: datetime) -> list[str]:
        self._check()
        gone = [lease.worker_id for lease in self.leases.values() if lease.expires_at <= now]
        return [id_ for worker in gone for id_ in self._lose(worker, now)]

    async def end(self, worker_id: str, now: datetime) -> list[str]:
        return self._lose(worker_id, now)

    async def held_by(self, worker_id: str) -> list[str]:
        return [run for run, (worker, _, _) in self.held.items() if worker == worker_id]

    async def ready(self) -> list[str]:
        return list({job.worker_queue for job in self.ready_jobs})

    async def workers(self) -> list[WorkerLease]:
        self._check()
        return list(self.leases.values())


class MemoryExecutions:
    def __init__(self) -> None:
        self.rows: dict[str, Execution] = {}

    async def get_many(self, ids: Sequence[str]) -> dict[str, Execution]:
        return {id_: self.rows[id_] for id_ in ids if id_ in self.rows}

    async def task_runs(self, execution_id: str) -> list:
        return []


class MemoryOutputs:
    def __init__(self, jobs: MemoryJobs) -> None:
        self._jobs = jobs

    async def get_many(self, owner_ids: Sequence[str]) -> dict[str, bytes]:
        return {id_: self._jobs.outputs[id_] for id_ in owner_ids if id_ in self._jobs.outputs}


class MemoryFlows:
    def __init__(self) -> None:
        self.rows: dict[FlowKey, StoredFlow] = {}

    def put(self, key: FlowKey, source: str) -> None:
        self.rows[key] = StoredFlow(
            tenant=key.tenant,
            namespace=key.namespace,
            id=key.flow_id,
            revision=key.revision,
            source=source,
            updated_at=datetime.now(UTC),
        )

    async def get(self, tenant, namespace, flow_id, revision=None, *, drafts=False, deleted=False):
        return self.rows.get(FlowKey(tenant, namespace, flow_id, revision))


class MemoryStorage:
    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}

    async def put(self, tenant: str, uri: str, content: AsyncIterable[bytes]) -> StoredFile:
        data = b"".join([chunk async for chunk in content])
        if ".." in uri:
            raise IllegalPathError(uri)
        self.files[tenant, uri] = data
        return StoredFile(uri, len(data), hashlib.sha256(data).hexdigest())

    async def get(self, tenant: str, uri: str, offset: int = 0) -> AsyncIterator[bytes]:
        data = self.files.get((tenant, uri))
        if data is None:
            raise NotFoundError(f"no file {uri}")
        for start in range(offset, len(data), 1 << 20):
            yield data[start : start + (1 << 20)]


class MemoryQueue:
    def __init__(self) -> None:
        self.published: list[str] = []
        self.woken = asyncio.Event()
        self._listeners = defaultdict(list)

    async def publish(self, topic: Topic, messages: Sequence[str]) -> None:
        self.published.extend(messages)
        self.woken.set()

    async def broadcast(self, channel: Channel, messages: Sequence[str]) -> None:
        for listener in self._listeners[channel]:
            listener.put_nowait(list(messages))

    @contextlib.asynccontextmanager
    async def listen(self, channel: Channel):
        inbox: asyncio.Queue = asyncio.Queue()
        self._listeners[channel].append(inbox)

        async def messages():
            while True:
                yield await inbox.get()

        try:
            yield messages()
        finally:
            self._listeners[channel].remove(inbox)
