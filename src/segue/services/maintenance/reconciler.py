"""The reconciler: publishes again what should have been noticed long ago (design D2).

It makes the queue expendable: a wake-up that was lost, with its broker or its consumer, is derived again
from the facts that lie unread in the database.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from segue.ports.clock import Clock
from segue.ports.queue import Queue, Topic
from segue.ports.repositories.journal import Journal
from segue.services.lifecycle import Service


@dataclass(frozen=True)
class ReconcilerConfig:
    """``interval``: how often it looks; ``patience``: how long a fact may lie unread; ``again_after``: how
    long it waits before it publishes the same execution once more, which a backlog may need."""

    interval: timedelta = timedelta(seconds=2)
    patience: timedelta = timedelta(seconds=3)
    again_after: timedelta = timedelta(seconds=10)
    batch_size: int = 1000


class Reconciler(Service):
    """Looks for facts that nobody reads and wakes their executions up."""

    name = "reconciler"

    def __init__(self, journal: Journal, queue: Queue, clock: Clock, config: ReconcilerConfig | None = None) -> None:
        super().__init__()
        self._journal = journal
        self._queue = queue
        self._clock = clock
        self._config = config or ReconcilerConfig()
        self._published: dict[str, datetime] = {}

    async def on_start(self) -> None:
        """Begin to look: at once, as a server that starts has no wake-ups for what its predecessor left."""
        self.spawn(self._watch, "watch")

    async def _watch(self) -> None:
        patience = timedelta(0)
        while True:
            await self.look(patience)
            self.recovered()
            patience = self._config.patience
            await asyncio.sleep(self._config.interval.total_seconds())

    async def look(self, patience: timedelta) -> list[str]:
        """Publish executions with a fact unread for longer than ``patience``; the ones published."""
        now = self._clock.now()
        waiting = await self._journal.waiting(now - patience, self._config.batch_size)
        again = now - self._config.again_after
        self._published = {each: at for each, at in self._published.items() if at > again}
        fresh = [each for each in waiting if each not in self._published]
        await self._queue.publish(Topic.EXECUTIONS, fresh)
        self._published.update(dict.fromkeys(fresh, now))
        return fresh
