"""A retry that starts the whole execution again, as a new one (flow language 2.8, 6.2)."""

from datetime import datetime

import msgspec

from segue.domain.engine.kill import close
from segue.domain.engine.progress import Progress
from segue.domain.engine.retry import next_execution_at
from segue.domain.execution.creation import NewExecution, successor_id
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import ExecutionKind
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.retry import Retry, RetryBehavior


def makes_execution(progress: Progress, retry: Retry) -> bool:
    """Whether a retry makes a new execution. An iteration of a Loop is none of its own: its task is tried again."""
    is_new = retry.behavior is RetryBehavior.CREATE_NEW_EXECUTION
    return is_new and progress.execution.kind is not ExecutionKind.LOOP


def repeat(progress: Progress, retry: Retry, run: TaskRun, ended_at: datetime) -> bool:
    """Give up this execution because ``run`` has failed, and plan the one in its place; whether there is one.

    The failed task run, all around it and the execution are RETRIED; what else was open is KILLED. The new
    execution exists from now on and starts when the pause of the retry is over.
    """
    execution = progress.execution
    due = next_execution_at(retry, execution, run, ended_at)
    if due is None:
        return False
    for each in (run, *progress.state.ancestors(run)):
        progress.end(each, State.RETRIED)
    for each in progress.state.open_runs():
        close(progress, each, State.KILLED)
    successor = msgspec.structs.replace(
        execution,
        id=successor_id(execution),
        version=0,
        status=Status.begin(progress.now),
        created_at=progress.now,
        variables={},
        parent_id=execution.id,
        original_id=execution.origin_id,
        original_created_at=execution.first_created_at,
        attempt_number=execution.attempt_number + 1,
        scheduled_at=due if due > progress.now else None,
        task_run_count=0,
        outputs=None,
        concurrency_scopes=(),
        breakpoints=(),
        is_finished=False,
    )
    progress.start_execution(NewExecution(execution=successor))
    progress.log(LogLevel.INFO, f"The execution is tried again as {successor.id}", run)
    if execution.state is not State.RUNNING:
        progress.move_execution(State.RESTARTED if execution.state is State.PAUSED else State.RUNNING)
        progress.move_execution(State.RUNNING)
    progress.move_execution(State.RETRIED)
    return True
