"""Evaluations of triggers by workers: their jobs, and what came of them (flow language 12.8)."""

from collections.abc import Iterable, Sequence

import msgspec

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import encode, from_micros, storable, to_micros
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction
from segue.domain.execution.jobs import Job
from segue.domain.trigger.evaluation import Outcome, OutcomeKind
from segue.domain.trigger.state import TriggerKey, TriggerKind, TriggerState

INSERT_EVALUATIONS = Insert(
    tables.jobs,
    ("task_run_id", "execution_id", "attempt", "worker_queue", "priority", "created_at", "body", "trigger_uid"),
    "ON CONFLICT (task_run_id) DO NOTHING",
)
_INSERT_OUTCOMES = Insert(tables.outcomes, ("id", "trigger_uid", "at", "body"), "ON CONFLICT (id) DO NOTHING")
_DROP_JOBS = Statement("evaluations.drop", "DELETE FROM jobs WHERE trigger_uid = EACH(:uids)")
_DROP_OUTCOMES = Statement("outcomes.drop", "DELETE FROM outcomes WHERE trigger_uid = EACH(:uids)")
_CONSUME = Statement("outcomes.consume", "DELETE FROM outcomes WHERE id = EACH(:ids)")
_WAITING = Statement("outcomes.waiting", "SELECT id, trigger_uid, body FROM outcomes ORDER BY at, id LIMIT :limit")
_ORPHANED = Statement(
    "outcomes.orphaned",
    "DELETE FROM outcomes WHERE NOT EXISTS (SELECT 1 FROM triggers WHERE triggers.uid = outcomes.trigger_uid)",
)
_STUCK = Statement(
    "triggers.stuck",
    """SELECT uid, evaluation_id FROM triggers WHERE evaluation_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.trigger_uid = triggers.uid)
       AND NOT EXISTS (SELECT 1 FROM outcomes WHERE outcomes.trigger_uid = triggers.uid)""",
)
_decode = msgspec.json.Decoder(Outcome).decode


def insert_evaluations(transaction: Transaction, jobs: Iterable[Job]) -> None:
    """Insert jobs of evaluations."""
    rows: list[Row] = [
        (
            job.task_run_id,
            job.execution_id,
            job.attempt,
            job.worker_queue,
            job.priority,
            to_micros(job.created_at),
            encode(job),
            job.trigger_uid,
        )
        for job in jobs
    ]
    transaction.insert(INSERT_EVALUATIONS, rows)


def end_evaluations(transaction: Transaction, states: Iterable[TriggerState]) -> None:
    """Take the jobs away of triggers that are not evaluated any more: their workers stop, late results are refused."""
    drop_evaluations(
        transaction, [s.key.uid for s in states if s.kind is not TriggerKind.SCHEDULE and s.evaluation_id is None]
    )


def drop_evaluations(transaction: Transaction, uids: Sequence[str]) -> None:
    """Take away the jobs of triggers."""
    if uids:
        transaction.execute(_DROP_JOBS, uids=list(uids))


def drop_outcomes(transaction: Transaction, uids: Sequence[str]) -> None:
    """Forget what came of the evaluations of triggers that are gone."""
    if uids:
        transaction.execute(_DROP_OUTCOMES, uids=list(uids))


def insert_outcomes(transaction: Transaction, outcomes: Iterable[Outcome]) -> None:
    """Keep outcomes until they are settled; each id once."""
    rows: list[Row] = [(each.id, storable(each.key.uid), to_micros(each.at), encode(each)) for each in outcomes]
    transaction.insert(_INSERT_OUTCOMES, rows)


def waiting_outcomes(transaction: Transaction, limit: int) -> dict[str, list[Outcome]]:
    """The oldest outcomes, by the uid of their trigger, in order."""
    found: dict[str, list[Outcome]] = {}
    for _, uid, body in transaction.fetch(_WAITING, limit=limit):
        found.setdefault(uid, []).append(_decode(body))
    return found


def consume_outcomes(transaction: Transaction, ids: Sequence[str]) -> None:
    """Forget outcomes that are settled."""
    if ids:
        transaction.execute(_CONSUME, ids=list(ids))


def mend_evaluations(transaction: Transaction, now: int) -> list[Outcome]:
    """Outcomes for triggers that wait for an evaluation nobody has, and none of triggers that are gone."""
    transaction.execute(_ORPHANED)
    lost = [lost_outcome(uid, evaluation, now) for uid, evaluation in transaction.fetch(_STUCK)]
    insert_outcomes(transaction, lost)
    return lost


def lost_outcome(uid: str, evaluation_id: str, now: int) -> Outcome:
    """The outcome of an evaluation whose worker is gone."""
    return Outcome(
        id=f"{evaluation_id}/lost",
        key=TriggerKey(*uid.split("/")),
        evaluation_id=evaluation_id,
        kind=OutcomeKind.LOST,
        at=from_micros(now),
    )
