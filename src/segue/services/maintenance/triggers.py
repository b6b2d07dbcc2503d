"""Proves again and again that no trigger waits for an execution that is over or gone (flow language 12.2)."""

import asyncio
import logging

from segue.domain.errors import UnavailableError
from segue.ports.clock import Clock
from segue.ports.queue import Channel, Queue
from segue.ports.repositories.triggers import TriggerRepository
from segue.services.lifecycle import Service

logger = logging.getLogger(__name__)


class TriggerKeeper(Service):
    """Any number of these may run at once."""

    name = "trigger-locks"

    def __init__(self, triggers: TriggerRepository, queue: Queue, clock: Clock, *, interval: float = 15.0) -> None:
        super().__init__()
        self._triggers = triggers
        self._queue = queue
        self._clock = clock
        self._interval = interval

    async def on_start(self) -> None:
        """Begin to look."""
        self.spawn(self._run, "mend")

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
                self.recovered()
            except UnavailableError as error:
                logger.warning("locks of triggers cannot be looked at: %s", error)
            await asyncio.sleep(self._interval)

    async def look(self) -> None:
        """Unlock what nothing holds any more and wake a scheduler up."""
        now = self._clock.now()
        mended = await self._triggers.mend(now)
        if mended:
            logger.warning("%d triggers waited for executions that are over: %s", len(mended), mended[:10])
            await self._queue.broadcast(Channel.TRIGGERS, [now.isoformat()])
