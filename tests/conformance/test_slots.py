"""Many executions, few slots, two executors on one database: the limit holds at every moment, and all of them end."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segue.adapters.databases.sql import SqlDatabase
from segue.adapters.queues.memory import MemoryQueue
from segue.adapters.secrets.environment import EnvironmentSecrets
from segue.adapters.storages.local import LocalStorage
from segue.domain.execution.creation import StartRequest, create_execution
from segue.domain.execution.facts import KillRequested, TaskFinished
from segue.domain.execution.state import State
from segue.domain.namespaces import NamespaceAccess
from segue.expr import Engine
from segue.ports.clock import SystemClock
from segue.ports.queue import Topic
from segue.ports.rendering import system_renderer
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.file_access import FileAccess
from segue.ports.repositories.file_tree import NamespaceFiles
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.jobs import Report, Result
from segue.ports.repositories.journal import InlineOutputs
from segue.ports.repositories.paging import PageRequest
from segue.ports.repositories.values import ValueSource
from segue.services.executor import Executor, ExecutorPorts
from segue.services.maintenance.reconciler import Reconciler
from segue.services.maintenance.slots import SlotKeeper
from segue.testing.servers import PostgresServer
from segue.testing.world import AnyType

LIMIT = 3
SOURCE = f"""
id: crowded
namespace: n
concurrency: {{limit: {LIMIT}}}
tasks: [{{id: a, type: x.Log}}, {{id: b, type: x.Log}}]
afterExecution: [{{id: c, type: x.Log}}]
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlDatabase]:
    url = f"sqlite:///{tmp_path / 'data.db'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.new_database()
    database = SqlDatabase(url)
    await database.start()
    yield database
    await database.stop()


class Crowd:
    """Two executors, a worker, and somebody who counts."""

    def __init__(self, database: SqlDatabase, folder: Path) -> None:
        self.database = database
        self.queue = MemoryQueue()
        self.storage = LocalStorage(folder / "storage")
        clock, self.catalog = SystemClock(), FlowCatalog(database.flows, AnyType())
        ports = ExecutorPorts(
            journal=database.journal,
            queue=self.queue,
            catalog=self.catalog,
            storage=self.storage,
            clock=clock,
            renderer=system_renderer(Engine(), clock),
            slots=database.slots,
            followers=database.followers,
            values=ValueSource(
                kv=database.kv,
                files=NamespaceFiles(database.namespace_files, self.storage, clock),
                storage=self.storage,
                logs=database.logs,
                secrets=EnvironmentSecrets({}, "SECRET_"),
                access=FileAccess(database.executions, NamespaceAccess.ANCESTORS),
                clock=clock,
                cipher=None,
            ),
        )
        self.services = [
            Executor(ports),
            Executor(ports),
            Reconciler(database.journal, self.queue, clock),
            SlotKeeper(database.slots, self.queue, interval=0.5),
        ]
        self.dice = random.Random(7)
        self.most = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.storage.start()
        await self.queue.start()
        for service in self.services:
            await service.start()
        duties = [asyncio.create_task(self.work()), asyncio.create_task(self.count())]
        try:
            yield
        finally:
            for duty in duties:
                duty.cancel()
            outcomes = await asyncio.gather(*duties, return_exceptions=True)
            for service in (*self.services, self.queue, self.storage):
                await service.stop()
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes

    async def start(self, count: int) -> list[str]:
        await self.database.flows.save(
            StoredFlow(
                tenant="main", namespace="n", id="crowded", revision=0, source=SOURCE, updated_at=datetime.now(UTC)
            )
        )
        flow = await self.catalog.latest("main", "n", "crowded")
        made = [create_execution(flow, StartRequest(), f"e{number:03}", datetime.now(UTC)) for number in range(count)]
        await self.database.executions.create(made)
        ids = [each.id for each in made]
        for execution_id in ids:
            await self.queue.publish(Topic.EXECUTIONS, [execution_id])
        return ids

    async def work(self) -> None:
        while True:
            claimed = await self.database.jobs.claim("w", ["default"], 10, datetime.now(UTC))
            await asyncio.sleep(0.005 * self.dice.random())
            now = datetime.now(UTC)
            results = [
                Result(
                    each.job.execution_id,
                    each.token,
                    TaskFinished(each.job.task_run_id, each.job.attempt, "w", State.SUCCESS, now, now),
                    InlineOutputs(each.job.task_run_id, each.job.execution_id, b"{}", "d"),
                )
                for each in claimed
            ]
            if results:
                await self.queue.publish(Topic.EXECUTIONS, await self.database.jobs.accept(Report(results=results)))

    async def count(self) -> None:
        """How many run at once, by the rows; what runs holds a slot."""
        query = ExecutionQuery(tenant="main", states=(State.RUNNING,), page=PageRequest(1, 100))
        while True:
            found = await self.database.executions.search(query)
            self.most = max(self.most, found.total)
            assert found.total <= LIMIT, [each.id for each in found.items]

    async def kill(self, execution_ids: list[str]) -> None:
        for execution_id in execution_ids:
            await asyncio.sleep(0.02 * self.dice.random())
            await self.database.executions.submit([(execution_id, KillRequested(datetime.now(UTC)), "kill")])
            await self.queue.publish(Topic.EXECUTIONS, [execution_id])

    async def ended(self, execution_ids: list[str]) -> list[State]:
        while True:
            found = await self.database.executions.get_many(execution_ids)
            if all(each.is_finished for each in found.values()):
                return [found[each].state for each in execution_ids]
            await asyncio.sleep(0.05)


async def test_the_limit_holds_at_every_moment(database: SqlDatabase, tmp_path: Path) -> None:
    crowd = Crowd(database, tmp_path)
    async with crowd.running(), asyncio.timeout(60):
        ids = await crowd.start(50)
        await crowd.kill(ids[10:40:5])
        states = await crowd.ended(ids)
    assert crowd.most > 0
    assert set(states) <= {State.SUCCESS, State.KILLED}
    assert states.count(State.SUCCESS) >= 44
    (usage,) = await database.slots.usage("main/n/")
    assert (usage.running, usage.queued) == (0, 0)
    queued = [each for each in (await database.executions.get_many(ids)).values() if "QUEUED" in str(each.status)]
    assert len(queued) > 30
