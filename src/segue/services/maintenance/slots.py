"""Proves again and again that no slot is lost and nobody waits beside a free one (design D8)."""

import asyncio
import logging

from segue.domain.errors import UnavailableError
from segue.ports.queue import Queue, Topic
from segue.ports.repositories.slots import SlotRepository
from segue.services.lifecycle import Service

logger = logging.getLogger(__name__)


class SlotKeeper(Service):
    """Any number of these may run at once."""

    name = "slots"

    def __init__(self, slots: SlotRepository, queue: Queue, *, interval: float = 15.0) -> None:
        super().__init__()
        self._slots = slots
        self._queue = queue
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
                logger.warning("slots cannot be looked at: %s", error)
            await asyncio.sleep(self._interval)

    async def look(self) -> None:
        """Mend what there is to mend and wake up those who gain by it."""
        mended = await self._slots.mend()
        if mended.removed:
            logger.warning("%d slots had no execution that may hold them: %s", len(mended.removed), mended.removed[:10])
        if mended.woken:
            await self._queue.publish(Topic.EXECUTIONS, mended.woken)
