"""Slots and the queues for them, as rows (design D8).

The row of the scope in ``concurrency_limits`` is locked before its slots change hands. Whoever locks executions
too has locked them before, so that nobody waits in a circle.
"""

from collections.abc import Sequence

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import storable, to_micros
from segue.adapters.databases.sql.inbox import INSERT_KEYED_FACTS, keyed_fact_rows
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction
from segue.domain.execution.facts import SlotGranted
from segue.domain.execution.slots import SlotRequest
from segue.ports.repositories.slots import Mended, SlotUsage, Taken

_KEY = "slot"
_LOCK_EXECUTIONS = Statement("executions.lock")
_LOCK_LIMITS = Statement("limits.lock")
_SET_LIMIT = Insert(
    tables.concurrency_limits,
    ("scope", "revision", "max_running"),
    """ON CONFLICT (scope) DO UPDATE SET
       max_running = CASE WHEN excluded.revision >= concurrency_limits.revision
           THEN excluded.max_running ELSE concurrency_limits.max_running END,
       revision = CASE WHEN excluded.revision >= concurrency_limits.revision
           THEN excluded.revision ELSE concurrency_limits.revision END""",
)
_INSERT_SLOT = Insert(tables.concurrency_slots, ("execution_id", "scope", "held", "created_at"))
_OWN = Statement("slots.own", "SELECT held FROM concurrency_slots WHERE execution_id = :id")
_HOLD = Statement("slots.hold", "UPDATE concurrency_slots SET held = TRUE WHERE execution_id = EACH(:ids)")
_COUNT = Statement("slots.count", "SELECT count(*) FROM concurrency_slots WHERE scope = :scope AND held")
_NEXT = Statement(
    "slots.next",
    """SELECT execution_id FROM concurrency_slots WHERE scope = :scope AND NOT held
       ORDER BY created_at, execution_id LIMIT :free""",
)
_SCOPES = Statement("slots.scopes", "SELECT DISTINCT scope FROM concurrency_slots WHERE execution_id = EACH(:ids)")
_REMOVE = Statement("slots.remove", "DELETE FROM concurrency_slots WHERE execution_id = EACH(:ids)")
_WOKEN = Statement(
    "slots.woken",
    """SELECT s.execution_id FROM concurrency_slots s
       JOIN inbox i ON i.execution_id = s.execution_id AND i.dedup_key = 'slot'
       WHERE s.scope = EACH(:scopes) AND s.held""",
)
_USAGE = Statement(
    "slots.usage",
    """SELECT l.scope, l.max_running,
           (SELECT count(*) FROM concurrency_slots s WHERE s.scope = l.scope AND s.held),
           (SELECT count(*) FROM concurrency_slots s WHERE s.scope = l.scope AND NOT s.held)
       FROM concurrency_limits l WHERE l.scope >= :low AND l.scope < :high ORDER BY l.scope""",
)
# An execution that has an unread fact may be about to go on: what it took for that is not in its row yet.
_IS_LEFT = """NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = concurrency_slots.execution_id AND e.open)
    AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.execution_id = concurrency_slots.execution_id)"""
_DOUBTFUL = Statement(
    "slots.doubtful",
    f"SELECT DISTINCT scope FROM concurrency_slots WHERE NOT held OR ({_IS_LEFT})",  # noqa: S608  # ours
)
_REMOVE_LEFT = Statement(
    "slots.left",
    f"DELETE FROM concurrency_slots WHERE scope = EACH(:scopes) AND {_IS_LEFT} RETURNING execution_id",  # noqa: S608  # ours
)
_UNTOLD = Statement(
    "slots.untold",
    """SELECT s.execution_id FROM concurrency_slots s JOIN executions e ON e.id = s.execution_id
       WHERE s.held AND e.state = 'QUEUED'
       AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.execution_id = s.execution_id)""",
)
_LAST = "\U0010ffff"


