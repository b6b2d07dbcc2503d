"""Timers: one wait for the next due date in place of a scan every second (design D7)."""

import asyncio
import contextlib
from datetime import datetime

from segue.ports.queue import Channel, Topic
from segue.services.lifecycle import Service
from segue.services.scheduler.config import SchedulerConfig, SchedulerPorts


class Timers(Service):
    """Turns timers into facts when they come due. Any number of these may run on one database."""

    name = "timers"

    def __init__(self, ports: SchedulerPorts, config: SchedulerConfig | None = None) -> None:
        super().__init__()
        self._ports = ports
        self._config = config or SchedulerConfig()
        self._next: datetime | None = None
        self._sooner = asyncio.Event()

    async def on_start(self) -> None:
        """Begin to wait."""
        self.spawn(self._listen, "listen")
        self.spawn(self._wait, "wait")

    async def _listen(self) -> None:
        async with self._ports.queue.listen(Channel.TIMERS) as news:
            async for dates in news:
                if not dates or self._next is None or any(self._is_sooner(date) for date in dates):
                    self._sooner.set()

    def _is_sooner(self, date: str) -> bool:
        return self._next is None or datetime.fromisoformat(date) < self._next

    async def _wait(self) -> None:
        while True:
            self._sooner.clear()
            woken = await self._ports.journal.due(self._ports.clock.now(), self._config.batch_size)
            self.recovered()
            if woken:
                await self._ports.queue.publish(Topic.EXECUTIONS, woken)
                continue
            self._next = await self._ports.journal.next_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._sooner.wait()

    def _pause(self) -> float:
        longest = self._config.longest_pause
        if self._next is None:
            return longest
        until = (self._next - self._ports.clock.now()).total_seconds()
        return min(max(until, 0.001), longest)
