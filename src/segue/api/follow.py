"""Waiting for changes: one listener per process and channel, many waiters (design D9; REST API 5.2)."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator

from segue.ports.queue import Channel, Queue

logger = logging.getLogger(__name__)

STALENESS = 2.0
"""Seconds after which a waiter looks at the database although nobody told it of a change."""
_KEEP_ALIVE = 15.0
_RESTART_DELAY = 1.0


async def keep_listening(queue: Queue, channel: Channel, tell: Callable[[list[str]], None]) -> None:
    """Hand every list of messages on ``channel`` to ``tell``, until cancelled; begin again after a failure."""
    while True:
        try:
            async with queue.listen(channel) as batches:
                async for messages in batches:
                    tell(messages)
        except Exception:
            logger.exception("listening to %s failed and is begun again", channel)
        await asyncio.sleep(_RESTART_DELAY)


class Watch:
    """One waiter's view of the changes of one execution."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Something changed, or may have."""
        self._event.set()

    async def changed(self, timeout_for: float = STALENESS) -> None:
        """Return after a change since the last call, and after ``timeout_for`` seconds at the latest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_for):
                await self._event.wait()
        self._event.clear()


class ChangeHub:
    """Tells waiters of the changes on one channel, whose messages are execution ids."""

    def __init__(self, queue: Queue, channel: Channel) -> None:
        self._queue = queue
        self._channel = channel
        self._watches: dict[str, set[Watch]] = {}

    @contextlib.contextmanager
    def watch(self, execution_id: str) -> Iterator[Watch]:
        """Watch an execution. Read it after entering, so that no change falls between."""
        watch = Watch()
        self._watches.setdefault(execution_id, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches[execution_id]
            watches.discard(watch)
            if not watches:
                del self._watches[execution_id]

    @property
    def watched(self) -> int:
        """How many executions are watched now."""
        return len(self._watches)

    async def run(self) -> None:
        """Listen until cancelled. While the queue fails, waiters live on their own looking."""
        await keep_listening(self._queue, self._channel, self._tell)

    def _tell(self, ids: list[str]) -> None:
        """Wake who waits for these executions; all, when the list is empty (some news may be lost)."""
        for execution_id in ids or list(self._watches):
            for watch in self._watches.get(execution_id, ()):
                watch.wake()


def event(event_id: str, data: bytes) -> bytes:
    """One server-sent event, in the form the original uses: ``id`` and ``data``, no name."""
    return b"id: %s\ndata: %s\n\n" % (event_id.encode(), data)


async def kept_alive(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The events, with a comment in between whenever none came for a while: proxies keep the connection."""
    pending: asyncio.Task[bytes | None] | None = None

    async def following() -> bytes | None:
        return await anext(events, None)

    try:
        while True:
            pending = pending or asyncio.create_task(following())
            done, _ = await asyncio.wait({pending}, timeout=_KEEP_ALIVE)
            if not done:
                yield b": keep-alive\n\n"
                continue
            item, pending = pending.result(), None
            if item is None:
                return
            yield item
    finally:
        if pending is not None:
            pending.cancel()
