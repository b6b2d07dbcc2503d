"""Executions as their users see them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.changes import INSERT_EXECUTIONS, execution_row
from segue.adapters.databases.sql.codecs import (
    decode_execution,
    decode_task_run,
    from_micros,
    label_needle,
    now_micros,
    storable,
    to_micros,
)
from segue.adapters.databases.sql.conditions import contains_any_case, in_namespace, page_of
from segue.adapters.databases.sql.execution_filters import column_of, condition_of
from segue.adapters.databases.sql.inbox import INSERT_FACTS, INSERT_KEYED_FACTS, fact_rows, keyed_fact_rows
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.slots import release_slots
from segue.adapters.databases.sql.statements import Row, Statement, Transaction
from segue.adapters.databases.sql.trigger_rows import free_triggers
from segue.domain.errors import AlreadyExistsError
from segue.domain.execution.facts import Created, Fact
from segue.domain.execution.model import Execution
from segue.domain.execution.state import TERMINATED
from segue.domain.execution.task_run import TaskRun
from segue.ports.repositories.executions import ExecutionQuery, Purge, Purged
from segue.ports.repositories.filters import ExecutionField
from segue.ports.repositories.paging import Page

_GET = Statement("executions.get", "SELECT version, body FROM executions WHERE id = :id AND tenant = :tenant")
_GET_MANY = Statement("executions.many", "SELECT id, version, body FROM executions WHERE id = EACH(:ids)")
_TASK_RUNS = Statement("task_runs.list", "SELECT body FROM task_runs WHERE execution_id = :id ORDER BY position")
_BACKLOG = Statement("inbox.count", "SELECT count(*) FROM inbox")
_UNREAD = Statement("inbox.unread", "SELECT 1 FROM inbox WHERE execution_id = :id AND dedup_key = :key LIMIT 1")
_LOOP_CHILDREN = Statement(
    "executions.loops",
    "SELECT version, body FROM executions WHERE caller_id = EACH(:ids) AND kind = 'LOOP' LIMIT :limit",
)
_DELETE = Statement(
    "executions.delete",
    "DELETE FROM executions WHERE id = EACH(:ids) AND tenant = :tenant RETURNING id, version, body",
)
_OWNED = Statement(
    "executions.owned", "SELECT id, version, body FROM executions WHERE id = EACH(:ids) AND tenant = :tenant"
)


def _purge(table: str) -> Statement:
    return Statement(f"{table}.purge", f"DELETE FROM {table} WHERE execution_id = EACH(:ids)")  # noqa: S608  # our names


def _count(table: str) -> Statement:
    return Statement(f"{table}.owned", f"SELECT count(*) FROM {table} WHERE execution_id = EACH(:ids)")  # noqa: S608  same


_DELETE_PARTS = tuple(map(_purge, ("jobs", "timers", "inbox", "task_runs", "dead_letters", "insights")))
_COUNTED = ("logs", "metrics", "task_outputs")
_PURGES = {table: _purge(table) for table in _COUNTED}
_COUNTS = {table: _count(table) for table in _COUNTED}

_EXECUTIONS = tables.executions
_SORTABLE: dict[str, sa.ColumnElement[Any]] = {
    "id": _EXECUTIONS.c.id,
    "namespace": _EXECUTIONS.c.namespace,
    "flowId": _EXECUTIONS.c.flow_id,
    "state.current": _EXECUTIONS.c.state,
    "state.startDate": _EXECUTIONS.c.started_at,
    "state.endDate": _EXECUTIONS.c.ended_at,
}


class SqlExecutions:
    """See ``ExecutionRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def create(self, executions: Sequence[Execution]) -> None:
        """See ``ExecutionRepository.create``."""
        if not executions:
            return
        rows = [execution_row(execution) for execution in executions]
        created = Created()
        facts = fact_rows((execution.id, created) for execution in executions)

        def work(transaction: Transaction) -> None:
            transaction.insert(INSERT_EXECUTIONS, rows)
            transaction.insert(INSERT_FACTS, facts)

        try:
            await self._lanes.write(work)
        except Exception as error:
            if not self._lanes.dialect.is_duplicate(error):
                raise
            raise AlreadyExistsError(await self._taken(executions)) from error

    async def _taken(self, executions: Sequence[Execution]) -> str:
        ids = [execution.id for execution in executions]
        found = await self.get_many(ids)
        names = ", ".join(sorted(found)) or "given twice"
        return f"executions with these ids exist already: {names}"

    async def submit(self, facts: Sequence[tuple[str, Fact, str | None]]) -> None:
        """See ``ExecutionRepository.submit``."""
        rows = keyed_fact_rows(facts)
        if rows:
            await self._lanes.write(lambda transaction: transaction.insert(INSERT_KEYED_FACTS, rows))

    async def get(self, tenant: str, execution_id: str) -> Execution | None:
        """See ``ExecutionRepository.get``."""
        key = {"id": storable(execution_id), "tenant": storable(tenant)}
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_GET, **key))
        return decode_execution(rows[0][1], rows[0][0]) if rows else None

    async def get_many(self, execution_ids: Sequence[str]) -> dict[str, Execution]:
        """See ``ExecutionRepository.get_many``."""
        if not execution_ids:
            return {}
        ids = [storable(execution_id) for execution_id in execution_ids]
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_GET_MANY, ids=ids))
        return {row[0]: decode_execution(row[2], row[1]) for row in rows}

    async def task_runs(self, execution_id: str) -> list[TaskRun]:
        """See ``ExecutionRepository.task_runs``."""
        key = storable(execution_id)
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_TASK_RUNS, id=key))
        return [decode_task_run(row[0]) for row in rows]

    async def search(self, query: ExecutionQuery) -> Page[Execution]:
        """See ``ExecutionRepository.search``. A sort field that is not known is left out."""
        columns = _EXECUTIONS.c
        statement = sa.select(columns.version, columns.body).where(*self._conditions(query)).order_by(*_order(query))
        rows, total = await self._lanes.search(page_of(statement, query.page))
        return Page([decode_execution(row.body, row.version) for row in rows], total)

    async def scan(self, query: ExecutionQuery, after_id: str, limit: int) -> list[Execution]:
        """See ``ExecutionRepository.scan``."""
        columns = _EXECUTIONS.c
        conditions = [*self._conditions(query), columns.id > storable(after_id)]
        statement = sa.select(columns.version, columns.body).where(*conditions).order_by(columns.id).limit(limit)
        rows = await self._lanes.search(lambda connection: connection.execute(statement).all())
        return [decode_execution(row.body, row.version) for row in rows]

    async def count(self, query: ExecutionQuery) -> int:
        """See ``ExecutionRepository.count``."""
        statement = sa.select(sa.func.count()).select_from(_EXECUTIONS).where(*self._conditions(query))
        return await self._lanes.search(lambda connection: int(connection.execute(statement).scalar_one()))

    async def distinct(self, query: ExecutionQuery, field: ExecutionField, limit: int) -> list[str]:
        """See ``ExecutionRepository.distinct``. Raises ``ValueError`` for a field that has no column."""
        column = column_of(field)
        conditions = [*self._conditions(query), column.is_not(None)]
        statement = sa.select(column).where(*conditions).distinct().order_by(column).limit(limit)
        rows = await self._lanes.search(lambda connection: connection.execute(statement).all())
        return [row[0] for row in rows]

    async def is_unread(self, execution_id: str, key: str) -> bool:
        """See ``ExecutionRepository.is_unread``."""
        return bool(await self._lanes.read(lambda tx: tx.fetch(_UNREAD, id=execution_id, key=key)))

    async def delete(
        self, tenant: str, execution_ids: Sequence[str], *, logs: bool = True, metrics: bool = True
    ) -> list[Execution]:
        """See ``ExecutionRepository.delete``."""
        return (await self.purge(tenant, execution_ids, Purge(logs=logs, metrics=metrics))).executions

    async def purge(self, tenant: str, execution_ids: Sequence[str], purge: Purge) -> Purged:
        """See ``ExecutionRepository.purge``."""
        ids = [storable(execution_id) for execution_id in execution_ids]

        def work(transaction: Transaction) -> tuple[list[Row], list[int]]:
            rows = transaction.fetch(_DELETE if purge.rows else _OWNED, ids=ids, tenant=storable(tenant))
            found = [row[0] for row in rows]
            counts = [0, 0, 0]
            if found and purge.rows:
                release_slots(transaction, found)
                free_triggers(transaction, found, from_micros(now_micros()))
            chosen = (("logs", purge.logs), ("metrics", purge.metrics), ("task_outputs", purge.rows))
            for place, (table, is_wanted) in enumerate(chosen):
                if found and is_wanted:
                    counts[place] = int(transaction.fetch(_COUNTS[table], ids=found)[0][0])
                    transaction.execute(_PURGES[table], ids=found)
            for statement in _DELETE_PARTS if found and purge.rows else ():
                transaction.execute(statement, ids=found)
            return rows, counts

        if not ids:
            return Purged([])
        rows, (logs, metrics, outputs) = await self._lanes.write(work)
        return Purged([decode_execution(row[2], row[1]) for row in rows], logs, metrics, outputs)

    async def loop_children(self, execution_ids: Sequence[str], limit: int) -> list[Execution]:
        """See ``ExecutionRepository.loop_children``."""
        ids = [storable(execution_id) for execution_id in execution_ids]
        rows = await self._lanes.read(lambda tx: tx.fetch(_LOOP_CHILDREN, ids=ids, limit=limit)) if ids else []
        return [decode_execution(row[1], row[0]) for row in rows]

    async def backlog(self) -> int:
        """See ``ExecutionRepository.backlog``."""
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_BACKLOG))
        return int(rows[0][0])

    def _conditions(self, query: ExecutionQuery) -> list[sa.ColumnElement[bool]]:
        columns = _EXECUTIONS.c
        conditions: list[sa.ColumnElement[bool]] = [columns.tenant == storable(query.tenant)]
        if query.text is not None:
            conditions.append(contains_any_case((columns.id, columns.flow_id, columns.namespace), query.text))
        if query.namespaces:
            conditions.append(columns.namespace.in_([storable(name) for name in query.namespaces]))
        if query.namespace_prefix is not None:
            conditions.append(in_namespace(columns.namespace, query.namespace_prefix))
        for column, value in (
            (columns.flow_id, query.flow_id),
            (columns.parent_id, query.parent_id),
            (columns.caller_id, query.caller_id),
            (columns.trigger_id, query.trigger_id),
        ):
            if value is not None:
                conditions.append(column == storable(value))
        if query.states:
            conditions.append(columns.state.in_([state.value for state in query.states]))
            if TERMINATED.isdisjoint(query.states):
                conditions.append(columns.open)  # lets the small index of open rows answer
        if query.kinds:
            conditions.append(columns.kind.in_([kind.value for kind in query.kinds]))
        if query.started_after is not None:
            conditions.append(columns.started_at >= to_micros(query.started_after))
        if query.started_before is not None:
            conditions.append(columns.started_at <= to_micros(query.started_before))
        if query.where is not None:
            conditions.append(condition_of(query.where, self._lanes.dialect))
        contains = self._lanes.dialect.contains
        conditions += [contains(columns.labels, label_needle(label)) for label in query.labels]
        return conditions


def _order(query: ExecutionQuery) -> list[sa.ColumnElement[Any]]:
    order = [
        _SORTABLE[field].asc() if ascending else _SORTABLE[field].desc()
        for field, ascending in query.page.sort
        if field in _SORTABLE
    ]
    if not order:
        order = [_EXECUTIONS.c.started_at.desc()]
    return [*order, _EXECUTIONS.c.id.desc()]
