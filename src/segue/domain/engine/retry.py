"""Whether and when a failed attempt is tried again (flow language 6.2)."""

from datetime import datetime, timedelta
from hashlib import blake2b

from segue.domain.engine.state import ExecutionState
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.execution.task_run import Attempt, TaskRun
from segue.domain.flow.retry import ConstantRetry, ExponentialRetry, RandomRetry, Retry


def retry_of(state: ExecutionState, run: TaskRun) -> Retry | None:
    """The task's own retry, else that of the nearest flowable that has one, else the flow's."""
    task = state.flow.get_task(run.task_id)
    if task.retry is not None:
        return task.retry
    for ancestor in state.ancestors(run):
        found = state.flow.get_task(ancestor.task_id).retry
        if found is not None:
            return found
    return _retry_around(state)


def _retry_around(state: ExecutionState) -> Retry | None:
    """What holds for all of an execution: for an iteration of a Loop that of the flowables around its body too."""
    task_id = state.root_task_id
    if task_id is not None:
        for name in (task_id, *state.flow.get_node(task_id).ancestors):
            found = state.flow.get_task(name).retry
            if found is not None:
                return found
    return state.flow.flow.retry


def retry_timer_id(run: TaskRun) -> str:
    """The id of the timer before the attempt that follows those of ``run``."""
    return f"{run.id}:retry:{len(run.attempts)}"


def tries(run: TaskRun) -> int:
    """Attempts that count for a retry: not those lost with their worker, nor those before a restart."""
    return sum(1 for attempt in _counted(run) if attempt.status.current is not State.RESUBMITTED)


def _counted(run: TaskRun) -> tuple[Attempt, ...]:
    return run.attempts[run.settled_attempts :]


def next_attempt_at(retry: Retry, run: TaskRun, ended_at: datetime) -> datetime | None:
    """When the next attempt begins, None when there is none any more."""
    done = tries(run)
    if retry.max_attempts is not None and done >= retry.max_attempts:
        return None
    due = ended_at + _pause(retry, run, done)
    counted = _counted(run)
    if retry.max_duration is not None and counted:
        first = counted[0].status.started_at
        if due > first + retry.max_duration:
            return None
    return due


def next_execution_at(retry: Retry, execution: Execution, run: TaskRun, ended_at: datetime) -> datetime | None:
    """When a new execution takes the place of this one, None when none does any more (2.8)."""
    done = execution.attempt_number
    if retry.max_attempts is not None and done >= retry.max_attempts:
        return None
    due = ended_at + _pause(retry, run, done)
    if retry.max_duration is not None and due > execution.first_created_at + retry.max_duration:
        return None
    return due


def _pause(retry: Retry, run: TaskRun, done: int) -> timedelta:
    if isinstance(retry, ConstantRetry):
        return retry.interval
    if isinstance(retry, ExponentialRetry):
        grown = retry.interval.total_seconds() * retry.delay_factor ** min(done - 1, 64)
        return min(retry.max_interval, timedelta(seconds=min(grown, retry.max_interval.total_seconds())))
    assert isinstance(retry, RandomRetry)
    return retry.min_interval + (retry.max_interval - retry.min_interval) * _chance(run.id, done)


def _chance(run_id: str, done: int) -> float:
    """Evenly spread over [0, 1) and the same for the same attempt, as a pure core has no dice."""
    digest = blake2b(f"{run_id}:{done}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
