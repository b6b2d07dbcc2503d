"""Log lines, read (REST API 4.5)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from segue.domain.execution.logs import LogEntry, LogLevel
from segue.ports.repositories.paging import Page, PageRequest


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines; every condition given must hold."""

    tenant: str
    execution_id: str | None = None
    task_id: str | None = None
    task_run_id: str | None = None
    trigger_id: str | None = None
    attempt: int | None = None
    minimum_level: LogLevel = LogLevel.TRACE
    levels: tuple[LogLevel, ...] = ()
    """These levels only."""
    of_executions: bool | None = None
    """Only lines of executions, or only the others."""
    text: str | None = None
    namespace: str | None = None
    namespace_prefix: str | None = None
    flow_id: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    page: PageRequest = PageRequest()


class LogRepository(Protocol):
    """Log lines, always in the order they were written."""

    async def lines(
        self, query: LogQuery, after_cursor: int = 0, limit: int = 10_000
    ) -> tuple[Sequence[LogEntry], int]:
        """Lines stored after the cursor, oldest first, and the cursor to go on from (0 begins).

        A follower that goes on from the cursor sees every line once, whatever committed in between.
        """
        ...

    async def search(self, query: LogQuery) -> Page[LogEntry]:
        """One page of the matches, newest first."""
        ...

    async def append(self, lines: Sequence[LogEntry]) -> None:
        """Store lines; one whose id is there already is dropped."""
        ...

    async def delete(self, query: LogQuery, limit: int | None = None) -> int:
        """Remove the matches, of more than ``limit`` the oldest; how many were removed."""
        ...
