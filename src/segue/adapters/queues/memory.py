"""A queue in the memory of one process: all that a single server needs (design D2)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from segue.adapters.queues.mailbox import Pending, Switchboard
from segue.domain.errors import UnavailableError
from segue.ports.queue import Channel, Topic


class MemoryQueue:
    """See ``Queue``. What nobody took is gone with the process; the reconciler finds it again."""

    def __init__(self) -> None:
        self._topics: dict[Topic, Pending] = {}
        self._switchboard = Switchboard()
        self._running = False

    async def start(self) -> None:
        """See ``Queue.start``."""
        self._running = True

    async def stop(self) -> None:
        """See ``Queue.stop``."""
        self._running = False
        topics, self._topics = self._topics, {}
        for pending in topics.values():
            pending.close()
        self._switchboard.close()

    async def publish(self, topic: Topic, messages: Sequence[str]) -> None:
        """See ``Queue.publish``."""
        if not self._running:
            raise UnavailableError("the queue is not started")
        self._pending(topic).add(messages)

    @asynccontextmanager
    async def consume(self, topic: Topic, limit: int) -> AsyncIterator[AsyncIterator[list[str]]]:
        """See ``Queue.consume``."""
        yield self._pending(topic).batches(limit)

    async def broadcast(self, channel: Channel, messages: Sequence[str]) -> None:
        """See ``Queue.broadcast``."""
        self._switchboard.put(channel, messages)

    @asynccontextmanager
    async def listen(self, channel: Channel) -> AsyncIterator[AsyncIterator[list[str]]]:
        """See ``Queue.listen``."""
        mailbox = self._switchboard.open(channel)
        try:
            yield mailbox.batches()
        finally:
            self._switchboard.shut(channel, mailbox)

    def _pending(self, topic: Topic) -> Pending:
        return self._topics.setdefault(topic, Pending())
