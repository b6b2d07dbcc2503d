"""Jobs a second through a controller on SQLite and a worker in a process of its own.

``python -m benchmarks worker [jobs] [window ...]``: ``window`` jobs are open at any moment. Prints the rate
and the processor time of each process for a job; that of the first one includes the making of the jobs
and the reading of results.
"""

import asyncio
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from segue.adapters.databases.sql import SqlDatabase
from segue.adapters.queues.memory import MemoryQueue
from segue.adapters.storages.local import LocalStorage
from segue.api.documents import RestDocuments
from segue.domain.execution.jobs import Job
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.state import Status
from segue.domain.namespaces import NamespaceAccess
from segue.ports.clock import SystemClock, SystemIds
from segue.ports.queue import Channel, Topic
from segue.ports.repositories.file_access import FileAccess
from segue.ports.repositories.file_tree import NamespaceFiles
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.journal import Change
from segue.ports.repositories.values import ValueSource
from segue.ports.secrets import NoSecrets
from segue.services.controller import Controller, ControllerConfig, ControllerPorts

SOURCE = """id: bench
namespace: bench
tasks:
  - id: a
    type: io.kestra.plugin.core.output.OutputValues
    values:
      who: "{{ inputs.who }}"
  - id: b
    type: io.kestra.plugin.core.log.Log
    message: "Hello {{ inputs.who }} {{ execution.id }}"
"""
CONTEXT = b'{"taskrun":{"id":"x","startDate":"2024-01-01T00:00:00Z","attemptsCount":0}}'


class Load:
    """Makes executions with two jobs each, and counts what came back."""

    def __init__(self, database: SqlDatabase, queue: MemoryQueue, flow: FlowKey) -> None:
        self._database = database
        self._queue = queue
        self._flow = flow
        self._ids = SystemIds()

    async def run(self, jobs: int, window: int) -> float:
        """Seconds until all of ``jobs`` have ended."""
        began, sent, done = time.perf_counter(), 0, 0
        async with self._queue.consume(Topic.EXECUTIONS, 10_000) as wake_ups:
            sent += await self._send(min(window, jobs))
            while done < jobs:
                ids = await anext(wake_ups)
                loaded = await self._database.journal.load(ids, ids)
                ended = sum(len(facts) for facts in loaded.facts.values())
                await self._database.journal.forget([fact.seq for facts in loaded.facts.values() for fact in facts])
                done += ended
                sent += await self._send(min(ended, jobs - sent))
        return time.perf_counter() - began

    async def _send(self, count: int) -> int:
        now = datetime.now(UTC)
        rows = [
            Execution(
                id=self._ids.new(),
                flow=self._flow,
                status=Status.begin(now),
                created_at=now,
                inputs={"who": "World"},
            )
            for _ in range((count + 1) // 2)
        ]
        if not rows:
            return 0
        await self._database.executions.create(rows)
        loaded = await self._database.journal.load([row.id for row in rows], [])
        await self._database.journal.forget([f.seq for facts in loaded.facts.values() for f in facts])
        changes = [
            Change(
                execution=row,
                jobs=[
                    Job(
                        task_run_id=f"{row.id}-{number}",
                        execution_id=row.id,
                        flow=self._flow,
                        task_id=task,
                        attempt=0,
                        created_at=now,
                        context=CONTEXT,
                    )
                    for number, task in enumerate("ab")
                ],
            )
            for row in rows
        ]
        await self._database.journal.apply(changes)
        await self._queue.broadcast(Channel.JOBS, ["default"])
        return 2 * len(rows)


async def control(jobs: int, windows: list[int], folder: Path) -> None:
    """The control plane's process."""
    database, queue = SqlDatabase(f"sqlite:///{folder / 'bench.db'}"), MemoryQueue()
    await database.start()
    await queue.start()
    storage, clock = LocalStorage(folder / "storage"), SystemClock()
    ports = ControllerPorts(
        jobs=database.jobs,
        executions=database.executions,
        outputs=database.outputs,
        flows=database.flows,
        triggers=database.triggers,
        storage=storage,
        queue=queue,
        clock=clock,
        values=ValueSource(
            kv=database.kv,
            files=NamespaceFiles(database.namespace_files, storage, clock),
            storage=storage,
            logs=database.logs,
            secrets=NoSecrets(),
            access=FileAccess(database.executions, NamespaceAccess.ALL),
            clock=clock,
        ),
        documents=RestDocuments(),
    )
    controller = Controller(ports, ControllerConfig())
    await controller.start()
    stored = StoredFlow(
        tenant="main", namespace="bench", id="bench", revision=0, source=SOURCE, updated_at=datetime.now(UTC)
    )
    flow = (await database.flows.save(stored)).key
    worker = await asyncio.create_subprocess_exec(sys.executable, __file__, "--worker", controller.address)
    try:
        load = Load(database, queue, flow)
        await load.run(400, 64)
        for window in windows:
            own, its = _own_seconds(), _seconds_of(worker.pid)
            seconds = await load.run(jobs, window)
            own, its = _own_seconds() - own, _seconds_of(worker.pid) - its
            print(
                f"window {window:4}: {jobs / seconds:6.0f} jobs/s; "
                f"control plane {own / jobs * 1e3:.3f} ms and worker {its / jobs * 1e3:.3f} ms of CPU a job"
            )
    finally:
        worker.terminate()
        await worker.wait()
        await controller.stop()
        await queue.stop()
        await database.stop()


async def work(address: str) -> None:
    """The worker's process."""
    from segue.plugins.registry import PluginRegistry
    from segue.services.worker import Worker, WorkerConfig

    await Worker(WorkerConfig(endpoints=(address,)), PluginRegistry(installed=False)).start()
    await asyncio.Event().wait()


def _own_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(arguments: list[str]) -> int:
    """See the module."""
    if arguments[:1] == ["--worker"]:
        uvloop.run(work(arguments[1]))
        return 0
    numbers = [int(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(control(numbers[0] if numbers else 4000, numbers[1:] or [2, 16, 128], Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
