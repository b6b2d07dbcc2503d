"""Messages in PostgreSQL: ``SKIP LOCKED`` to share them out, ``NOTIFY`` to wake up."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import psycopg

from segue.adapters.queues.mailbox import Switchboard
from segue.domain.errors import UnavailableError
from segue.ports.queue import Channel, Topic

logger = logging.getLogger(__name__)

_PREFIX = "segue_"
_TOPIC = _PREFIX + "topic:"
_NEWS = _PREFIX + "news:"
_LONGEST_NOTICE = 7_500
_MOST_UNTOLD = 10_000
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0
_CHECK_SECONDS = 30.0
_CREATE_LOCK = 7_356_213_904_118
_SETTINGS = {"synchronous_commit": "off", "enable_seqscan": "off", "plan_cache_mode": "force_custom_plan"}
_CREATE = """
    CREATE UNLOGGED TABLE IF NOT EXISTS messages (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL, payload text NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)"""
_INDEX = "CREATE INDEX IF NOT EXISTS messages_topic ON messages (topic, id)"
_PUT = """
    WITH added AS (INSERT INTO messages (topic, payload) SELECT %s, unnest(%s::text[]))
    SELECT pg_notify(%s, '')"""
_TAKE = """
    DELETE FROM messages WHERE id = ANY (ARRAY(
        SELECT id FROM messages WHERE topic = %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
    RETURNING id, payload"""
_TELL = "SELECT pg_notify(channel, news) FROM unnest(%s::text[], %s::text[]) AS told(channel, news)"
_decode = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode


class PostgresqlMessages:
    """See ``MessageTable``. One connection sends, one takes, one listens; each is opened again when it
    breaks. The table is not logged: a crash of the server empties it, and every message can be found again.
    """

    def __init__(self, url: str) -> None:
        self._url = "postgresql://" + url.split("://", 1)[-1]
        self._sender = _Line(self._url, "segue-queue-send")
        self._taker = _Line(self._url, "segue-queue-take")
        self._tasks: list[asyncio.Task[None]] = []
        self._untold: list[tuple[str, str]] = []
        self._has_news = asyncio.Event()

    async def open(self, wake: Callable[[str], None], switchboard: Switchboard) -> None:
        """See ``MessageTable.open``."""
        self._wake, self._switchboard = wake, switchboard
        await self._sender.create_table()
        connection = await self._subscribe()
        self._tasks = [
            asyncio.create_task(self._listen(connection), name="queue.listen"),
            asyncio.create_task(self._tell_others(), name="queue.tell"),
        ]

    async def close(self) -> None:
        """See ``MessageTable.close``."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._sender.close()
        await self._taker.close()

    async def put(self, topic: str, payloads: list[str]) -> None:
        """See ``MessageTable.put``."""
        await self._sender.run(_PUT, (topic, payloads, _TOPIC + topic))

    async def take(self, topic: str, rows: int) -> list[str]:
        """See ``MessageTable.take``."""
        return [payload for _, payload in sorted(await self._taker.run(_TAKE, (topic, rows)))]

    async def tell(self, channel: str, messages: list[str]) -> None:
        """See ``MessageTable.tell``. What is told while the last news are on their way goes out together."""
        self._switchboard.put(channel, messages)
        if len(self._untold) < _MOST_UNTOLD:
            self._untold += [(_NEWS + channel, notice) for notice in _notices(messages)]
        self._has_news.set()

    async def _tell_others(self) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            untold, self._untold = self._untold, []
            channels, notices = [channel for channel, _ in untold], [notice for _, notice in untold]
            try:
                await self._sender.run(_TELL, (channels, notices))
            except UnavailableError as error:
                logger.warning("news for other processes are lost: %s", error)

    async def _subscribe(self) -> "psycopg.AsyncConnection[Any]":
        connection = await _connect(self._url, "segue-queue-listen")
        names = [*(_TOPIC + topic.value for topic in Topic), *(_NEWS + channel.value for channel in Channel)]
        for name in names:
            await connection.execute(f'LISTEN "{name}"'.encode())
        return connection

    async def _listen(self, connection: "psycopg.AsyncConnection[Any] | None") -> None:
        delay = _FIRST_DELAY
        while True:
            try:
                if connection is None:
                    connection = await self._subscribe()
                    self._switchboard.lose()
                    self._wake("")
                delay = _FIRST_DELAY
                await self._hear(connection)
            except (psycopg.Error, UnavailableError) as error:
                logger.warning("the queue's listener lost its connection: %s", error)
            finally:
                if connection is not None:
                    await _close(connection)
                    connection = None
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _hear(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        while True:
            async for notice in connection.notifies(timeout=_CHECK_SECONDS):
                if notice.channel.startswith(_TOPIC):
                    self._wake(notice.channel.removeprefix(_TOPIC))
                elif notice.pid == self._sender.backend:
                    continue  # our own, told already
                elif notice.payload:
                    self._switchboard.put(notice.channel.removeprefix(_NEWS), _decode(notice.payload))
                else:
                    self._switchboard.lose()
            await connection.execute("SELECT 1")


class _Line:
    """A connection for one statement at a time, opened when it is needed."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()

    @property
    def backend(self) -> int | None:
        """The server's process for this connection, if it is open."""
        return None if self._connection is None else self._connection.info.backend_pid

    async def run(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; once more when the connection had broken before. Raises
        ``UnavailableError``."""
        async with self._lock:
            for last in (False, True):
                try:
                    if self._connection is None:
                        self._connection = await _connect(self._url, self._name)
                    cursor = await self._connection.execute(statement.encode(), values)
                    return await cursor.fetchall()
                except psycopg.Error as error:
                    await self._drop()
                    if last or not isinstance(error, psycopg.OperationalError):
                        raise UnavailableError(f"the queue does not answer: {error}") from error
                except BaseException:
                    await self._drop()
                    raise
        raise AssertionError("the loop returns or raises")

    async def create_table(self) -> None:
        """Make the table unless it is there; two at once wait for each other."""
        connection = await _connect(self._url, self._name)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATE_LOCK,))
                await connection.execute(_CREATE)
                await connection.execute(_INDEX)
        except psycopg.Error as error:
            raise UnavailableError(f"the queue's table cannot be made: {error}") from error
        finally:
            await _close(connection)

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            await self._drop()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)


async def _connect(url: str, name: str) -> "psycopg.AsyncConnection[Any]":
    settings = " ".join(f"-c {key}={value}" for key, value in _SETTINGS.items())
    try:
        return await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            application_name=name,
            connect_timeout=5,
            keepalives_idle=15,
            prepare_threshold=2,
            options=settings,
        )
    except psycopg.Error as error:
        raise UnavailableError(f"the queue cannot be reached: {error}") from error


async def _close(connection: "psycopg.AsyncConnection[Any]") -> None:
    with contextlib.suppress(psycopg.Error):
        await connection.close()


def _notices(messages: list[str]) -> Iterable[str]:
    """JSON lists that fit into a notice each; the empty text where one message alone is too long."""
    part: list[str] = []
    size = 2
    for message in messages:
        length = len(_encode(message)) + 1
        if part and size + length > _LONGEST_NOTICE:
            yield _encode(part).decode()
            part, size = [], 2
        if length > _LONGEST_NOTICE:
            yield ""
        else:
            part.append(message)
            size += length
    if part:
        yield _encode(part).decode()
