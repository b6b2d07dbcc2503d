"""A queue in a table: PostgreSQL, or SQLite for a server without anything else (design D2).

It opens its own connections and may lie in another database than the data. In SQLite it may also share the
data's file: both take the write lock for a moment and wait for each other; a file of its own is faster.
"""

import asyncio
import contextlib
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
        """Put news on all switchboards. Raises ``UnavailableError``."""
        ...


class SqlQueue:
    """See ``Queue``. ``url`` is ``sqlite:///file`` or ``postgresql://user:password@host/name``."""

    def __init__(self, url: str) -> None:
        self._table = _table_for(url)
        self._switchboard = Switchboard()
        self._arrivals: set[tuple[str, asyncio.Event]] = set()
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
        if unique:
            await self._table.put(topic.value, [_encode(part).decode() for part in _parts(unique)])

    @asynccontextmanager
    async def consume(self, topic: Topic, limit: int) -> AsyncIterator[AsyncIterator[list[str]]]:
        """See ``Queue.consume``. What was taken from the table but not handed out goes back at the end."""
        pending, arrival = Pending(), asyncio.Event()
        entry = (topic.value, arrival)
        self._arrivals.add(entry)
        try:
            yield self._batches(topic, limit, pending, arrival)
        finally:
            self._arrivals.discard(entry)
            if len(pending) and self._running:
                try:
                    await self.publish(topic, pending.take(len(pending)))
                except UnavailableError:
                    logger.warning("messages taken from the queue are left to the reconciler")

    async def broadcast(self, channel: Channel, messages: Sequence[str]) -> None:
        """See ``Queue.broadcast``."""
        if not messages or not self._running:
            return
        try:
            await self._table.tell(channel.value, list(messages))
        except UnavailableError as error:
            logger.warning("news on %s are lost: %s", channel.value, error)

    @asynccontextmanager
    async def listen(self, channel: Channel) -> AsyncIterator[AsyncIterator[list[str]]]:
        """See ``Queue.listen``."""
        mailbox = self._switchboard.open(channel.value)
        try:
            yield mailbox.batches()
        finally:
            self._switchboard.shut(channel.value, mailbox)

    async def _batches(
        self, topic: Topic, limit: int, pending: Pending, arrival: asyncio.Event
    ) -> AsyncIterator[list[str]]:
        rows = max(1, limit // _MESSAGES_PER_ROW)
        while self._running:
            if not len(pending):
                arrival.clear()
                pending.add(await self._take(topic, rows))
            if len(pending):
                yield pending.take(limit)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):  # wait_for loses cancellations in Python 3.11
                    await arrival.wait()

    async def _take(self, topic: Topic, rows: int) -> list[str]:
        try:
            payloads = await self._table.take(topic.value, rows)
        except UnavailableError as error:
            logger.warning("the queue cannot be read and is tried again: %s", error)
            return []
        return [message for payload in payloads for message in _decode(payload)]

    def _wake(self, topic: str) -> None:
        for name, arrival in self._arrivals:
            if topic in {"", name}:
                arrival.set()


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
