"""Writes that wait for the only writer share its next transaction (SQLite).

A commit costs a flush to the disk, whatever it holds. The executor, the controller and the API each gather
their own writes into batches; here those batches gather once more, so that under load one flush serves all of
them, and a single write waits for nobody.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from segue.adapters.databases.sql.dialects import Dialect, Lane
from segue.adapters.databases.sql.statements import Transaction
from segue.domain.errors import UnavailableError

T = TypeVar("T")
Work = Callable[[Transaction], Any]

_LONGEST = 32


class Writer(Protocol):
    """The one thread that writes."""

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        """``work`` on the thread's connection, tried again where that is safe and may help."""
        ...

    def submit(self, work: Callable[[], None]) -> None:
        """``work`` in the thread, after what was submitted before."""
        ...


class Convoy:
    """Gathers the writes of one event loop for one writer.

    Each keeps its own fate: one that fails is undone alone, and its error is raised to its caller alone.
    """

    def __init__(self, dialect: Dialect, writer: Writer) -> None:
        self._dialect = dialect
        self._writer = writer
        self._lock = threading.Lock()
        self._waiting: list[tuple[Work, bool, asyncio.Future[Any]]] = []
        self._is_running = False

    async def write(self, work: Callable[[Transaction], T], *, relaxed: bool = False) -> T:
        """``work`` in a transaction that others may share. It may be run more than once, each time from new.

        ``relaxed`` is heeded when all that share the transaction are so.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        with self._lock:
            self._waiting.append((work, relaxed, done))
            must_start = not self._is_running
            self._is_running = True
        if must_start:
            self._writer.submit(lambda: self._drain(loop))
        return await done

    def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._lock:
                group, self._waiting = self._waiting[:_LONGEST], self._waiting[_LONGEST:]
                self._is_running = bool(group)
            if not group:
                return
            relaxed = all(each for _, each, _ in group)
            outcomes = self._outcomes([work for work, _, _ in group], relaxed)
            loop.call_soon_threadsafe(_settle, [done for _, _, done in group], outcomes)

    def _outcomes(self, works: Sequence[Work], relaxed: bool) -> list[Any]:
        try:
            return self._writer.run(lambda connection: self._together(connection, works, relaxed))
        except Exception as error:
            if len(works) == 1 or isinstance(error, UnavailableError):
                return [error] * len(works)
        return [outcome for work in works for outcome in self._outcomes([work], relaxed)]

    def _together(self, connection: sa.Connection, works: Sequence[Work], relaxed: bool) -> list[Any]:
        driver: Any = connection.connection.driver_connection
        with self._dialect.transaction(driver, Lane.WRITE, relaxed=relaxed) as transaction:
            if len(works) == 1:
                return [works[0](transaction)]
            return [self._alone(driver, transaction, work) for work in works]

    def _alone(self, driver: Any, transaction: Transaction, work: Work) -> Any:
        """The outcome of one write of several, which is undone without the others when it fails."""
        driver.execute("SAVEPOINT convoy")
        try:
            outcome = work(transaction)
        except Exception as error:
            if self._dialect.is_lost(error) or self._dialect.is_transient(error) or not driver.in_transaction:
                raise
            driver.execute("ROLLBACK TO convoy")
            outcome = error
        driver.execute("RELEASE convoy")
        return outcome


def _settle(waiting: Sequence[asyncio.Future[Any]], outcomes: Sequence[Any]) -> None:
    for done, outcome in zip(waiting, outcomes, strict=True):
        if done.done():
            continue
        if isinstance(outcome, Exception):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)
