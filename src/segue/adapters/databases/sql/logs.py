"""Log lines: appended by everybody, followed by position (REST API 4.5)."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import from_micros, storable, to_micros
from segue.adapters.databases.sql.conditions import contains_any_case, in_namespace, page_of
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.statements import Insert, Row, Transaction
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.ports.repositories.logs import LogQuery
from segue.ports.repositories.paging import Page

_COLUMNS = (
    "id", "tenant", "namespace", "flow_id", "execution_id", "task_id", "task_run_id", "attempt", "trigger_id",
    "thread", "at", "severity", "message",
)  # fmt: skip
INSERT_LOGS = Insert(tables.logs, _COLUMNS, "ON CONFLICT (id) DO NOTHING")
"""At most once in a transaction: the order of the rows becomes their position."""

_LEVELS = {level.severity: level for level in LogLevel}
_LOGS = tables.logs
_FIELDS = [_LOGS.c.position, *(_LOGS.c[name] for name in _COLUMNS)]


def log_rows(lines: Iterable[LogEntry]) -> list[Row]:
    """Rows for ``INSERT_LOGS``."""
    return [
        (
            storable(line.id),
            line.tenant,
            line.namespace,
            line.flow_id,
            line.execution_id,
            line.task_id,
            line.task_run_id,
            line.attempt,
            line.trigger_id,
            None if line.thread is None else storable(line.thread),
            to_micros(line.at),
            line.level.severity,
            storable(line.message),
        )
        for line in lines
    ]


class SqlLogs:
    """See ``LogRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def lines(
        self, query: LogQuery, after_cursor: int = 0, limit: int = 10_000
    ) -> tuple[Sequence[LogEntry], int]:
        """See ``LogRepository.lines``.

        A line appears once no transaction that is still running can put one before it: some milliseconds
        after its commit, or later while somebody keeps a writing transaction open.
        """
        conditions = [*_conditions(query), _LOGS.c.position > after_cursor]
        settled = self._lanes.dialect.settled_logs()
        if settled is not None:
            conditions.append(settled)
        statement = sa.select(*_FIELDS).where(*conditions).order_by(_LOGS.c.position).limit(limit)

        def work(connection: sa.Connection) -> list[Any]:
            return list(connection.execute(statement))

        rows = await self._lanes.search(work)
        return [_entry(row) for row in rows], rows[-1].position if rows else after_cursor

    async def search(self, query: LogQuery) -> Page[LogEntry]:
        """See ``LogRepository.search``."""
        conditions = _conditions(query)
        order = [_LOGS.c.at.desc(), _LOGS.c.position.desc()]
        if query.page.sort and query.page.sort[0] == ("timestamp", True):
            order = [_LOGS.c.at.asc(), _LOGS.c.position.asc()]
        statement = sa.select(*_FIELDS).where(*conditions).order_by(*order)
        rows, total = await self._lanes.search(page_of(statement, query.page))
        return Page([_entry(row) for row in rows], total)

    async def append(self, lines: Sequence[LogEntry]) -> None:
        """See ``LogRepository.append``."""
        rows = log_rows(lines)

        def work(transaction: Transaction) -> None:
            transaction.insert(INSERT_LOGS, rows)

        if rows:
            await self._lanes.write(work)

    async def delete(self, query: LogQuery, limit: int | None = None) -> int:
        """See ``LogRepository.delete``."""
        conditions = _conditions(query)
        if limit is not None:
            oldest = sa.select(_LOGS.c.position).where(*conditions).order_by(_LOGS.c.position).limit(limit)
            conditions = [_LOGS.c.position.in_(oldest)]
        statement = sa.delete(_LOGS).where(*conditions)
        return await self._lanes.write_core(lambda connection: connection.execute(statement).rowcount)


def _conditions(query: LogQuery) -> list[sa.ColumnElement[bool]]:
    """The conditions of a query; a field left out does not matter."""
    columns = _LOGS.c
    conditions: list[sa.ColumnElement[bool]] = [columns.tenant == storable(query.tenant)]
    for column, value in (
        (columns.execution_id, query.execution_id),
        (columns.task_id, query.task_id),
        (columns.task_run_id, query.task_run_id),
        (columns.flow_id, query.flow_id),
        (columns.trigger_id, query.trigger_id),
        (columns.namespace, query.namespace),
    ):
        if value is not None:
            conditions.append(column == storable(value))
    if query.attempt is not None:
        conditions.append(columns.attempt == query.attempt)
    if query.minimum_level.severity > 0:
        conditions.append(columns.severity >= query.minimum_level.severity)
    if query.levels:
        conditions.append(columns.severity.in_([level.severity for level in query.levels]))
    if query.of_executions is not None:
        conditions.append(columns.execution_id.is_not(None) if query.of_executions else columns.execution_id.is_(None))
    if query.namespace_prefix is not None:
        conditions.append(in_namespace(columns.namespace, query.namespace_prefix))
    if query.text is not None:
        conditions.append(contains_any_case((columns.message,), query.text))
    if query.after is not None:
        conditions.append(columns.at >= to_micros(query.after))
    if query.before is not None:
        conditions.append(columns.at <= to_micros(query.before))
    return conditions


def _entry(row: Any) -> LogEntry:
    return LogEntry(
        id=row.id,
        tenant=row.tenant,
        namespace=row.namespace,
        flow_id=row.flow_id,
        at=from_micros(row.at),
        level=_LEVELS[row.severity],
        message=row.message,
        execution_id=row.execution_id,
        task_id=row.task_id,
        task_run_id=row.task_run_id,
        attempt=row.attempt,
        trigger_id=row.trigger_id,
        thread=row.thread,
    )
