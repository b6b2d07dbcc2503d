"""Schedulers over a real database, with a clock that the test moves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from segue.adapters.databases.sql import SqlDatabase
from segue.adapters.queues.memory import MemoryQueue
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.flow.parse import parse_flow
from segue.domain.trigger.registration import registration_of
from segue.domain.trigger.state import TriggerKey, TriggerState
from segue.expr import Engine
from segue.plugins.registry import PluginRegistry
from segue.ports.rendering import machine_services
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.flow_expressions import FlowExpressions
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.journal import Change
from segue.ports.repositories.paging import PageRequest
from segue.ports.repositories.triggers import TriggerRepository
from segue.services.scheduler import TriggerConfig, TriggerPorts, Triggers

BEGIN = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
TYPES = PluginRegistry()


class Clock:
    """The time, as far as the test says."""

    def __init__(self) -> None:
        self.time = BEGIN

    def now(self) -> datetime:
        """See ``segue.ports.clock.Clock``."""
        return self.time

    def move(self, **amount: float) -> datetime:
        """Let time pass."""
        self.time += timedelta(**amount)
        return self.time


class Stage:
    """A database with flows, and as many schedulers as are asked for."""

    def __init__(self, database: SqlDatabase) -> None:
        self.database = database
        self.clock = Clock()
        self.queue = MemoryQueue()
        self.catalog = FlowCatalog(database.flows, TYPES, capacity=5000, clock=self.clock)

    def scheduler(self, triggers: TriggerRepository | None = None, config: TriggerConfig | None = None) -> Triggers:
        """A scheduler; it looks when the test says so."""
        ports = TriggerPorts(
            triggers=triggers or self.database.triggers,
            catalog=self.catalog,
            expressions=FlowExpressions(Engine(), machine_services(self.clock), None, {}),
            queue=self.queue,
            clock=self.clock,
        )
        return Triggers(ports, config)

    async def save(self, source: str) -> StoredFlow:
        """Save a flow as the API does."""
        flow = parse_flow(source, TYPES).valid_flow()
        stored = StoredFlow(
            tenant="main",
            namespace=flow.namespace,
            id=flow.id,
            revision=0,
            source=source,
            updated_at=self.clock.now(),
            disabled=flow.disabled,
        )
        return await self.database.flows.save(stored, triggers=registration_of(flow, self.clock.now()))

    async def look(self, scheduler: Triggers | None = None) -> int:
        """Let a scheduler look until nothing is due; at how many triggers it looked."""
        scheduler, total = scheduler or self.scheduler(), 0
        while count := await scheduler.look():
            total += count
        return total

    async def state(self, flow_id: str = "hello", trigger_id: str = "t") -> TriggerState:
        """The state of a trigger."""
        found = await self.database.triggers.get(TriggerKey("main", "n", flow_id, trigger_id))
        assert found is not None
        return found

    async def executions(self, flow_id: str | None = "hello") -> list[Execution]:
        """All executions of a flow, by id and so by date."""
        query = ExecutionQuery(tenant="main", flow_id=flow_id, page=PageRequest(size=1))
        found: list[Execution] = []
        while some := await self.database.executions.scan(query, found[-1].id if found else "", 10_000):
            found += some
        return found

    async def end(self, executions: Sequence[Execution], state: State = State.SUCCESS, *, stops: bool = False) -> None:
        """End executions as the executor does."""
        for execution in executions:
            over = msgspec.structs.replace(
                execution, status=execution.status.to(state, self.clock.now()), is_finished=True
            )
            key = TriggerKey("main", "n", execution.flow.flow_id, execution.trigger.id if execution.trigger else "")
            change = Change(execution=over, frees_trigger=self.clock.now(), stops_trigger=key if stops else None)
            assert await self.database.journal.apply([change]) == frozenset()


@asynccontextmanager
async def staged(url: str) -> AsyncIterator[Stage]:
    """A stage over an empty database."""
    database = SqlDatabase(url)
    await database.start()
    stage = Stage(database)
    await stage.queue.start()
    yield stage
    await stage.queue.stop()
    await database.stop()


def dates_of(executions: Sequence[Execution]) -> list[str]:
    """The dates of the trigger in executions."""
    return [each.trigger.variables["date"] for each in executions if each.trigger is not None]


def flow(trigger: str, more: str = "", flow_id: str = "hello") -> str:
    """A flow with a trigger whose properties are given."""
    return f"""
id: {flow_id}
namespace: n
triggers:
  - id: t
    type: io.kestra.plugin.core.trigger.Schedule
{trigger}
tasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: m}}]
{more}"""
