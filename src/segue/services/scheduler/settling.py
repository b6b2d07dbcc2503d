"""What came of triggers that workers evaluated: read as it arrives, each taken into account once (flow language 12.8).

Any number of these may run on one database: of two who settle the same outcome, the version of its trigger lets one
through, and the other one's turn is not written.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime

from segue.domain.errors import UnavailableError
from segue.domain.trigger.evaluation import Outcome, settle
from segue.domain.trigger.state import TriggerState
from segue.ports.queue import Channel
from segue.ports.repositories.triggers import TriggerTurn
from segue.services.lifecycle import Service
from segue.services.scheduler.config import TriggerConfig, TriggerPorts
from segue.services.scheduler.turns import publish
from segue.services.scheduler.workers import WorkerTriggers

logger = logging.getLogger(__name__)
_OTHERS_SETTLE = 0.02
"""Seconds to wait when others were faster with all there was."""


class Settling(Service):
    """Starts the executions that polls and streams call for, and plans their next evaluation."""

    name = "trigger-outcomes"

    def __init__(self, ports: TriggerPorts, config: TriggerConfig | None = None) -> None:
        super().__init__()
        self._ports = ports
        self._config = config or TriggerConfig()
        self._workers = WorkerTriggers(ports, self._config)
        self._news = asyncio.Event()

    async def on_start(self) -> None:
        """Begin to wait."""
        self.spawn(self._listen, "listen")
        self.spawn(self._run, "settle")

    async def _listen(self) -> None:
        async with self._ports.queue.listen(Channel.OUTCOMES) as news:
            async for _ in news:
                self._news.set()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            count, written = await self.look()
            self.recovered()
            if not count:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._config.longest_pause):
                        await self._news.wait()
            elif not written:
                await asyncio.sleep(_OTHERS_SETTLE)

    async def look(self) -> tuple[int, int]:
        """Settle the oldest outcomes: of how many triggers, and how many of these were written."""
        waiting = await self._ports.triggers.outcomes(self._config.batch_size)
        if not waiting:
            return 0, 0
        now = self._ports.clock.now()
        decided = [(state, told, await self._decide(state, told, now)) for state, told in waiting]
        return len(waiting), await self._write(decided, now)

    async def _decide(self, state: TriggerState, outcomes: Sequence[Outcome], now: datetime) -> TriggerTurn:
        """What is to be written for one trigger; one that cannot be settled harms no other."""
        try:
            return await self._workers.settle(state, outcomes, now)
        except UnavailableError:
            raise
        except Exception:
            logger.exception("what came of trigger %s cannot be used and is given up", state.key.uid)
            return _given_up(state, outcomes, now)

    async def _write(
        self, decided: Sequence[tuple[TriggerState, Sequence[Outcome], TriggerTurn]], now: datetime
    ) -> int:
        """Write a batch; when that fails, each alone, so that the one that cannot be written harms no other."""
        turns = [turn for _, _, turn in decided]
        try:
            lost = await self._ports.triggers.apply(turns)
        except UnavailableError:
            raise
        except Exception:
            if len(decided) > 1:
                return sum([await self._write([one], now) for one in decided])
            state, outcomes, _ = decided[0]
            logger.exception("what trigger %s starts cannot be written and is given up", state.key.uid)
            return 1 - len(await self._ports.triggers.apply([_given_up(state, outcomes, now)]))
        written = [turn for turn in turns if turn.state.key.uid not in lost]
        await publish(self._ports.queue, written)
        due = [turn.state.due_at.isoformat() for turn in written if turn.state.due_at is not None]
        if due:
            with contextlib.suppress(UnavailableError):
                await self._ports.queue.broadcast(Channel.TRIGGERS, due)
        return len(written)


def _given_up(state: TriggerState, outcomes: Sequence[Outcome], now: datetime) -> TriggerTurn:
    """The trigger goes on; nothing is started."""
    return TriggerTurn(state=settle(state, outcomes, now).state, outcomes=[outcome.id for outcome in outcomes])
