"""A queue in a table: PostgreSQL, or SQLite for a server without anything else (design D2).

A message for a topic that this process consumes itself is handed over in memory while there is room, and goes
through the table otherwise, for whoever takes it: work stays where its execution is cached, and a server in one
process pays nothing for its queue. What is in memory is lost with the process, as any message may be.

It opens its own connections and may lie in another database than the data. In SQLite it may also share the
data's file: both take the write lock for a moment and wait for each other; a file of its own is faster.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from segue.adapters.queues.mailbox import Pending, Switchboard
from segue.domain.errors import UnavailableError
from segue.ports.queue import Channel, Topic

logger = logging.getLogger(__name__)

_MESSAGES_PER_ROW = 50
_POLL_SECONDS = 2.0
_decode = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode


class MessageTable(Protocol):
    """The table ``messages`` of one database, and how its users wake each other up."""

    async def open(self, wake: Callable[[str], None], switchboard: Switchboard) -> None:
        """Connect and make the table. From now on ``wake`` is called with a topic that has messages (or ""
        for any), and news are put on the switchboard. Raises ``UnavailableError``."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def put(self, topic: str, payloads: list[str]) -> None:
        """Insert a row for each payload and wake everybody up, once. Raises ``UnavailableError``."""
        ...

    async def take(self, topic: str, rows: int) -> list[str]:
        """Remove the oldest rows of a topic that nobody else is removing; their payloads. Raises
        ``UnavailableError``."""
        ...

    async def tell(self, channel: str, messages: list[str]) -> None:
        """Put news on all switchboards: at once on this process's own, and soon on the others."""
        ...


class _Consumer:
    """One subscription: what waits for it here, and whether the table must be looked at."""

    def __init__(self, topic: str, limit: int) -> None:
        self.topic = topic
        self.limit = limit
        self.pending = Pending()
        self.must_look = True
        self.arrival = asyncio.Event()

    def has_room(self, count: int) -> bool:
        """Whether ``count`` messages more make no longer a batch than it takes at once."""
        return len(self.pending) + count <= self.limit

    def give(self, messages: Iterable[str]) -> None:
        """Hand messages over."""
        self.pending.add(messages)
        self.arrival.set()

    def wake(self) -> None:
        """Have it look at the table."""
        self.must_look = True
        self.arrival.set()


class SqlQueue:
    """See ``Queue``. ``url`` is ``sqlite:///file`` or ``postgresql://user:password@host/name``."""

    def __init__(self, url: str) -> None:
        self._table = _table_for(url)
        self._switchboard = Switchboard()
        self._consumers: list[_Consumer] = []
        self._running = False

    async def start(self) -> None:
        """See ``Queue.start``."""
        await self._table.open(self._wake, self._switchboard)
        self._running = True

    async def stop(self) -> None:
        """See ``Queue.stop``."""
        self._running = False
        self._wake("")
        self._switchboard.close()
        await self._table.close()

    async def publish(self, topic: Topic, messages: Sequence[str]) -> None:
        """See ``Queue.publish``."""
        unique = list(dict.fromkeys(messages))
        if not self._running:
            raise UnavailableError("the queue is not started")
        for consumer in self._consumers:
            if consumer.topic == topic.value and consumer.has_room(len(unique)):
                consumer.give(unique)
                return
        if unique:
            await self._table.put(topic.value, [_encode(part).decode() for part in _parts(unique)])

    @asynccontextmanager
    async def consume(self, topic: Topic, limit: int) -> AsyncIterator[AsyncIterator[list[str]]]:
        """See ``Queue.consume``. What was taken from the table but not handed out goes back at the end."""
        consumer = _Consumer(topic.value, limit)
        self._consumers.append(consumer)
        try:
            yield self._batches(topic, consumer)
        finally:
            self._consumers.remove(consumer)
            if len(consumer.pending) and self._running:
                try:
                    await self.publish(topic, consumer.pending.take(len(consumer.pending)))
                except UnavailableError:
                    logger.warning("messages taken from the queue are left to the reconciler")

    async def broadcast(self, channel: Channel, messages: Sequence[str]) -> None:
        """See ``Queue.broadcast``."""
        if not messages or not self._running:
            return
        await self._table.tell(channel.value, list(messages))

    @asynccontextmanager
    async def listen(self, channel: Channel) -> AsyncIterator[AsyncIterator[list[str]]]:
        """See ``Queue.listen``."""
        mailbox = self._switchboard.open(channel.value)
        try:
            yield mailbox.batches()
        finally:
            self._switchboard.shut(channel.value, mailbox)

    async def _batches(self, topic: Topic, consumer: _Consumer) -> AsyncIterator[list[str]]:
        while self._running:
            if consumer.must_look and len(consumer.pending) < consumer.limit:
                await self._take(topic, consumer)
            if len(consumer.pending):
                yield consumer.pending.take(consumer.limit)
                continue
            consumer.arrival.clear()
            if not consumer.must_look:
                await self._rest(consumer)

    @staticmethod
    async def _rest(consumer: _Consumer) -> None:
        try:
            async with asyncio.timeout(_POLL_SECONDS):  # wait_for loses cancellations in Python 3.11
                await consumer.arrival.wait()
        except TimeoutError:
            consumer.must_look = True

    async def _take(self, topic: Topic, consumer: _Consumer) -> None:
        rows = max(1, consumer.limit // _MESSAGES_PER_ROW)
        consumer.must_look = False
        try:
            payloads = await self._table.take(topic.value, rows)
        except UnavailableError as error:
            logger.warning("the queue cannot be read and is tried again: %s", error)
            return
        consumer.must_look = consumer.must_look or len(payloads) == rows
        consumer.pending.add(message for payload in payloads for message in _decode(payload))

    def _wake(self, topic: str) -> None:
        for consumer in self._consumers:
            if topic in {"", consumer.topic}:
                consumer.wake()


def _parts(messages: list[str]) -> Iterable[list[str]]:
    for start in range(0, len(messages), _MESSAGES_PER_ROW):
        yield messages[start : start + _MESSAGES_PER_ROW]


def _table_for(url: str) -> MessageTable:
    scheme = url.split(":", 1)[0].split("+", 1)[0].lower()
    if scheme == "sqlite":
        from segue.adapters.queues.sql_sqlite import SqliteMessages

        return SqliteMessages(url)
    if scheme in {"postgresql", "postgres"}:
        try:
            from segue.adapters.queues.sql_postgresql import PostgresqlMessages
        except ImportError as error:
            raise UnavailableError(
                "PostgreSQL needs the driver psycopg: install the extra, pip install 'segue[postgres]'"
            ) from error
        return PostgresqlMessages(url)
    raise UnavailableError(f"no SQL queue for {scheme!r} URLs: use sqlite:/// or postgresql://")
