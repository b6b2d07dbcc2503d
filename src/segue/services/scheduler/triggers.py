"""Schedules: one wait for the next due date, and no leader (design D7).

Any number of these may run on one database. Each claims what is due, decides in memory, and writes states and
executions in one transaction; a claim that was lost, by a crash or to somebody who changed the trigger, writes
nothing, and the trigger is due again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from segue.domain.errors import DefinitionError, NotFoundError, UnavailableError
from segue.domain.trigger.evaluation import Outcome, settle
from segue.domain.trigger.state import TriggerKind, TriggerState
from segue.ports.queue import Channel, Topic
from segue.ports.repositories.triggers import TriggerTurn
from segue.services.lifecycle import Service
from segue.services.scheduler.config import TriggerConfig, TriggerPorts
from segue.services.scheduler.evaluation import Evaluation
from segue.services.scheduler.workers import WorkerTriggers

logger = logging.getLogger(__name__)

_KINDS = tuple(TriggerKind)
_SCHEDULES = (TriggerKind.SCHEDULE,)
_LAST_BATCH = 5.0
_IN_A_ROW = 20
"""Triggers that are evaluated before others have their turn in the event loop: some milliseconds."""


class Triggers(Service):
    """Starts executions at the dates of their triggers."""

    name = "triggers"

    def __init__(self, ports: TriggerPorts, config: TriggerConfig | None = None) -> None:
        super().__init__()
        self._ports = ports
        self._config = config or TriggerConfig()
        self._evaluation = Evaluation(ports, self._config)
        self._workers = WorkerTriggers(ports, self._config)
        self._next: datetime | None = None
        self._sooner = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_leaving = False

    async def on_start(self) -> None:
        """Begin to wait."""
        self.spawn(self._listen, "listen")
        self.spawn(self._wait, "wait")
        self.spawn(self._prepare, "prepare")

    async def on_stop(self) -> None:
        """Finish the batch at hand, so that nobody has to wait for its claims."""
        self._is_leaving = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_BATCH):
                await self._is_idle.wait()

    async def _listen(self) -> None:
        async with self._ports.queue.listen(Channel.TRIGGERS) as news:
            async for dates in news:
                if not dates or any(self._is_sooner(date) for date in dates):
                    self._sooner.set()

    def _is_sooner(self, date: str) -> bool:
        return self._next is None or datetime.fromisoformat(date) < self._next

    async def _wait(self) -> None:
        while not self._is_leaving:
            self._sooner.clear()
            self._next = None  # whatever is heard during a look is a reason for another one
            self._is_idle.clear()
            try:
                count = await self.look()
            finally:
                self._is_idle.set()
            self.recovered()
            if count:
                continue
            self._next = await self._ports.triggers.next_due(_KINDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._sooner.wait()

    def _pause(self) -> float:
        longest = self._config.longest_pause
        if self._next is None:
            return longest
        until = (self._next - self._ports.clock.now()).total_seconds()
        return min(max(until, 0.001), longest)

    async def _prepare(self) -> None:
        """Read the flows of triggers that will be due soon."""
        ports, config = self._ports, self._config
        while True:
            before = ports.clock.now() + timedelta(seconds=config.prepare_ahead)
            for state in await ports.triggers.upcoming(before, config.prepared, _SCHEDULES):
                if ports.catalog.cached(state.flow) is None:
                    with contextlib.suppress(NotFoundError, DefinitionError):
                        await ports.catalog.by_key(state.flow)
            await asyncio.sleep(config.prepare_every)

    async def look(self) -> int:
        """Settle what came of triggers that workers evaluate, claim a batch of what is due now, and start what they
        say; how many triggers that were."""
        return await self._settle() + await self._look()

    async def _settle(self) -> int:
        now = self._ports.clock.now()
        waiting = await self._ports.triggers.outcomes(self._config.batch_size)
        turns = [turn for state, told in waiting if (turn := await self._settled(state, told, now)) is not None]
        return await self._write(turns)

    async def _settled(self, state: TriggerState, outcomes: Sequence[Outcome], now: datetime) -> TriggerTurn | None:
        try:
            return await self._workers.settle(state, outcomes, now)
        except UnavailableError:
            raise
        except Exception:
            logger.exception("what came of trigger %s cannot be used and is given up", state.key.uid)
            over = settle(state, outcomes, now).state
            return TriggerTurn(state=over, outcomes=[outcome.id for outcome in outcomes])

    async def _look(self) -> int:
        now = self._ports.clock.now()
        until = now + timedelta(seconds=self._config.lease)
        claimed = await self._ports.triggers.claim(now, until, self._config.batch_size, _KINDS)
        turns = []
        for number, state in enumerate(claimed, 1):
            if (turn := await self._decide(state, now)) is not None:
                turns.append(turn)
            if number % _IN_A_ROW == 0:
                await asyncio.sleep(0)
        await self._write(turns)
        return len(claimed)

    async def _write(self, turns: Sequence[TriggerTurn]) -> int:
        """Write turns and tell of them; how many were written: not those that somebody else was faster with."""
        if not turns:
            return 0
        lost = await self._ports.triggers.apply(turns)
        written = [turn for turn in turns if turn.state.key.uid not in lost]
        await self._publish(written)
        return len(written)

    async def _decide(self, state: TriggerState, now: datetime) -> TriggerTurn | None:
        """What is to be written for one trigger; None when that fails, so that it is tried again after the claim."""
        try:
            if state.kind is TriggerKind.SCHEDULE:
                return await self._evaluation.evaluate(state, now)
            return await self._workers.send(state, now)
        except UnavailableError:
            raise
        except Exception:
            logger.exception("trigger %s cannot be evaluated and is tried again", state.key.uid)
            return None

    async def _publish(self, turns: Sequence[TriggerTurn]) -> None:
        """Wake executors and controllers; what is not heard is found in the database later (design D2)."""
        started = [new.execution.id for turn in turns for new in turn.executions]
        try:
            await self._ports.queue.publish(Topic.EXECUTIONS, started)
            queues = sorted({job.worker_queue for turn in turns for job in turn.jobs})
            if queues:
                await self._ports.queue.broadcast(Channel.JOBS, queues)
        except UnavailableError as error:
            logger.warning("%d executions wait for the reconciler: %s", len(started), error)
