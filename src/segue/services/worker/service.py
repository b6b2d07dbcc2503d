"""The worker as a service."""

import asyncio
import logging
import threading
from collections.abc import Callable

from segue.expr import Engine, Services
from segue.plugins.registry import PluginRegistry
from segue.ports.clock import Ids, SystemIds
from segue.ports.rendering import machine_services
from segue.services.lifecycle import Service
from segue.services.worker.binding import Plugins
from segue.services.worker.config import WorkerConfig
from segue.services.worker.control import Control
from segue.services.worker.link import Link
from segue.services.worker.runner import Runner

logger = logging.getLogger(__name__)
_FAREWELL = 5.0
_POLL = 0.02


class Worker(Service):
    """Runs the jobs that a controller sends. Starts at once and connects when a controller is there."""

    name = "worker"

    def __init__(
        self,
        config: WorkerConfig,
        plugins: Plugins | None = None,
        *,
        engine: Engine | None = None,
        services: Services | None = None,
        ids: Ids | None = None,
    ) -> None:
        """``plugins`` are those of this installation unless given. ``services`` are what expressions may use of
        this machine (time, chance, a free port, HTTP); the rest comes from the control plane."""
        super().__init__()
        self.id = (ids or SystemIds()).new()
        """Made anew for every life of the process, kept over reconnections."""
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._news = asyncio.Event()
        control = Control()
        own = services or machine_services()
        self._runner = Runner(
            config, control, plugins or PluginRegistry(), engine or Engine(), own, self._wake_reporter
        )
        self._link = Link(self.id, config, control, self._runner, news=self._news, on_connect=self.recovered)

    @property
    def running(self) -> int:
        """How many tasks run now."""
        return self._runner.running

    @property
    def is_connected(self) -> bool:
        """Whether a controller is connected."""
        return self._link.is_connected.is_set()

    async def wait_connected(self) -> None:
        """Return once a controller is connected."""
        await self._link.is_connected.wait()

    async def on_start(self) -> None:
        """Begin to connect."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self.spawn(self._link.run, "link")

    async def on_stop(self) -> None:
        """Let running tasks end and their results be stored, then say good-bye.

        What runs longer than the grace period is stopped; its job goes to another worker.
        """
        self._runner.is_draining = True
        await self._until(lambda: not self._runner.running, self._config.stop_grace)
        if self._runner.running:
            logger.warning("%d tasks are stopped and left to other workers", self._runner.running)
        self._runner.abandon()
        if self.is_connected:
            await self._until(lambda: self._runner.spool.is_empty, _FAREWELL)
        await self._link.leave(_FAREWELL)

    def _wake_reporter(self) -> None:
        if threading.get_ident() == self._thread:
            self._news.set()
        elif self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    @staticmethod
    async def _until(condition: Callable[[], bool], seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        # Two plain counters, looked at during a shutdown only.
        while not condition() and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - see above
            await asyncio.sleep(_POLL)
