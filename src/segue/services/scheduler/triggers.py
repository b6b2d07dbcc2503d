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
from segue.domain.trigger.state import TriggerKind, TriggerState
from segue.ports.queue import Channel
from segue.ports.repositories.triggers import TriggerTurn
from segue.services.lifecycle import Service
from segue.services.scheduler.config import TriggerConfig, TriggerPorts
from segue.services.scheduler.evaluation import Evaluation
from segue.services.scheduler.turns import publish
from segue.services.scheduler.workers import WorkerTriggers

logger = logging.getLogger(__name__)

_KINDS = tuple(TriggerKind)
_LAST_BATCH = 5.0
_OTHERS_CLAIM = 0.005
"""Seconds to wait when all that is due is being claimed by others just now."""
_IN_A_ROW = 20
"""Triggers that are evaluated before others have their turn in the event loop: some milliseconds."""


Decided = tuple[TriggerState, TriggerTurn]
"""A trigger as it was claimed, and what is to be written for it."""


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
            self._next = None  # whatever is told while we ask may be sooner
            self._next = await self._ports.triggers.next_due(_KINDS)
            self.recovered()
            if self._next is not None and self._next <= self._ports.clock.now():
                await self._work()
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._sooner.wait()

    async def _work(self) -> None:
        self._is_idle.clear()
        try:
            if not await self.look():
                await asyncio.sleep(_OTHERS_CLAIM)
        finally:
            self._is_idle.set()

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
            for state in await ports.triggers.upcoming(before, config.prepared, _KINDS):
                key = state.key
                with contextlib.suppress(NotFoundError, DefinitionError):
                    await ports.catalog.latest(key.tenant, key.namespace, key.flow_id, state.revision)
            await asyncio.sleep(config.prepare_every)

    async def look(self) -> int:
        """Claim a batch of what is due now and start what it says; how many triggers that were."""
        now = self._ports.clock.now()
        until = now + timedelta(seconds=self._config.lease)
        claimed = await self._ports.triggers.claim(now, until, self._config.batch_size, _KINDS)
        decided: list[Decided] = []
        for number, state in enumerate(claimed, 1):
            decided.append((state, await self._decide(state, now)))
            if number % _IN_A_ROW == 0:
                await asyncio.sleep(0)
        if decided:
            await self._write(decided, now)
        return len(claimed)

    async def _decide(self, state: TriggerState, now: datetime) -> TriggerTurn:
        """What is to be written for one trigger; one that cannot be evaluated harms no other."""
        try:
            if state.kind is TriggerKind.SCHEDULE:
                return await self._evaluation.evaluate(state, now)
            return await self._workers.send(state, now)
        except UnavailableError:
            raise
        except Exception:
            logger.exception("trigger %s cannot be evaluated and is tried again later", state.key.uid)
            return self._evaluation.postponed(state, now)

    async def _write(self, decided: Sequence[Decided], now: datetime) -> None:
        """Write a batch; when that fails, each alone, so that the one that cannot be written harms no other."""
        turns = [turn for _, turn in decided]
        try:
            lost = await self._ports.triggers.apply(turns)
        except UnavailableError:
            raise
        except Exception:
            if len(decided) > 1:
                for one in decided:
                    await self._write([one], now)
                return
            state = decided[0][0]
            logger.exception("what trigger %s starts cannot be written and is tried again later", state.key.uid)
            await self._ports.triggers.apply([self._evaluation.postponed(state, now)])
            return
        await publish(self._ports.queue, [turn for turn in turns if turn.state.key.uid not in lost])
