"""One start, stop and health base for all services (design D14)."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum

logger = logging.getLogger(__name__)

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0


class ServiceState(StrEnum):
    """Where in its life a service is (server document 1.1, the states that one process can see)."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    ERROR = "ERROR"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class Service:
    """A component with duties that run until it is stopped.

    Subclasses override ``on_start`` (open resources, ``spawn`` duties) and ``on_stop`` (close them, in
    an orderly way; the duties are still running then and are cancelled afterwards). A duty that raises
    is logged and begun again after a growing delay of at most 5 s: one bad moment of a database or a
    broker never ends a process.
    """

    name = "service"

    def __init__(self) -> None:
        self.state = ServiceState.CREATED
        self.last_error: str | None = None
        self._duties: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start it and return once it works. Raises whatever keeps it from starting."""
        try:
            await self.on_start()
        except BaseException:
            self.state = ServiceState.ERROR
            await self._cancel_duties()
            raise
        self.state = ServiceState.RUNNING

    async def stop(self) -> None:
        """Stop it in an orderly way. Does nothing when it is not running."""
        if self.state not in {ServiceState.RUNNING, ServiceState.ERROR}:
            return
        self.state = ServiceState.TERMINATING
        try:
            await self.on_stop()
        finally:
            await self._cancel_duties()
            self.state = ServiceState.TERMINATED

    async def on_start(self) -> None:
        """Open what is needed and spawn the duties."""

    async def on_stop(self) -> None:
        """Close what was opened."""

    def health(self) -> dict[str, str]:
        """``status`` UP or DOWN, the state, and the last error of a duty that has not recovered."""
        up = self.state is ServiceState.RUNNING and self.last_error is None
        report = {"status": "UP" if up else "DOWN", "state": self.state.value}
        return report | ({"error": self.last_error} if self.last_error else {})

    def spawn(self, duty: Callable[[], Awaitable[None]], name: str) -> None:
        """Run ``duty`` until the service stops; begin it again when it raises. One that returns is done."""
        self.spawn_once(self._persist(duty, f"{self.name}.{name}"), name)

    def spawn_once(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Run ``work`` as a task that ends with the service at the latest."""
        task = asyncio.create_task(work, name=f"{self.name}.{name}")
        self._duties.add(task)
        task.add_done_callback(self._duties.discard)
        return task

    async def _persist(self, duty: Callable[[], Awaitable[None]], name: str) -> None:
        delay = _FIRST_DELAY
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await duty()
                return
            except Exception as error:
                self.last_error = f"{name}: {error}"
                logger.exception("%s failed and is begun again", name)
            if asyncio.get_running_loop().time() - began > _LONGEST_DELAY * 2:
                delay = _FIRST_DELAY
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)

    def recovered(self) -> None:
        """Called by a duty after a success: forgets the last error."""
        self.last_error = None

    async def _cancel_duties(self) -> None:
        for task in tuple(self._duties):
            task.cancel()
        for task in tuple(self._duties):
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
