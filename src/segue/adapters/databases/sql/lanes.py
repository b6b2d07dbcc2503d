"""Threads with their own connections: one hop into one of them per call (design D13)."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from segue.adapters.databases.sql.convoy import Convoy
from segue.adapters.databases.sql.dialects import Dialect, Lane
from segue.adapters.databases.sql.statements import Transaction
from segue.adapters.databases.sql.uncertainty import is_uncertain
from segue.domain.errors import UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_TRANSIENT_TRIES = 6
_LOST_TRIES = 3
_FIRST_DELAY = 0.02


class _ThreadPool:
    """The threads of one lane. Each keeps one connection and opens another when it is lost."""

    def __init__(self, dialect: Dialect, lane: Lane, threads: int) -> None:
        self._dialect = dialect
        self._lane = lane
        self._engine = dialect.engine(lane)
        self._local = threading.local()
        self._opened: set[sa.Connection] = set()
        self._lock = threading.Lock()
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix=f"segue-{dialect.name}-{lane.value}")

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        """``work`` on this thread's connection, tried again where that is safe and may help.

        A connection that breaks is tried again only while nothing can have been committed.
        """
        tries, delay = 0, _FIRST_DELAY
        while True:
            tries += 1
            try:
                return work(self._connection())
            except Exception as error:
                cause = _driver_error(error)
                lost = self._dialect.is_lost(cause)
                if lost:
                    self._discard()
                retry = lost or self._dialect.is_transient(cause)
                if not retry:
                    raise
                if tries >= (_LOST_TRIES if lost else _TRANSIENT_TRIES) or is_uncertain(error):
                    raise UnavailableError(_unavailable(cause)) from error
            time.sleep(delay)
            delay *= 2.5

    def submit(self, work: Callable[[], None]) -> None:
        """``work`` in one of the threads, after what was submitted before."""
        self.executor.submit(work)

    def close(self) -> None:
        """Wait for running work, then close every connection."""
        self.executor.shutdown(wait=True)
        for connection in tuple(self._opened):
            _close(connection)
        self._opened.clear()
        self._engine.dispose()

    def _connection(self) -> sa.Connection:
        connection: sa.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._engine.connect()
            self._local.connection = connection
            with self._lock:
                self._opened.add(connection)
        return connection

    def _discard(self) -> None:
        connection: sa.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            with self._lock:
                self._opened.discard(connection)
            _close(connection)


class Lanes:
    """All threads of a database; what repositories run their work with."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._pools: dict[Lane, _ThreadPool] = {}
        self._convoy: Convoy | None = None

    def open(self) -> None:
        """Make the threads; they connect at their first work."""
        for lane, threads in self.dialect.lanes.items():
            self._pools[lane] = _ThreadPool(self.dialect, lane, threads)
        if self.dialect.lanes[Lane.WRITE] == 1:
            self._convoy = Convoy(self.dialect, self._pools[Lane.WRITE])

    async def close(self) -> None:
        """Finish running work and close the connections."""
        pools, self._pools, self._convoy = self._pools, {}, None
        for pool in pools.values():
            await asyncio.to_thread(pool.close)

    async def write(self, work: Callable[[Transaction], T], *, relaxed: bool = False) -> T:
        """``work`` in a transaction that writes. It may be run more than once, each time from new.

        ``relaxed``: it may be undone by a power failure (see ``Dialect.transaction``).
        """
        if self._convoy is not None:
            return await self._convoy.write(work, relaxed=relaxed)
        return await self._run(Lane.WRITE, self._on_driver(Lane.WRITE, work, relaxed=relaxed))

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """``work`` in a transaction that reads by key."""
        return await self._run(Lane.READ, self._on_driver(Lane.READ, work))

    async def write_core(self, work: Callable[[sa.Connection], T]) -> T:
        """``work`` in a transaction that writes with SQLAlchemy's expressions."""
        return await self._run(Lane.WRITE, _in_transaction(work))

    def within(self, connection: sa.Connection) -> Transaction:
        """The statements of the hot path inside a transaction of SQLAlchemy's that is under way."""
        return self.dialect.within(connection.connection.driver_connection)

    async def search(self, work: Callable[[sa.Connection], T]) -> T:
        """``work`` in a transaction that reads with SQLAlchemy's expressions."""
        return await self._run(Lane.SEARCH, _in_transaction(work))

    async def _run(self, lane: Lane, work: Callable[[sa.Connection], T]) -> T:
        pool = self._pools.get(lane) or self._pools.get(Lane.READ) or self._pools.get(Lane.WRITE)
        if pool is None:
            raise UnavailableError("the database is not started")
        return await asyncio.get_running_loop().run_in_executor(pool.executor, pool.run, work)

    def _on_driver(
        self, lane: Lane, work: Callable[[Transaction], T], *, relaxed: bool = False
    ) -> Callable[[sa.Connection], T]:
        def run(connection: sa.Connection) -> T:
            driver: Any = connection.connection.driver_connection
            with self.dialect.transaction(driver, lane, relaxed=relaxed) as transaction:
                return work(transaction)

        return run


def _in_transaction(work: Callable[[sa.Connection], T]) -> Callable[[sa.Connection], T]:
    def run(connection: sa.Connection) -> T:
        with connection.begin():
            return work(connection)

    return run


def _driver_error(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _unavailable(cause: BaseException) -> str:
    return f"the database does not answer: {str(cause).strip() or type(cause).__name__}"


def _close(connection: sa.Connection) -> None:
    try:
        connection.invalidate()
        connection.close()
    except Exception:
        logger.debug("closing a broken connection failed", exc_info=True)
