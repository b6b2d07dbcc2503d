"""What workers say, written in one transaction: log lines, figures, insights, beginnings and ends (design D5)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import decode_job, encode, storable, to_micros
from segue.adapters.databases.sql.evaluations import insert_outcomes
from segue.adapters.databases.sql.inbox import INSERT_FACTS, fact_rows
from segue.adapters.databases.sql.insights import INSERT_INSIGHTS, insight_rows
from segue.adapters.databases.sql.logs import INSERT_LOGS, log_rows
from segue.adapters.databases.sql.outputs import INSERT_OUTPUTS, output_rows
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction, Update
from segue.domain.execution.facts import Fact, TaskStarted
from segue.domain.trigger.evaluation import OutcomeKind
from segue.ports.repositories.jobs import HeldOutcome, InnerResult, Metric, Report, Result
from segue.ports.repositories.journal import InlineOutputs

Held = tuple[str, str]
"""A task run's id and a token."""

_STARTING = Statement("jobs.starting")
_FINISH = Statement("jobs.finish")
_BLOCKS = Statement("jobs.blocks", "SELECT task_run_id, token, body FROM jobs WHERE task_run_id = EACH(:ids)")
_EVALUATED = Statement(
    "jobs.evaluated", "SELECT task_run_id, token FROM jobs WHERE task_run_id = EACH(:ids) AND trigger_uid IS NOT NULL"
)
_START = Update(tables.jobs, ("started_at",), "task_run_id")
_INSERT_METRICS = Insert(
    tables.metrics,
    (
        "id", "tenant", "namespace", "flow_id", "execution_id", "task_run_id", "task_id", "type", "name",
        "value", "tags", "at",
    ),
    "ON CONFLICT (id) DO NOTHING",
)  # fmt: skip


class PreparedReport(msgspec.Struct, frozen=True):
    """A report as rows, made before the transaction begins. The first of two equal results counts."""

    logs: list[Row]
    metrics: list[Row]
    started: dict[Held, TaskStarted]
    results: dict[Held, Result]
    inner: Sequence[InnerResult]
    insights: list[Row]
    outcomes: Sequence[HeldOutcome] = ()


def prepare(report: Report) -> PreparedReport:
    """A report as rows."""
    started: dict[Held, TaskStarted] = {}
    for _, token, fact in report.started:
        started.setdefault((fact.task_run_id, token), fact)
    results: dict[Held, Result] = {}
    for result in report.results:
        results.setdefault((result.fact.task_run_id, result.token), result)
    return PreparedReport(
        logs=log_rows(report.logs),
        metrics=_metric_rows(report.metrics),
        started=started,
        results=results,
        inner=report.inner,
        insights=insight_rows(report.insights),
        outcomes=report.outcomes,
    )


def write_report(transaction: Transaction, report: PreparedReport) -> list[str]:
    """Write it; the executions to wake up."""
    told = _tell(transaction, report.inner)
    facts = [*_start(transaction, report.started), *told, *_finish(transaction, report.results)]
    _settle(transaction, report.outcomes)
    transaction.insert(INSERT_FACTS, fact_rows(facts))
    transaction.insert(_INSERT_METRICS, report.metrics)
    transaction.insert(INSERT_INSIGHTS, report.insights)
    transaction.insert(INSERT_LOGS, report.logs)
    return list(dict.fromkeys(execution_id for execution_id, _ in facts))


def _start(transaction: Transaction, started: dict[Held, TaskStarted]) -> list[tuple[str, Fact]]:
    if not started:
        return []
    begun = sorted(transaction.fetch(_STARTING, rows=list(started)))
    transaction.update(_START, [(to_micros(started[run_id, token].at), run_id) for run_id, token, _ in begun])
    return [(execution_id, started[run_id, token]) for run_id, token, execution_id in begun]


def _tell(transaction: Transaction, inner: Sequence[InnerResult]) -> list[tuple[str, Fact]]:
    """Facts about tasks inside WorkingDirectories, as far as their jobs are there and have such tasks."""
    if not inner:
        return []
    blocks = sorted({item.fact.block_id for item in inner})
    jobs = {row[0]: (row[1], decode_job(row[2])) for row in transaction.fetch(_BLOCKS, ids=blocks)}
    accepted = []
    for item in inner:
        token, job = jobs.get(item.fact.block_id, (None, None))
        if job is not None and token == item.token and any(i.task_run_id == item.fact.task_run_id for i in job.inner):
            accepted.append((job.execution_id, item))
    transaction.insert(INSERT_OUTPUTS, output_rows(_outputs(accepted)))
    return [(execution_id, item.fact) for execution_id, item in accepted]


def _finish(transaction: Transaction, results: dict[Held, Result]) -> list[tuple[str, Fact]]:
    if not results:
        return []
    owners = {(row[0], row[1]): row[2] for row in transaction.fetch(_FINISH, rows=list(results))}
    accepted = [(owners[held], result) for held, result in results.items() if held in owners]
    transaction.insert(INSERT_OUTPUTS, output_rows(_outputs(accepted)))
    return [(execution_id, result.fact) for execution_id, result in accepted]


def _settle(transaction: Transaction, told: Sequence[HeldOutcome]) -> None:
    """Keep what evaluations came to, as far as their jobs are there; those that have ended lose them."""
    if not told:
        return
    ids = sorted({each.job_id for each in told})
    held = {(row[0], row[1]) for row in transaction.fetch(_EVALUATED, ids=ids)}
    kept = [each for each in told if (each.job_id, each.token) in held]
    over = {(each.job_id, each.token): None for each in kept if each.outcome.kind is not OutcomeKind.EVENTS}
    if over:
        ended = {(row[0], row[1]) for row in transaction.fetch(_FINISH, rows=list(over))}
        kept = [each for each in kept if each.outcome.kind is OutcomeKind.EVENTS or (each.job_id, each.token) in ended]
    insert_outcomes(transaction, [each.outcome for each in kept])


def _outputs(accepted: Sequence[tuple[str, Result | InnerResult]]) -> Iterable[InlineOutputs]:
    for execution_id, result in accepted:
        given = result.outputs
        if given is not None:
            yield InlineOutputs(result.fact.task_run_id, execution_id, given.payload, given.digest)


def _metric_rows(metrics: Sequence[Metric]) -> list[Row]:
    """Figures have no id: the digest of what they say, and how often it was said before, is theirs."""
    seen: Counter[str] = Counter()
    rows = []
    for metric in metrics:
        body = encode(metric)
        digest = blake2b(f"{seen[body]}{body}".encode(), digest_size=16).hexdigest()
        seen[body] += 1
        rows.append(
            (
                digest,
                metric.tenant,
                metric.namespace,
                metric.flow_id,
                metric.execution_id,
                metric.task_run_id,
                metric.task_id,
                storable(metric.type),
                storable(metric.name),
                metric.value,
                encode(metric.tags),
                to_micros(metric.at),
            )
        )
    return rows
