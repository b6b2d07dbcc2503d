"""States of triggers: claimed, decided, changed (design D7)."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.changes import start_executions
from segue.adapters.databases.sql.codecs import from_micros, storable, to_micros
from segue.adapters.databases.sql.conditions import Condition, contains_any_case, page_of
from segue.adapters.databases.sql.evaluations import (
    consume_outcomes,
    insert_evaluations,
    mend_evaluations,
    waiting_outcomes,
)
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.logs import INSERT_LOGS, log_rows
from segue.adapters.databases.sql.statements import Statement, Transaction
from segue.adapters.databases.sql.trigger_filters import trigger_condition
from segue.adapters.databases.sql.trigger_rows import (
    STATE_COLUMNS,
    delete_states,
    lock_triggers,
    state_of,
    states_of_flow,
    unlock_triggers,
    write_states,
)
from segue.domain.trigger.evaluation import Outcome
from segue.domain.trigger.state import TriggerKey, TriggerKind, TriggerState
from segue.ports.repositories.paging import Page
from segue.ports.repositories.triggers import TriggerQuery, TriggerTurn

_GET = Statement("triggers.get", f"SELECT {STATE_COLUMNS} FROM triggers WHERE uid = :uid")  # noqa: S608  # ours
_EACH = Statement("triggers.each", f"SELECT {STATE_COLUMNS} FROM triggers WHERE uid = EACH(:uids)")  # noqa: S608  # ours
_KNOWN = Statement("triggers.known", "SELECT uid FROM triggers WHERE uid = EACH(:uids)")
_CLAIM = Statement("triggers.claim")
_NEXT_DUE = Statement(
    "triggers.next",
    "SELECT due_at FROM triggers WHERE due_at IS NOT NULL AND kind = EACH(:kinds) ORDER BY due_at, uid LIMIT 1",
)
_UPCOMING = Statement(
    "triggers.upcoming",
    f"""SELECT {STATE_COLUMNS} FROM triggers WHERE due_at < :before AND kind = EACH(:kinds)
        ORDER BY due_at, uid LIMIT :limit""",  # noqa: S608  # ours
)
_LEFT = Statement(
    "triggers.left",
    """SELECT uid, execution_id FROM triggers WHERE execution_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = triggers.execution_id AND e.open)""",
)
_STILL = Statement("triggers.still", "SELECT uid, execution_id FROM triggers WHERE uid = EACH(:uids)")
_TRIGGERS = tables.triggers
_STATE = [_TRIGGERS.c[name.strip()] for name in STATE_COLUMNS.split(",")]
_SORTABLE: dict[str, sa.ColumnElement[Any]] = {
    "triggerId": _TRIGGERS.c.trigger_id,
    "flowId": _TRIGGERS.c.flow_id,
    "namespace": _TRIGGERS.c.namespace,
    "kind": _TRIGGERS.c.kind,
    "disabled": _TRIGGERS.c.disabled,
    "executionId": _TRIGGERS.c.execution_id,
    "workerId": _TRIGGERS.c.worker_id,
    "nextExecutionDate": _TRIGGERS.c.next_at,
    "nextEvaluationDate": _TRIGGERS.c.next_at,
    "lastTriggeredDate": _TRIGGERS.c.triggered_at,
}


class SqlTriggers:
    """See ``TriggerRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def get(self, key: TriggerKey) -> TriggerState | None:
        """See ``TriggerRepository.get``."""
        uid = storable(key.uid)
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_GET, uid=uid))
        return state_of(rows[0]) if rows else None

    async def of_flow(self, tenant: str, namespace: str, flow_id: str) -> list[TriggerState]:
        """See ``TriggerRepository.of_flow``."""
        place = storable(tenant), storable(namespace), storable(flow_id)
        return await self._lanes.read(lambda transaction: states_of_flow(transaction, *place))

    async def known(self, keys: Sequence[TriggerKey]) -> frozenset[TriggerKey]:
        """See ``TriggerRepository.known``."""
        by_uid = {storable(key.uid): key for key in keys}
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_KNOWN, uids=sorted(by_uid)))
        return frozenset(by_uid[row[0]] for row in rows)

    async def search(self, query: TriggerQuery) -> Page[TriggerState]:
        """See ``TriggerRepository.search``. A sort field that is not known is left out."""
        order = [_direction(*sort) for sort in query.page.sort if sort[0] in _SORTABLE]
        statement = sa.select(*_STATE).where(*_conditions(query)).order_by(*order, _TRIGGERS.c.uid)
        rows, total = await self._lanes.search(page_of(statement, query.page))
        return Page([state_of(row) for row in rows], total)

    async def count(self, query: TriggerQuery) -> int:
        """See ``TriggerRepository.count``."""
        statement = sa.select(sa.func.count()).select_from(_TRIGGERS).where(*_conditions(query))
        return await self._lanes.search(lambda connection: int(connection.execute(statement).scalar_one()))

    async def scan(self, query: TriggerQuery, after: str, limit: int) -> list[TriggerState]:
        """See ``TriggerRepository.scan``."""
        further = _TRIGGERS.c.uid > storable(after)
        statement = sa.select(*_STATE).where(*_conditions(query), further).order_by(_TRIGGERS.c.uid).limit(limit)
        rows = await self._lanes.search(lambda connection: list(connection.execute(statement)))
        return [state_of(row) for row in rows]

    async def claim(
        self, now: datetime, until: datetime, limit: int, kinds: Collection[TriggerKind]
    ) -> list[TriggerState]:
        """See ``TriggerRepository.claim``."""
        given = {"now": to_micros(now), "until": to_micros(until), "limit": limit, "kinds": _names(kinds)}
        rows = await self._lanes.write(lambda transaction: transaction.fetch(_CLAIM, **given))
        states = [state_of(row) for row in rows]
        return sorted(states, key=lambda state: (state.pending_at or now, state.key))

    async def apply(self, turns: Sequence[TriggerTurn]) -> frozenset[str]:
        """See ``TriggerRepository.apply``. Raises ``ValueError`` for two turns of one trigger."""
        if not turns:
            return frozenset()
        uids = [turn.state.key.uid for turn in turns]
        if len(set(uids)) != len(uids):
            raise ValueError("a batch holds at most one turn of a trigger")

        def work(transaction: Transaction) -> frozenset[str]:
            versions = lock_triggers(transaction, uids)
            winners = [turn for turn in turns if versions.get(turn.state.key.uid) == turn.state.version]
            write_states(transaction, [turn.state for turn in winners])
            start_executions(transaction, [new for turn in winners for new in turn.executions])
            insert_evaluations(transaction, [job for turn in winners for job in turn.jobs])
            consume_outcomes(transaction, [id_ for turn in winners for id_ in turn.outcomes])
            transaction.insert(INSERT_LOGS, log_rows(line for turn in winners for line in turn.logs))
            return frozenset(uids).difference(turn.state.key.uid for turn in winners)

        return await self._lanes.write(work)

    async def next_due(self, kinds: Collection[TriggerKind]) -> datetime | None:
        """See ``TriggerRepository.next_due``."""
        names = _names(kinds)
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_NEXT_DUE, kinds=names))
        return from_micros(rows[0][0]) if rows else None

    async def upcoming(self, before: datetime, limit: int, kinds: Collection[TriggerKind]) -> list[TriggerState]:
        """See ``TriggerRepository.upcoming``."""
        given = {"before": to_micros(before), "limit": limit, "kinds": _names(kinds)}
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_UPCOMING, **given))
        return [state_of(row) for row in rows]

    async def outcomes(self, limit: int) -> list[tuple[TriggerState, list[Outcome]]]:
        """See ``TriggerRepository.outcomes``."""

        def work(transaction: Transaction) -> list[tuple[TriggerState, list[Outcome]]]:
            waiting = waiting_outcomes(transaction, limit)
            if not waiting:
                return []
            states = [state_of(row) for row in transaction.fetch(_EACH, uids=sorted(waiting))]
            return [(state, waiting[state.key.uid]) for state in states]

        return await self._lanes.read(work)

    async def change(self, key: TriggerKey, change: Callable[[TriggerState], TriggerState]) -> TriggerState | None:
        """See ``TriggerRepository.change``."""
        uid = storable(key.uid)

        def work(transaction: Transaction) -> TriggerState | None:
            if not lock_triggers(transaction, [uid]):
                return None
            (row,) = transaction.fetch(_GET, uid=uid)
            state = state_of(row)
            changed = change(state)
            if changed is not state:
                write_states(transaction, [changed])
            return changed

        return await self._lanes.write(work)

    async def change_many(
        self, keys: Sequence[TriggerKey], change: Callable[[TriggerState], TriggerState]
    ) -> list[TriggerState]:
        """See ``TriggerRepository.change_many``."""
        uids = sorted({storable(key.uid) for key in keys})

        def work(transaction: Transaction) -> list[TriggerState]:
            if not uids or not lock_triggers(transaction, uids):
                return []
            before = [state_of(row) for row in transaction.fetch(_EACH, uids=uids)]
            both = [(state, change(state)) for state in before]
            changed = [after for state, after in both if after is not state]
            write_states(transaction, changed)
            return changed

        return await self._lanes.write(work)

    async def remove(self, keys: Sequence[TriggerKey]) -> int:
        """See ``TriggerRepository.remove``."""
        return await self._lanes.write(lambda transaction: delete_states(transaction, keys))

    async def mend(self, now: datetime) -> list[str]:
        """See ``TriggerRepository.mend``."""

        def work(transaction: Transaction) -> list[str]:
            lost = [each.key.uid for each in mend_evaluations(transaction, to_micros(now))]
            left = {row[0]: row[1] for row in transaction.fetch(_LEFT)}
            if not left:
                return lost
            lock_triggers(transaction, sorted(left))
            still = [row[0] for row in transaction.fetch(_STILL, uids=sorted(left)) if left[row[0]] == row[1]]
            unlock_triggers(transaction, still, to_micros(now))
            return [*lost, *still]

        return await self._lanes.write(work)


def _names(kinds: Collection[TriggerKind]) -> list[str]:
    return sorted(kind.value for kind in kinds)


def _conditions(query: TriggerQuery) -> list[Condition]:
    columns = _TRIGGERS.c
    conditions: list[Condition] = [columns.tenant == storable(query.tenant)]
    if query.text is not None:
        conditions.append(contains_any_case((columns.trigger_id, columns.flow_id, columns.namespace), query.text))
    for column, value in ((columns.namespace, query.namespace), (columns.flow_id, query.flow_id)):
        if value is not None:
            conditions.append(column == storable(value))
    if query.where is not None:
        conditions.append(trigger_condition(query.where))
    return conditions


def _direction(field: str, ascending: bool) -> sa.ColumnElement[Any]:
    """The order by a field; what has no value comes last in both directions."""
    column = _SORTABLE[field]
    order = column.asc() if ascending else column.desc()
    return order.nulls_last() if column.nullable else order
