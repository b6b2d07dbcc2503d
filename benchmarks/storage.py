"""How many rows a second each database takes on the hot path, in batches of 100.

``python -m benchmarks.storage [rounds] [stored executions before the start]`` prints the medians of both
databases: executions created, loaded, moved on (execution, task run, job, log line, fact), claimed, finished.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from segue.adapters.databases.sql import SqlDatabase
from segue.domain.execution.facts import TaskFinished
from segue.domain.execution.jobs import Job
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import Attempt, TaskRun
from segue.domain.labels import Label
from segue.ports.clock import SystemIds
from segue.ports.repositories.database import Database
from segue.ports.repositories.jobs import Report, Result, WorkerLease
from segue.ports.repositories.journal import Change, InlineOutputs
from segue.testing.servers import MissingServerError, PostgresServer

T = TypeVar("T")

BATCH = 100
FLOW = FlowKey("main", "company.team", "benchmark", 1)
IDS = SystemIds()


class Stopwatch:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    async def measure(self, step: str, call: Callable[[], Awaitable[T]]) -> T:
        """Await ``call`` and note how long it took."""
        began = time.perf_counter()
        outcome = await call()
        self.seconds.setdefault(step, []).append(time.perf_counter() - began)
        return outcome


async def one_round(database: Database, watch: Stopwatch) -> None:
    """A batch of executions of one task, from the creation to the end."""
    now = datetime.now(UTC)
    created = [
        Execution(id=IDS.new(), flow=FLOW, status=Status.begin(now), created_at=now, labels=(Label("team", "data"),))
        for _ in range(BATCH)
    ]
    ids = [execution.id for execution in created]
    await watch.measure("create", lambda: database.executions.create(created))
    loaded = await watch.measure("load", lambda: database.journal.load(ids, ()))
    starts = [_start(loaded.snapshots[key].execution, loaded.facts[key][0].seq, now) for key in ids]
    lost = await watch.measure("apply", lambda: database.journal.apply(starts))
    assert not lost
    claimed = await watch.measure("claim", lambda: database.jobs.claim("w", ["default"], BATCH, now))
    results = [
        Result(
            item.job.execution_id,
            item.token,
            TaskFinished(item.job.task_run_id, 1, "w", State.SUCCESS, now, now),
            InlineOutputs(item.job.task_run_id, item.job.execution_id, b'{"value":"x"}', "0" * 64),
        )
        for item in claimed
    ]
    report = Report(logs=[_line(item.job.execution_id, now) for item in claimed], results=results)
    woken = await watch.measure("accept", lambda: database.jobs.accept(report))
    assert len(woken) == BATCH
    again = await watch.measure("load (cached)", lambda: database.journal.load(ids, ids))
    ends = [_end(change, again.facts[change.execution.id][0].seq, now) for change in starts]
    await watch.measure("apply (end)", lambda: database.journal.apply(ends))


def _start(execution: Execution, seq: int, now: datetime) -> Change:
    running = msgspec.structs.replace(execution, status=execution.status.to(State.RUNNING, now))
    run = TaskRun(id=f"{execution.id}-0", execution_id=execution.id, task_id="hello", status=Status.begin(now))
    job = Job(task_run_id=run.id, execution_id=execution.id, flow=FLOW, task_id="hello", attempt=1, created_at=now)
    line = _line(execution.id, now)
    return Change(execution=running, new_task_runs=[run], jobs=[job], logs=[line], consumed=[seq])


def _end(start: Change, seq: int, now: datetime) -> Change:
    run, version = start.new_task_runs[0], start.execution.version + 1
    ended = msgspec.structs.replace(
        start.execution, status=start.execution.status.to(State.SUCCESS, now), is_finished=True, version=version
    )
    status = run.status.to(State.SUCCESS, now)
    done = msgspec.structs.replace(run, status=status, attempts=(Attempt(status),))
    return Change(execution=ended, changed_task_runs=[done], consumed=[seq])


def _line(execution_id: str, now: datetime) -> LogEntry:
    return LogEntry(
        id=IDS.new(),
        tenant=FLOW.tenant,
        namespace=FLOW.namespace,
        flow_id=FLOW.flow_id,
        at=now,
        level=LogLevel.INFO,
        message="Hello from a log line of the usual length, with an id or two in it.",
        execution_id=execution_id,
        task_id="hello",
    )


async def fill(database: Database, count: int) -> None:
    """Store finished executions, so that the figures are those of a database in use."""
    past = datetime.now(UTC) - timedelta(days=1)
    for _ in range(0, count, 1000):
        status = Status.begin(past).to(State.SUCCESS, past)
        await database.executions.create(
            [Execution(id=IDS.new(), flow=FLOW, status=status, created_at=past, is_finished=True) for _ in range(1000)]
        )
        rows = await database.journal.waiting(datetime.now(UTC) + timedelta(minutes=1), 1000)
        facts = (await database.journal.load(rows, rows)).facts
        await database.journal.forget([fact.seq for found in facts.values() for fact in found])


async def run(url: str, rounds: int, stored: int) -> dict[str, float]:
    """Rows a second by step: medians."""
    database = SqlDatabase(url)
    await database.start()
    try:
        await fill(database, stored)
        lease = WorkerLease(worker_id="w", name="w", worker_queues=(), slots=BATCH, expires_at=datetime.now(UTC))
        await database.jobs.renew([lease])
        warm, watch = Stopwatch(), Stopwatch()
        for _ in range(10):
            await one_round(database, warm)
        for _ in range(rounds):
            await one_round(database, watch)
    finally:
        await database.stop()
    return {step: BATCH / statistics.median(seconds) for step, seconds in watch.seconds.items()}


def main() -> None:
    """Both databases."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    stored = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = asyncio.run(run(f"sqlite:///{Path(folder) / 'data.db'}", rounds, stored))
    try:
        with PostgresServer() as server:
            figures["postgresql"] = asyncio.run(run(server.new_database(), rounds, stored))
    except MissingServerError as error:
        print(f"postgresql left out: {error}")
    for database, steps in figures.items():
        total = 1 / sum(1 / rate for rate in steps.values())
        print(f"{database}: {total:,.0f} executions of one task a second in all")
        for step, rate in steps.items():
            print(f"  {step:<14} {rate:>10,.0f} rows/s  {BATCH / rate * 1000:>7.2f} ms a batch")


if __name__ == "__main__":
    main()
