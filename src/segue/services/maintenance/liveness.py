"""Notices workers that are gone: their leases ran out, their jobs are lost (design D5)."""

import asyncio
import logging

from segue.domain.errors import UnavailableError
from segue.ports.clock import Clock
from segue.ports.queue import Queue, Topic
from segue.ports.repositories.jobs import JobRepository
from segue.services.lifecycle import Service

logger = logging.getLogger(__name__)


class Liveness(Service):
    """Any number of these may run at once: expiry happens in the database, once for each lease."""

    name = "liveness"

    def __init__(
        self, jobs: JobRepository, queue: Queue, clock: Clock, *, interval: float = 2.0, lease: float = 10.0
    ) -> None:
        """``lease`` is how long it holds back after the database was away: nobody could renew meanwhile."""
        super().__init__()
        self._jobs = jobs
        self._queue = queue
        self._clock = clock
        self._interval = interval
        self._lease = lease

    async def on_start(self) -> None:
        """Begin to look."""
        self.spawn(self._run, "expire")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                lost = await self._jobs.expire(self._clock.now())
            except UnavailableError as error:
                logger.warning("leases cannot be looked at: %s", error)
                await self._let_workers_renew()
                continue
            self.recovered()
            if lost:
                logger.warning("jobs of %d executions were lost with their workers", len(lost))
                await self._queue.publish(Topic.EXECUTIONS, lost)

    async def _let_workers_renew(self) -> None:
        """Wait for the database, and then as long as it takes until every live worker has a new lease."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self._jobs.workers()
            except UnavailableError:
                continue
            await asyncio.sleep(self._lease)
            return
