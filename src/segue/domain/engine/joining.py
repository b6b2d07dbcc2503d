"""Facts about task runs: begun, ended, lost, due again. Each is joined at most once (flow language 10)."""

from datetime import datetime

import msgspec

from segue.domain.engine import inner
from segue.domain.engine.block import absorb
from segue.domain.engine.outgoing import closed_attempts
from segue.domain.engine.progress import Progress
from segue.domain.engine.repeating import makes_execution, repeat
from segue.domain.engine.retry import next_attempt_at, retry_of, retry_timer_id, tries
from segue.domain.execution.facts import InnerTaskReported, JobLost, TaskFinished, TaskStarted, TimerDue
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputReference, TaskRun

_WITH_WORKERS = frozenset({State.SUBMITTED, State.RUNNING})


def started(progress: Progress, fact: TaskStarted) -> None:
    """A worker has begun the attempt."""
    run = _under_way(progress, fact.task_run_id, fact.attempt)
    if run is not None:
        run = progress.begin_attempt(run, fact.at, fact.worker_id)
        progress.move(run, State.RUNNING, fact.at)


def finished(progress: Progress, fact: TaskFinished) -> None:
    """The attempt ended: the task run ends too, or will be tried again."""
    run = _under_way(progress, fact.task_run_id, fact.attempt)
    if run is None:
        return
    run = progress.begin_attempt(run, fact.started_at, fact.worker_id)
    run = progress.move(run, State.RUNNING, fact.started_at)
    run = take_outputs(progress, run, fact.outputs)
    if run.first_inner is not None:
        inner.block_finished(progress, run, fact.state)
        return
    run = progress.end_attempt(run, fact.state, fact.ended_at, fact.log_file)
    if fact.state is State.FAILED and try_again(progress, run, fact.ended_at):
        return
    progress.move(run, final_state(progress, run, fact.state), fact.ended_at)


def lost(progress: Progress, fact: JobLost) -> None:
    """The worker is gone: the attempt is closed and the next one given to another worker."""
    run = _under_way(progress, fact.task_run_id, fact.attempt)
    if run is None:
        return
    progress.log(
        LogLevel.WARN,
        f"Worker {fact.worker_id} was lost while it had attempt {fact.attempt}; the task is submitted again",
        run,
    )
    run = progress.begin_attempt(run, fact.started_at or fact.lost_at, fact.worker_id)
    run = inner.take_back(progress, run)
    run = progress.end_attempt(run, State.RESUBMITTED, fact.lost_at)
    progress.move(run, State.CREATED, fact.lost_at)


def inner_reported(progress: Progress, fact: InnerTaskReported) -> None:
    """A worker tells of a task inside the WorkingDirectory it has. What was told before changes nothing."""
    block = progress.state.runs.get(fact.block_id)
    task = None if block is None else inner.reported_task(progress, block, fact.task_run_id)
    if block is None or task is None or block.state not in _WITH_WORKERS:
        return
    block = progress.begin_attempt(block, fact.started_at, fact.worker_id)
    block = progress.move(block, State.RUNNING, fact.started_at)
    run = progress.state.runs.get(fact.task_run_id) or inner.add_run(
        progress, task, block, fact.task_run_id, fact.started_at
    )
    if run.state.is_terminated or closed_attempts(run) + 1 != fact.attempt:
        return
    run = inner.begin(progress, run, fact)
    if fact.state is State.RUNNING:
        return
    ended_at = fact.ended_at or fact.started_at
    run = progress.end_attempt(run, fact.state, ended_at, fact.log_file)
    run = take_outputs(progress, run, fact.outputs)
    if fact.is_retried:
        progress.move(run, State.RETRYING, ended_at)
    elif fact.state is not State.FAILED or not _repeated(progress, block, run, ended_at):
        progress.move(run, final_state(progress, run, fact.state), ended_at)


def _repeated(progress: Progress, block: TaskRun, run: TaskRun, ended_at: datetime) -> bool:
    """Whether a failure inside a WorkingDirectory lets a new execution take the place of this one (2.8)."""
    retry = retry_of(progress.state, run)
    if retry is None or not makes_execution(progress, retry) or not repeat(progress, retry, run, ended_at):
        return False
    progress.drop_job(block)
    return True


def take_outputs(progress: Progress, run: TaskRun, outputs: OutputReference | None) -> TaskRun:
    """Note where the outputs of an attempt lie, if there are any."""
    if outputs is None:
        return run
    progress.state.outputs.pop(run.id, None)
    return progress.update(msgspec.structs.replace(run, outputs=outputs))


def retry_due(progress: Progress, fact: TimerDue) -> None:
    """The pause before the next attempt is over. A timer of an earlier pause, or of the start, is no such one."""
    run = progress.state.runs.get(fact.timer_id.partition(":")[0])
    if run is not None and run.state is State.RETRYING and retry_timer_id(run) == fact.timer_id:
        progress.move(run, State.CREATED)
        if progress.execution.state is State.RETRYING:
            progress.move_execution(State.RUNNING)


def _under_way(progress: Progress, run_id: str, attempt: int) -> TaskRun | None:
    run = progress.state.runs.get(run_id)
    if run is None or run.state not in _WITH_WORKERS or closed_attempts(run) + 1 != attempt:
        return None
    return run


def try_again(progress: Progress, run: TaskRun, ended_at: datetime) -> bool:
    """Plan the next attempt of a task run whose attempt has failed; whether there is one (6.2, 2.8)."""
    if progress.execution.state is State.KILLING or progress.execution.state.is_terminated:
        return False
    retry = retry_of(progress.state, run)
    if retry is None:
        return False
    if makes_execution(progress, retry):
        return repeat(progress, retry, run, ended_at)
    due = next_attempt_at(retry, run, ended_at)
    if due is None:
        return False
    run = progress.move(run, State.RETRYING, ended_at)
    timer = Timer(
        id=retry_timer_id(run),
        execution_id=run.execution_id,
        kind=TimerKind.RETRY,
        due_at=due,
        task_run_id=run.id,
    )
    progress.decision.timers[timer.id] = timer
    if progress.execution.state is State.RUNNING:
        progress.move_execution(State.RETRYING)
    return True


def final_state(progress: Progress, run: TaskRun, state: State) -> State:
    """What becomes of a task run whose last attempt ended in ``state`` (6.2, 6.5)."""
    task = progress.state.flow.get_task(run.task_id)
    if state is State.SUCCESS and tries(run) > 1:
        retry = retry_of(progress.state, run)
        if retry is not None and retry.warning_on_retry:
            state = State.WARNING
    return absorb(task, state)
