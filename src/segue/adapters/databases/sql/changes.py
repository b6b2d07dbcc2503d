"""Decisions as rows: what one batch writes, in one statement per table (design D3)."""

from collections.abc import Iterable, Sequence

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import encode, encode_labels, to_micros
from segue.adapters.databases.sql.inbox import INSERT_KEYED_FACTS, keyed_fact_rows
from segue.adapters.databases.sql.logs import INSERT_LOGS, log_rows
from segue.adapters.databases.sql.outputs import INSERT_OUTPUTS, output_rows
from segue.adapters.databases.sql.slots import release_slots
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction, Update
from segue.adapters.databases.sql.transitions import write_transitions
from segue.adapters.databases.sql.trigger_rows import free_triggers
from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import Created
from segue.domain.execution.jobs import Job, Timer
from segue.domain.execution.model import Execution
from segue.domain.execution.task_run import TaskRun
from segue.ports.repositories.journal import Change

INSERT_EXECUTIONS = Insert(
    tables.executions,
    (
        "id", "tenant", "namespace", "flow_id", "version", "state", "kind", "open", "started_at", "ended_at",
        "parent_id", "caller_id", "trigger_id", "labels", "body",
    ),
)  # fmt: skip
_START_EXECUTIONS = Insert(tables.executions, INSERT_EXECUTIONS.columns, "ON CONFLICT (id) DO NOTHING")
_UPDATE_EXECUTIONS = Update(tables.executions, ("version", "state", "open", "ended_at", "labels", "body"), "id")
_TOUCH = Statement("executions.touch", "UPDATE executions SET version = version + 1 WHERE id = EACH(:ids)")
_INSERT_TASK_RUNS = Insert(tables.task_runs, ("id", "execution_id", "task_id", "state", "body"))
_UPDATE_TASK_RUNS = Update(tables.task_runs, ("state", "body"), "id")
_INSERT_JOBS = Insert(
    tables.jobs,
    ("task_run_id", "execution_id", "attempt", "worker_queue", "priority", "created_at", "body"),
    """ON CONFLICT (task_run_id) DO UPDATE SET execution_id = excluded.execution_id,
       attempt = excluded.attempt, worker_queue = excluded.worker_queue, priority = excluded.priority,
       created_at = excluded.created_at, body = excluded.body, worker_id = NULL, token = NULL,
       claimed_at = NULL, started_at = NULL""",
)
_COPY_OUTPUTS = Statement(
    "outputs.copy",
    """INSERT INTO task_outputs (owner_id, execution_id, digest, payload)
       SELECT CAST(:target AS TEXT) || substr(owner_id, length(CAST(:source AS TEXT)) + 1),
              CAST(:execution_id AS TEXT), digest, payload FROM task_outputs
       WHERE owner_id = CAST(:source AS TEXT)
          OR (owner_id > CAST(:source AS TEXT) || '#' AND owner_id < CAST(:source AS TEXT) || '$')""",
)
_KNOWN = Statement("executions.known", "SELECT id FROM executions WHERE id = EACH(:ids)")
_DROP_JOBS = Statement("jobs.drop", "DELETE FROM jobs WHERE task_run_id = EACH(:ids)")
_INSERT_TIMERS = Insert(
    tables.timers,
    ("id", "execution_id", "due_at", "body"),
    """ON CONFLICT (id) DO UPDATE SET execution_id = excluded.execution_id, due_at = excluded.due_at,
       body = excluded.body""",
)
_DROP_TIMERS = Statement("timers.drop", "DELETE FROM timers WHERE id = EACH(:ids)")
_REMOVE_TASK_RUNS = Statement("task_runs.remove", "DELETE FROM task_runs WHERE id = EACH(:ids)")
_REMOVE_OUTPUTS = Statement("outputs.remove", "DELETE FROM task_outputs WHERE owner_id = EACH(:ids)")
_CONSUME = Statement("inbox.consume", "DELETE FROM inbox WHERE seq = EACH(:seqs)")