class SqlSlots:
    """See ``SlotRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def take(self, request: SlotRequest) -> Taken:
        """See ``SlotRepository.take``."""
        return await self._lanes.write(lambda transaction: _take(transaction, request))

    async def change_limit(self, scope: str, revision: int, limit: int | None) -> list[str]:
        """See ``SlotRepository.change_limit``."""

        def work(transaction: Transaction) -> list[str]:
            if not transaction.fetch(_LOCK_LIMITS, scopes=[scope]):
                return []
            transaction.insert(_SET_LIMIT, [(scope, revision, limit)])
            return _hand_over(transaction, [scope])

        return await self._lanes.write(work)

    async def woken(self, scopes: Sequence[str]) -> list[str]:
        """See ``SlotRepository.woken``."""
        wanted = list(scopes)
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_WOKEN, scopes=wanted))
        return [row[0] for row in rows]

    async def usage(self, prefix: str) -> list[SlotUsage]:
        """See ``SlotRepository.usage``."""
        low = storable(prefix)
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_USAGE, low=low, high=low + _LAST))
        return [SlotUsage(*row) for row in rows]

    async def mend(self) -> Mended:
        """See ``SlotRepository.mend``."""

        def work(transaction: Transaction) -> Mended:
            scopes = sorted(row[0] for row in transaction.fetch(_DOUBTFUL))
            removed: list[str] = []
            woken: list[str] = []
            if scopes:
                limits = _limits(transaction, scopes)
                removed = sorted(row[0] for row in transaction.fetch(_REMOVE_LEFT, scopes=scopes))
                woken = _hand_over(transaction, scopes, limits)
            untold = [row[0] for row in transaction.fetch(_UNTOLD)]
            _tell(transaction, untold)
            return Mended(removed, woken + untold)

        return await self._lanes.write(work)


def release_slots(transaction: Transaction, execution_ids: list[str]) -> list[str]:
    """Remove what these executions hold and wait for; the ids of those who get it."""
    if not execution_ids:
        return []
    scopes = sorted(row[0] for row in transaction.fetch(_SCOPES, ids=execution_ids))
    if not scopes:
        return []
    limits = _limits(transaction, scopes)
    transaction.execute(_REMOVE, ids=execution_ids)
    return _hand_over(transaction, scopes, limits)


def _take(transaction: Transaction, request: SlotRequest) -> Taken:
    known = transaction.fetch(_LOCK_EXECUTIONS, ids=[request.execution_id])
    if not known or known[0][1] != request.version:
        return Taken(held=False, waits=True)
    scope = request.scope
    transaction.insert(_SET_LIMIT, [(scope, request.revision, request.limit)])
    limits = _limits(transaction, [scope])
    if _own(transaction, request) is None and (request.queues or request.is_forced):
        row: Row = (request.execution_id, scope, False, to_micros(request.created_at))
        transaction.insert(_INSERT_SLOT, [row])
    if request.is_forced:
        transaction.execute(_HOLD, ids=[request.execution_id])
    woken = _hand_over(transaction, [scope], limits, but=request.execution_id)
    held = _own(transaction, request)
    if held is None and _free(transaction, scope, limits[scope]):
        row = (request.execution_id, scope, True, to_micros(request.created_at))
        transaction.insert(_INSERT_SLOT, [row])
        held = True
    return Taken(bool(held), held is False, woken)


def _own(transaction: Transaction, request: SlotRequest) -> bool | None:
    """Whether the execution holds its slot; None when it has none and no place in the queue either."""
    rows = transaction.fetch(_OWN, id=request.execution_id)
    return bool(rows[0][0]) if rows else None


def _limits(transaction: Transaction, scopes: list[str]) -> dict[str, int | None]:
    """Lock the scopes. One that is not there has no limit."""
    return dict.fromkeys(scopes) | {row[0]: row[1] for row in transaction.fetch(_LOCK_LIMITS, scopes=scopes)}


def _free(transaction: Transaction, scope: str, limit: int | None) -> int:
    if limit is None:
        return 2**31 - 1
    return max(0, limit - int(transaction.fetch(_COUNT, scope=scope)[0][0]))


def _hand_over(
    transaction: Transaction, scopes: list[str], limits: dict[str, int | None] | None = None, but: str | None = None
) -> list[str]:
    """Give free slots to those who have waited longest, and tell them, ``but`` for the one who asks just now."""
    limits = _limits(transaction, scopes) if limits is None else limits
    happy: list[str] = []
    for scope in scopes:
        free = _free(transaction, scope, limits[scope])
        if free:
            happy += [row[0] for row in transaction.fetch(_NEXT, scope=scope, free=free)]
    if not happy:
        return []
    transaction.execute(_HOLD, ids=happy)
    others = [execution_id for execution_id in happy if execution_id != but]
    _tell(transaction, others)
    return others


def _tell(transaction: Transaction, execution_ids: list[str]) -> None:
    transaction.insert(INSERT_KEYED_FACTS, keyed_fact_rows((each, SlotGranted(), _KEY) for each in execution_ids))
