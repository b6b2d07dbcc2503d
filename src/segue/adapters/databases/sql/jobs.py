"""Jobs and the workers that hold them (design D5)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import decode_job, encode, from_micros, to_micros
from segue.adapters.databases.sql.evaluations import insert_outcomes, lost_outcome
from segue.adapters.databases.sql.inbox import INSERT_FACTS, fact_rows
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.reports import prepare, write_report
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction
from segue.domain.execution.facts import JobLost
from segue.ports.repositories.jobs import ClaimedJob, Report, WorkerLease

_CLAIM = Statement("jobs.claim")
_RELEASE = Statement(
    "jobs.release",
    """UPDATE jobs SET worker_id = NULL, token = NULL, claimed_at = NULL, started_at = NULL
       WHERE worker_id = :worker AND token <> EACH(:held) RETURNING worker_queue""",
)
_LOSE = Statement(
    "jobs.lose",
    """DELETE FROM jobs WHERE worker_id = EACH(:workers)
       RETURNING task_run_id, execution_id, attempt, worker_id, started_at, trigger_uid""",
)
_LOSE_ORPHANS = Statement(
    "jobs.orphans",
    """DELETE FROM jobs WHERE worker_id IS NOT NULL AND claimed_at < :before
       AND NOT EXISTS (SELECT 1 FROM workers WHERE workers.worker_id = jobs.worker_id)
       RETURNING task_run_id, execution_id, attempt, worker_id, started_at, trigger_uid""",
)
_EXPIRE = Statement("workers.expire", "DELETE FROM workers WHERE expires_at <= :now RETURNING worker_id")
_END = Statement("workers.end", "DELETE FROM workers WHERE worker_id = :worker")
_HELD = Statement("jobs.held", "SELECT task_run_id FROM jobs WHERE worker_id = :worker ORDER BY task_run_id")
_CLAIMED = Statement("jobs.claimed", "SELECT body, token FROM jobs WHERE worker_id = :worker ORDER BY task_run_id")
_READY = Statement(
    "jobs.ready",
    """WITH RECURSIVE ready(name) AS (
           SELECT min(worker_queue) FROM jobs WHERE worker_id IS NULL
           UNION ALL
           SELECT (SELECT min(worker_queue) FROM jobs WHERE worker_id IS NULL AND worker_queue > ready.name)
           FROM ready WHERE ready.name IS NOT NULL)
       SELECT name FROM ready WHERE name IS NOT NULL""",
)
_WORKERS = Statement("workers.list", "SELECT body FROM workers ORDER BY worker_id")
_RENEW = Insert(
    tables.workers,
    ("worker_id", "expires_at", "body"),
    "ON CONFLICT (worker_id) DO UPDATE SET expires_at = excluded.expires_at, body = excluded.body",
)
_decode_lease = msgspec.json.Decoder(WorkerLease).decode

_ORPHANED_AFTER = timedelta(seconds=30)
"""A worker that claimed in the moment its lease ran out has this long to get a new one."""


class SqlJobs:
    """See ``JobRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def claim(self, worker_id: str, queues: Sequence[str], limit: int, now: datetime) -> list[ClaimedJob]:
        """See ``JobRepository.claim``. Not waited for on the disk: a claim that a power failure undoes leaves a
        job that is ready again, and the token of the worker that has it is worth nothing."""
        if not queues or limit < 1:
            return []
        names, moment = list(dict.fromkeys(queues)), to_micros(now)

        def work(transaction: Transaction) -> list[Row]:
            return transaction.fetch(_CLAIM, worker=worker_id, now=moment, queues=names, limit=limit)

        rows = await self._lanes.write(work, relaxed=True)
        rows.sort(key=_urgency)
        return [ClaimedJob(decode_job(row[3]), row[4]) for row in rows]

    async def accept(self, report: Report) -> list[str]:
        """See ``JobRepository.accept``. What a result says of its execution is not believed: the job's
        row says which one it belongs to."""
        rows = prepare(report)
        return await self._lanes.write(lambda transaction: write_report(transaction, rows))

    async def renew(self, leases: Sequence[WorkerLease]) -> None:
        """See ``JobRepository.renew``."""
        by_id = {lease.worker_id: lease for lease in leases}
        rows = [(key, to_micros(by_id[key].expires_at), encode(by_id[key])) for key in sorted(by_id)]
        if rows:
            await self._lanes.write(lambda transaction: transaction.insert(_RENEW, rows))

    async def release(self, worker_id: str, held: Sequence[str], now: datetime) -> list[str]:  # noqa: ARG002  # the port's
        """See ``JobRepository.release``."""
        tokens = list(held)
        rows = await self._lanes.write(lambda tx: tx.fetch(_RELEASE, worker=worker_id, held=tokens))
        return sorted({row[0] for row in rows})

    async def expire(self, now: datetime) -> list[str]:
        """See ``JobRepository.expire``. Jobs of a worker that never had a lease are lost as well."""
        moment, orphaned = to_micros(now), to_micros(now - _ORPHANED_AFTER)

        def work(transaction: Transaction) -> list[str]:
            expired = [row[0] for row in transaction.fetch(_EXPIRE, now=moment)]
            rows = transaction.fetch(_LOSE, workers=expired) if expired else []
            return _lose(transaction, [*rows, *transaction.fetch(_LOSE_ORPHANS, before=orphaned)], now)

        return await self._lanes.write(work)

    async def end(self, worker_id: str, now: datetime) -> list[str]:
        """See ``JobRepository.end``."""

        def work(transaction: Transaction) -> list[str]:
            transaction.execute(_END, worker=worker_id)
            return _lose(transaction, transaction.fetch(_LOSE, workers=[worker_id]), now)

        return await self._lanes.write(work)

    async def held_by(self, worker_id: str) -> list[str]:
        """See ``JobRepository.held_by``."""
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_HELD, worker=worker_id))
        return [row[0] for row in rows]

    async def claimed_by(self, worker_id: str) -> list[ClaimedJob]:
        """See ``JobRepository.claimed_by``."""
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_CLAIMED, worker=worker_id))
        return [ClaimedJob(decode_job(row[0]), row[1]) for row in rows]

    async def ready(self) -> list[str]:
        """See ``JobRepository.ready``; one step of the index per queue, however many jobs wait."""
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_READY))
        return [row[0] for row in rows]

    async def workers(self) -> list[WorkerLease]:
        """See ``JobRepository.workers``."""
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_WORKERS))
        return [_decode_lease(row[0]) for row in rows]


def _urgency(row: Row) -> tuple[int, int, str]:
    return -row[0], row[1], row[2]


def _lose(transaction: Transaction, rows: list[Row], now: datetime) -> list[str]:
    """Leave a ``JobLost`` for each removed job, an outcome for each evaluation; the executions to wake up."""
    lost = [lost_outcome(row[5], row[1], to_micros(now)) for row in rows if row[5] is not None]
    insert_outcomes(transaction, lost)
    facts = [
        (
            execution_id,
            JobLost(
                task_run_id=task_run_id,
                attempt=attempt,
                worker_id=worker_id,
                started_at=None if started_at is None else from_micros(started_at),
                lost_at=now,
            ),
        )
        for task_run_id, execution_id, attempt, worker_id, started_at in sorted(
            row[:5] for row in rows if row[5] is None
        )
    ]
    transaction.insert(INSERT_FACTS, fact_rows(facts))
    return list(dict.fromkeys(execution_id for execution_id, _ in facts))
