"""Statements of the hot path, written once and compiled for a driver when it is first used.

``:name`` stands for a value. ``= EACH(:names)`` and ``<> EACH(:names)`` compare with a list of values and
read the same whatever its length, so that a driver prepares each statement once.
"""

import re
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Table

Row = tuple[Any, ...]


class Statement:
    """A statement by ``name``: ``text`` works in every database, without it each dialect has its own."""

    __slots__ = ("name", "text")

    def __init__(self, name: str, text: str | None = None) -> None:
        self.name = name
        self.text = None if text is None else re.sub(r"\s+", " ", text).strip()


class Insert:
    """Insert rows of ``columns`` into ``table``; ``conflict`` is an ``ON CONFLICT`` clause or empty."""

    __slots__ = ("columns", "conflict", "table")

    def __init__(self, table: Table, columns: Sequence[str], conflict: str = "") -> None:
        self.table = table
        self.columns = tuple(columns)
        self.conflict = conflict


class Update:
    """Update ``columns`` of the rows of ``table`` whose ``key`` is given as the last value of each row."""

    __slots__ = ("columns", "key", "table")

    def __init__(self, table: Table, columns: Sequence[str], key: str) -> None:
        self.table = table
        self.columns = tuple(columns)
        self.key = key


class Transaction(Protocol):
    """One transaction on a driver's connection. Errors are the driver's; ``lanes`` turns them into ours."""

    def fetch(self, statement: Statement, **values: object) -> list[Row]:
        """Run it and return its rows; a list among the values is for ``EACH``, one of tuples is a table."""
        ...

    def execute(self, statement: Statement, **values: object) -> None:
        """Run it for its effect; it may be sent with the next one."""
        ...

    def insert(self, insert: Insert, rows: Sequence[Row]) -> None:
        """Insert rows in their order, as one set. Nothing happens for none."""
        ...

    def update(self, update: Update, rows: Sequence[Row]) -> None:
        """Update rows as one set. Nothing happens for none."""
        ...
