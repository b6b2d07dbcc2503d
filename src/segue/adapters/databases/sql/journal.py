"""The executor's hot path: read a batch of inboxes, write a batch of decisions (design D1, D3)."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.changes import write_changes
from segue.adapters.databases.sql.codecs import (
    decode_execution,
    decode_task_run,
    from_micros,
    now_micros,
    storable,
    to_micros,
)
from segue.adapters.databases.sql.inbox import INSERT_FACTS, INSERT_KEYED_FACTS, fact_rows
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.outputs import SqlOutputs
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction
from segue.adapters.databases.sql.transitions import FOLLOWER_EPOCH
from segue.domain.execution.facts import InboxFact, TimerDue, decode_fact
from segue.domain.execution.model import Execution
from segue.domain.execution.task_run import TaskRun
from segue.ports.repositories.journal import Change, DeadLetter, Loaded, Snapshot

logger = logging.getLogger(__name__)

# The rows are sorted here: with ORDER BY a planner that thinks the table small walks through all of its
# primary key, over every row that was removed and not yet cleaned away.
_FACTS = Statement("inbox.load", "SELECT seq, execution_id, payload FROM inbox WHERE execution_id = EACH(:ids)")
_EXECUTIONS = Statement("executions.load", "SELECT id, version, body FROM executions WHERE id = EACH(:ids)")
_TASK_RUNS = Statement(
    "task_runs.load", "SELECT position, execution_id, body FROM task_runs WHERE execution_id = EACH(:ids)"
)
_OPEN_CHILDREN = Statement(
    "executions.children", "SELECT id FROM executions WHERE caller_id = :caller_id AND open ORDER BY id"
)
_FAILED_CHILDREN = Statement(
    "executions.failed_children",
    "SELECT version, body FROM executions WHERE caller_id = :caller_id AND state = 'FAILED' ORDER BY id",
)
_LOCK = Statement("executions.lock")
_WAITING = Statement(
    "inbox.waiting", "SELECT execution_id FROM inbox WHERE created_at < :before ORDER BY seq LIMIT :limit"
)
_FORGET = Statement("inbox.delete", "DELETE FROM inbox WHERE seq = EACH(:seqs)")
_TAKE = Statement(
    "inbox.take",
    "DELETE FROM inbox WHERE seq = EACH(:seqs) RETURNING seq, execution_id, kind, payload, dedup_key",
)
_PARKED = Statement(
    "dead_letters.list",
    """SELECT id, execution_id, kind, payload, error, parked_at FROM dead_letters
       ORDER BY id DESC LIMIT :limit""",
)
_REVIVE = Statement(
    "dead_letters.take",
    "DELETE FROM dead_letters WHERE id = :id RETURNING execution_id, kind, payload, dedup_key, parked_at",
)
_DUE = Statement("timers.due")
_NEXT_DUE = Statement("timers.next", "SELECT due_at FROM timers ORDER BY due_at LIMIT 1")
_PARK = Insert(tables.dead_letters, ("execution_id", "kind", "payload", "dedup_key", "error", "parked_at"))


class SqlJournal:
    """See ``Journal``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._outputs = SqlOutputs(lanes)

    async def load(self, execution_ids: Sequence[str], cached: Collection[str]) -> Loaded:
        """See ``Journal.load``. A fact that cannot be read is parked, so that it blocks nothing."""
        if not execution_ids:
            return Loaded({}, {})
        ids = list(dict.fromkeys(execution_ids))
        known = frozenset(cached)

        def work(transaction: Transaction) -> tuple[Loaded, list[tuple[int, str]]]:
            facts, unreadable = _read_facts(sorted(transaction.fetch(_FACTS, ids=ids)))
            missing = [execution_id for execution_id in facts if execution_id not in known]
            epoch = transaction.fetch(FOLLOWER_EPOCH)
            return Loaded(facts, _read_snapshots(transaction, missing), epoch[0][0] if epoch else 0), unreadable

        loaded, unreadable = await self._lanes.read(work)
        for seq, error in unreadable:
            logger.error("fact %d cannot be read and is parked: %s", seq, error)
            await self._park([seq], f"cannot be read: {error}", None)
        return loaded

    async def apply(self, changes: Sequence[Change]) -> frozenset[str]:
        """See ``Journal.apply``. Raises ``ValueError`` for two changes of one execution."""
        if not changes:
            return frozenset()
        ids = [change.execution.id for change in changes]
        if len(set(ids)) != len(ids):
            raise ValueError("a batch holds at most one change of an execution")

        def work(transaction: Transaction) -> frozenset[str]:
            versions: dict[str, int] = {row[0]: row[1] for row in transaction.fetch(_LOCK, ids=ids)}
            winners = [item for item in changes if versions.get(item.execution.id) == item.execution.version]
            if len(winners) == len(changes):
                write_changes(transaction, changes)
                return frozenset()
            if winners:
                write_changes(transaction, winners)
            return frozenset(ids).difference(item.execution.id for item in winners)

        return await self._lanes.write(work)

    async def outputs(self, owner_ids: Sequence[str]) -> dict[str, bytes]:
        """See ``Journal.outputs``."""
        return await self._outputs.get_many(owner_ids)

    async def open_children(self, execution_id: str) -> list[str]:
        """See ``Journal.open_children``."""
        rows = await self._lanes.read(lambda tx: tx.fetch(_OPEN_CHILDREN, caller_id=execution_id))
        return [row[0] for row in rows]

    async def failed_children(self, execution_id: str) -> list[tuple[str, str]]:
        """See ``Journal.failed_children``."""
        rows = await self._lanes.read(lambda tx: tx.fetch(_FAILED_CHILDREN, caller_id=execution_id))
        found = [decode_execution(row[1], row[0]) for row in rows]
        return [(each.id, each.caller.task_run_id) for each in found if each.caller is not None]

    async def executions(self, execution_ids: Sequence[str]) -> dict[str, Execution]:
        """See ``Journal.executions``."""
        ids = [storable(execution_id) for execution_id in execution_ids]
        rows = await self._lanes.read(lambda tx: tx.fetch(_EXECUTIONS, ids=ids))
        return {row[0]: decode_execution(row[2], row[1]) for row in rows}

    async def waiting(self, older_than: datetime, limit: int) -> list[str]:
        """See ``Journal.waiting``."""
        before = to_micros(older_than)
        rows = await self._lanes.read(lambda tx: tx.fetch(_WAITING, before=before, limit=limit))
        return list(dict.fromkeys(row[0] for row in rows))

    async def forget(self, seqs: Sequence[int]) -> None:
        """See ``Journal.forget``."""
        if seqs:
            await self._lanes.write(lambda tx: tx.execute(_FORGET, seqs=list(seqs)))

    async def park(self, facts: Sequence[InboxFact], error: str, at: datetime) -> None:
        """See ``Journal.park``."""
        if facts:
            await self._park([fact.seq for fact in facts], error, to_micros(at))

    async def _park(self, seqs: list[int], error: str, at: int | None) -> None:
        def work(transaction: Transaction) -> None:
            taken = sorted(transaction.fetch(_TAKE, seqs=seqs))
            reason = storable(error)
            transaction.insert(_PARK, [(*row[1:], reason, moment) for row in taken])

        moment = now_micros() if at is None else at
        await self._lanes.write(work)

    async def parked(self, limit: int = 100) -> list[DeadLetter]:
        """See ``Journal.parked``."""
        rows = await self._lanes.read(lambda tx: tx.fetch(_PARKED, limit=limit))
        return [
            DeadLetter(
                id=row[0],
                execution_id=row[1],
                kind=row[2],
                payload=row[3].encode(),
                error=row[4],
                parked_at=from_micros(row[5]),
            )
            for row in rows
        ]

    async def revive(self, dead_letter_id: int) -> str | None:
        """See ``Journal.revive``."""

        def work(transaction: Transaction) -> str | None:
            rows = transaction.fetch(_REVIVE, id=dead_letter_id)
            transaction.insert(INSERT_KEYED_FACTS, rows)
            return rows[0][0] if rows else None

        return await self._lanes.write(work)

    async def due(self, now: datetime, limit: int) -> list[str]:
        """See ``Journal.due``."""
        moment = to_micros(now)

        def work(transaction: Transaction) -> list[str]:
            rows = sorted(transaction.fetch(_DUE, now=moment, limit=limit))
            facts = [(execution_id, TimerDue(timer_id)) for _, timer_id, execution_id in rows]
            transaction.insert(INSERT_FACTS, fact_rows(facts))
            return list(dict.fromkeys(row[2] for row in rows))

        return await self._lanes.write(work)

    async def next_due(self) -> datetime | None:
        """See ``Journal.next_due``."""
        rows = await self._lanes.read(lambda tx: tx.fetch(_NEXT_DUE))
        return from_micros(rows[0][0]) if rows else None


def _read_facts(rows: list[Row]) -> tuple[dict[str, list[InboxFact]], list[tuple[int, str]]]:
    facts: dict[str, list[InboxFact]] = {}
    unreadable: list[tuple[int, str]] = []
    for seq, execution_id, payload in rows:
        try:
            fact = InboxFact(seq, execution_id, decode_fact(payload))
        except msgspec.MsgspecError as error:
            unreadable.append((seq, str(error)))
            continue
        facts.setdefault(execution_id, []).append(fact)
    return facts, unreadable


def _read_snapshots(transaction: Transaction, ids: list[str]) -> dict[str, Snapshot]:
    if not ids:
        return {}
    rows = transaction.fetch(_EXECUTIONS, ids=ids)
    found: dict[str, list[TaskRun]] = {row[0]: [] for row in rows}
    for _, execution_id, body in sorted(transaction.fetch(_TASK_RUNS, ids=ids)):
        if execution_id in found:
            found[execution_id].append(decode_task_run(body))
    return {row[0]: Snapshot(decode_execution(row[2], row[1]), found[row[0]]) for row in rows}
