"""What every dialect offers to the engine and the repositories."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any, Protocol

import sqlalchemy as sa

from segue.adapters.databases.sql.statements import Transaction


class Lane(Enum):
    """The kinds of work, each with its own threads and connections."""

    WRITE = "write"
    """Transactions that write: one thread in SQLite."""
    READ = "read"
    """Short reads by key, on the way of an execution."""
    SEARCH = "search"
    """Reads whose shape the user chooses."""


class Dialect(Protocol):
    """A database."""

    name: str
    lanes: dict[Lane, int]
    """Threads of each lane; one that is left out shares the lane ``READ``, or ``WRITE`` without that."""

    def engine(self, lane: Lane) -> sa.Engine:
        """A new engine without a pool whose connections are set up for the lane's work."""
        ...

    def transaction(self, connection: Any, lane: Lane, *, relaxed: bool = False) -> AbstractContextManager[Transaction]:
        """A transaction on the driver's ``connection``: commits at the end, rolls back on an error.

        ``relaxed``: the commit need not wait for the disk. A power failure may then undo it, never half of it
        and nothing that was committed before it; the end of a process never does.
        """
        ...

    def within(self, connection: Any) -> Transaction:
        """The same inside a transaction that is under way on ``connection``, which others begin and end."""
        ...

    def migrate(self, engine: sa.Engine, upgrade: Callable[[sa.Connection], None]) -> None:
        """Run ``upgrade`` in one transaction while no other process migrates."""
        ...

    def is_lost(self, error: BaseException) -> bool:
        """Whether the connection is gone."""
        ...

    def is_transient(self, error: BaseException) -> bool:
        """Whether the same transaction may well succeed when it is tried again."""
        ...

    def is_duplicate(self, error: BaseException) -> bool:
        """Whether a unique key was taken."""
        ...

    def contains(self, text: sa.ColumnElement[str], part: str) -> sa.ColumnElement[bool]:
        """Whether ``part`` is in ``text``, byte by byte."""
        ...

    def settled_logs(self) -> sa.ColumnElement[bool] | None:
        """What holds for log lines below which no line can appear any more; None when all are so."""
        ...