def write_changes(transaction: Transaction, changes: Sequence[Change]) -> None:
    """Write changes whose executions are locked at the version they were decided on."""
    transaction.update(
        _UPDATE_EXECUTIONS,
        [_execution_update(change.execution) for change in changes if change.execution_changed],
    )
    _each(transaction, _TOUCH, [c.execution.id for c in changes if not c.execution_changed])
    transaction.insert(_INSERT_TASK_RUNS, _task_run_rows(run for c in changes for run in c.new_task_runs))
    transaction.update(
        _UPDATE_TASK_RUNS,
        [(run.state.value, encode(run), run.id) for c in changes for run in c.changed_task_runs],
    )
    removed = [run_id for change in changes for run_id in change.removed_task_runs]
    _each(transaction, _REMOVE_TASK_RUNS, removed)
    _each(transaction, _REMOVE_OUTPUTS, removed)
    transaction.insert(INSERT_OUTPUTS, output_rows(item for c in changes for item in c.outputs))
    _each(transaction, _DROP_JOBS, [run_id for c in changes for run_id in c.dropped_jobs])
    transaction.insert(_INSERT_JOBS, _job_rows(job for c in changes for job in c.jobs))
    _each(transaction, _DROP_TIMERS, [timer_id for c in changes for timer_id in c.dropped_timers])
    transaction.insert(_INSERT_TIMERS, _timer_rows(timer for c in changes for timer in c.timers))
    start_executions(transaction, [new for change in changes for new in change.executions])
    told = [(fact.execution_id, fact.fact, fact.key) for change in changes for fact in change.facts]
    transaction.insert(INSERT_KEYED_FACTS, keyed_fact_rows(told))
    consumed = [seq for change in changes for seq in change.consumed]
    if consumed:
        transaction.execute(_CONSUME, seqs=consumed)
    transaction.insert(INSERT_LOGS, log_rows(line for c in changes for line in c.logs))
    write_transitions(transaction, [each for change in changes for each in change.transitions])
    release_slots(transaction, [change.execution.id for change in changes if change.frees_slot])
    ended = [(change.execution.id, change.frees_trigger) for change in changes if change.frees_trigger is not None]
    if ended:
        stopped = [change.stops_trigger for change in changes if change.stops_trigger is not None]
        free_triggers(transaction, [each for each, _ in ended], max(at for _, at in ended), stopped)


def start_executions(transaction: Transaction, news: Sequence[NewExecution]) -> None:
    """Write executions with their task runs and ``Created`` facts; those that exist are left as they are."""
    if not news:
        return
    filled = [new.execution.id for new in news if new.task_runs]
    known = {row[0] for row in transaction.fetch(_KNOWN, ids=filled)} if filled else set()
    news = [new for new in news if new.execution.id not in known]
    transaction.insert(_START_EXECUTIONS, [execution_row(new.execution) for new in news])
    transaction.insert(_INSERT_TASK_RUNS, _task_run_rows(run for new in news for run in new.task_runs))
    for new in news:
        for source, target in new.copied_outputs:
            transaction.execute(_COPY_OUTPUTS, source=source, target=target, execution_id=new.execution.id)
    transaction.insert(INSERT_KEYED_FACTS, keyed_fact_rows((new.execution.id, Created(), "created") for new in news))


def execution_row(execution: Execution) -> Row:
    """A row for ``INSERT_EXECUTIONS``."""
    flow, status = execution.flow, execution.status
    ended_at = status.ended_at
    return (
        execution.id,
        flow.tenant,
        flow.namespace,
        flow.flow_id,
        execution.version,
        status.current.value,
        execution.kind.value,
        not execution.is_finished,
        to_micros(status.started_at),
        None if ended_at is None else to_micros(ended_at),
        execution.parent_id,
        _started_by(execution),
        None if execution.trigger is None else execution.trigger.id,
        encode_labels(execution.labels),
        encode(execution),
    )


def _started_by(execution: Execution) -> str | None:
    """The execution that started it: its caller, or the one its trigger tells of (flow language 11.10)."""
    if execution.caller is not None:
        return execution.caller.execution_id
    found = execution.trigger.variables.get("executionId") if execution.trigger is not None else None
    return found if isinstance(found, str) else None


def _execution_update(execution: Execution) -> Row:
    ended_at = execution.status.ended_at
    return (
        execution.version + 1,
        execution.state.value,
        not execution.is_finished,
        None if ended_at is None else to_micros(ended_at),
        encode_labels(execution.labels),
        encode(execution),
        execution.id,
    )


def _task_run_rows(runs: Iterable[TaskRun]) -> list[Row]:
    return [(run.id, run.execution_id, run.task_id, run.state.value, encode(run)) for run in runs]


def _job_rows(jobs: Iterable[Job]) -> list[Row]:
    by_run = {job.task_run_id: job for job in jobs}
    return [
        (
            job.task_run_id,
            job.execution_id,
            job.attempt,
            job.worker_queue,
            job.priority,
            to_micros(job.created_at),
            encode(job),
        )
        for job in by_run.values()
    ]


def _timer_rows(timers: Iterable[Timer]) -> list[Row]:
    by_id = {timer.id: timer for timer in timers}
    return [(t.id, t.execution_id, to_micros(t.due_at), encode(t)) for t in by_id.values()]


def _each(transaction: Transaction, statement: Statement, ids: list[str]) -> None:
    if ids:
        transaction.execute(statement, ids=ids)
