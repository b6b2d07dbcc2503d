"""Messages in SQLite: one thread, in-process wake-ups, and the poll of ``sql`` between processes."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from segue.adapters.queues.mailbox import Switchboard
from segue.domain.errors import UnavailableError

T = TypeVar("T")

_BUSY_SECONDS = 10.0
_CREATE = """
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload TEXT NOT NULL)"""
_INDEX = "CREATE INDEX IF NOT EXISTS messages_topic ON messages (topic, id)"
_PUT = "INSERT INTO messages (topic, payload) VALUES (?, ?)"
_TAKE = """
    DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE topic = ? ORDER BY id LIMIT ?)
    RETURNING id, payload"""


class _Neighbours:
    """All queues of this event loop on one file: they hear each other without a poll."""

    def __init__(self) -> None:
        self.members: set[SqliteMessages] = set()


_neighbours: WeakValueDictionary[tuple[str, int], _Neighbours] = WeakValueDictionary()


class SqliteMessages:
    """See ``MessageTable``. News reach this process only; commits are durable over a crash of the process,
    not over one of the machine, since every message can be found again."""

    def __init__(self, url: str) -> None:
        path = url.split("://", 1)[-1].split("?", 1)[0].removeprefix("/")
        if not path or path == ":memory:":
            raise UnavailableError("the SQL queue on SQLite needs a file: sqlite:///path")
        self._path = Path(path).absolute()
        self._executor: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self, wake: Callable[[str], None], switchboard: Switchboard) -> None:
        """See ``MessageTable.open``."""
        self._wake, self._switchboard = wake, switchboard
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="segue-queue-sqlite")
        await self._run(self._connect)
        key = (str(self._path), id(asyncio.get_running_loop()))
        self._neighbours = _neighbours.setdefault(key, _Neighbours())
        self._neighbours.members.add(self)

    async def close(self) -> None:
        """See ``MessageTable.close``."""
        if self._executor is None:
            return
        self._neighbours.members.discard(self)
        await self._run(self._disconnect)
        executor, self._executor = self._executor, None
        executor.shutdown(wait=True)

    async def put(self, topic: str, payloads: list[str]) -> None:
        """See ``MessageTable.put``."""
        await self._run(self._put, [(topic, payload) for payload in payloads])
        for member in tuple(self._neighbours.members):
            member._wake(topic)

    async def take(self, topic: str, rows: int) -> list[str]:
        """See ``MessageTable.take``."""
        taken = await self._run(self._take, topic, rows)
        return [payload for _, payload in sorted(taken)]

    async def tell(self, channel: str, messages: list[str]) -> None:
        """See ``MessageTable.tell``."""
        for member in tuple(self._neighbours.members):
            member._switchboard.put(channel, messages)

    async def _run(self, work: Callable[..., T], *values: Any) -> T:
        if self._executor is None:
            raise UnavailableError("the queue is not started")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, *values)
        except (sqlite3.Error, OSError) as error:
            raise UnavailableError(f"the queue's file {self._path.name} cannot be used: {error}") from error

    def _connect(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", _CREATE, _INDEX):
            connection.execute(statement)
        self._connection = connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _put(self, rows: list[tuple[str, str]]) -> None:
        connection = self._open_connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_PUT, rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _take(self, topic: str, rows: int) -> list[tuple[int, str]]:
        return self._open_connection().execute(_TAKE, (topic, rows)).fetchall()

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connect()
        assert self._connection is not None
        return self._connection
