"""The tasks inside a WorkingDirectory: its worker runs them and tells; here it is noted (flow language 7.15)."""

from datetime import datetime

import msgspec

from segue.domain.engine.block import enabled
from segue.domain.engine.progress import Progress
from segue.domain.engine.state import MAIN
from segue.domain.execution.facts import InnerTaskReported
from segue.domain.execution.jobs import InnerTask
from segue.domain.execution.limits import check_task_runs
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import TaskRun, task_run_id
from segue.domain.flow.tasks import Task


def inner_tasks(progress: Progress, block: TaskRun, first: int) -> tuple[InnerTask, ...]:
    """The tasks of a WorkingDirectory with the ids of their task runs, the first of which is number ``first``."""
    tasks = enabled(progress.state.flow.children(block.task_id, "tasks"))
    return tuple(
        InnerTask(task.id, task_run_id(block.execution_id, ordinal)) for ordinal, task in enumerate(tasks, first)
    )


def reserve_runs(progress: Progress, count: int) -> int:
    """Keep ids for ``count`` task runs to come; the ordinal of the first. Raises ``LimitExceededError``."""
    check_task_runs(len(progress.state.runs) + max(count - 1, 0), progress.limits)
    first = progress.execution.task_run_count + 1
    progress.change_execution(task_run_count=progress.execution.task_run_count + count)
    return first


def add_run(progress: Progress, task: Task, block: TaskRun, run_id: str, at: datetime) -> TaskRun:
    """A new task run in CREATED inside a WorkingDirectory, under an id that was kept for it."""
    run = TaskRun(
        id=run_id,
        execution_id=progress.execution.id,
        task_id=task.id,
        parent_id=block.id,
        value=block.value,
        status=Status.begin(at),
        is_inner=True,
    )
    progress.state.add(run)
    progress.decision.new_runs[run.id] = run
    return run


def reported_task(progress: Progress, block: TaskRun, run_id: str) -> Task | None:
    """The task for which the id was kept in the attempt of the block that is under way, None if there is none."""
    if block.first_inner is None or block.inner_end is not None:
        return None
    for item in inner_tasks(progress, block, block.first_inner):
        if item.task_run_id == run_id:
            return progress.state.flow.get_task(item.task_id)
    return None


def begin(progress: Progress, run: TaskRun, fact: InnerTaskReported) -> TaskRun:
    """The attempt is under way, unless the task was skipped."""
    if run.state is State.RETRYING:
        run = progress.move(run, State.CREATED, fact.started_at)
    run = progress.begin_attempt(run, fact.started_at, fact.worker_id)
    return run if fact.state is State.SKIPPED else progress.move(run, State.RUNNING, fact.started_at)


def block_finished(progress: Progress, block: TaskRun, state: State) -> None:
    """The worker's part is over. What it did not tell the end of ends with it; the rest is the engine's."""
    for run_id in progress.state.tally(block.id, MAIN).ids:
        run = progress.state.runs[run_id]
        if not run.state.is_terminated:
            progress.end(run, State.KILLED if state is State.SUCCESS else state)
    progress.update(msgspec.structs.replace(progress.state.runs[block.id], inner_end=state))


def take_back(progress: Progress, block: TaskRun) -> TaskRun:
    """Forget all that happened inside a WorkingDirectory: it will begin again."""
    if block.first_inner is None:
        return block
    for run_id in list(progress.state.tally(block.id, MAIN).ids):
        progress.remove(progress.state.runs[run_id])
    block = progress.state.runs[block.id]
    return progress.update(msgspec.structs.replace(block, first_inner=None, inner_end=None))
