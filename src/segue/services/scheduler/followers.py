"""Flow triggers at work: executions that start because others came to a state (flow language 12.6).

Any number of these may run on one database. Each claims transitions, asks the triggers that may be interested, and
writes what has been met, the executions it starts and the end of the transitions in one transaction. Whoever lost a
claim, or read what others changed meanwhile, writes nothing, and it is looked at again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from segue.domain.errors import UnavailableError
from segue.ports.queue import Topic
from segue.ports.repositories.followers import Settlement, Transition
from segue.services.lifecycle import Service
from segue.services.scheduler.config import FollowerConfig, FollowerPorts
from segue.services.scheduler.following import Following

logger = logging.getLogger(__name__)

_WAKE_UPS = 1000


class Followers(Service):
    """Starts executions after those of other flows."""

    name = "followers"

    def __init__(self, ports: FollowerPorts, config: FollowerConfig | None = None) -> None:
        super().__init__()
        self._ports = ports
        self._config = config or FollowerConfig()
        self._following = Following(ports, self._config)
        self._owner = ports.ids.new()
        self._woken = asyncio.Event()

    async def on_start(self) -> None:
        """Begin to wait."""
        self.spawn(self._listen, "listen")
        self.spawn(self._work, "work")
        self.spawn(self._purge, "purge")

    async def _listen(self) -> None:
        async with self._ports.queue.consume(Topic.TRANSITIONS, _WAKE_UPS) as news:
            async for _ in news:
                self._woken.set()

    async def _work(self) -> None:
        while True:
            self._woken.clear()
            count = await self.look()
            self.recovered()
            if count:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(await self._pause()):
                    await self._woken.wait()

    async def _pause(self) -> float:
        next_at = await self._ports.followers.next_at()
        if next_at is None:
            return self._config.longest_pause
        until = (next_at - self._ports.clock.now()).total_seconds()
        return min(max(until, 0.01), self._config.longest_pause)

    async def _purge(self) -> None:
        while True:
            await self._ports.followers.purge(self._ports.clock.now())
            await asyncio.sleep(self._config.purge_every)

    async def look(self) -> int:
        """Claim a batch of transitions and do what they lead to; how many they were."""
        now = self._ports.clock.now()
        until = now + timedelta(seconds=self._config.lease)
        claimed = await self._ports.followers.claim(self._owner, now, until, self._config.batch_size)
        if claimed:
            await self._settle(claimed, now)
        return len(claimed)

    async def _settle(self, transitions: Sequence[Transition], now: datetime) -> None:
        """Write a batch; one that cannot be written whole is taken apart, since others work on the same triggers."""
        settlement = await self._following.settlement(transitions, now)
        if await self._ports.followers.settle(self._owner, settlement):
            await self._publish(settlement)
        elif len(transitions) > 1:
            for each in transitions:
                await self._settle([each], now)
        else:
            logger.debug("transition %s is looked at again", transitions[0].id)

    async def _publish(self, settlement: Settlement) -> None:
        """Wake executors; what is not heard is found in the database later (design D2)."""
        started = [new.execution.id for new in settlement.executions]
        try:
            await self._ports.queue.publish(Topic.EXECUTIONS, started)
        except UnavailableError as error:
            logger.warning("%d executions wait for the reconciler: %s", len(started), error)
