"""Saying afterwards how something ended, and labels (flow language 11.6)."""

from segue.domain.engine.kill import close, close_descendants
from segue.domain.engine.operations.reopening import (
    remove_side_branches,
    reopen_around,
    reopen_execution,
)
from segue.domain.engine.progress import Progress
from segue.domain.errors import IllegalStateError, NotFoundError
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.requests import LabelsRequested, StatusRequested, TaskStateRequested
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.labels import SYSTEM_PREFIX, merge_labels


def change_status(progress: Progress, fact: StatusRequested) -> None:
    """Another terminated state for a terminated execution. Raises ``IllegalStateError`` for any other state."""
    if not fact.state.is_terminated:
        raise IllegalStateError(f"An execution cannot be marked as {fact.state}")
    if fact.state is progress.execution.state:
        return
    progress.log(LogLevel.INFO, f"Execution is marked as {fact.state}{_by(fact.by)}")
    progress.move_execution(fact.state)


def change_task_state(progress: Progress, fact: TaskStateRequested) -> None:
    """A task run has ended in ``fact.state``; the execution goes on from there, or is cancelled with it.

    Raises ``NotFoundError`` for an unknown task run.
    """
    run = progress.state.runs.get(fact.task_run_id)
    if run is None:
        raise NotFoundError(f"Task run id '{fact.task_run_id}' not found in execution")
    if run.state is fact.state:
        return
    progress.log(LogLevel.INFO, f"Task run is marked as {fact.state}{_by(fact.by)}", run)
    was_paused = run.state is State.PAUSED
    _mark(progress, run, fact.state)
    if fact.state is State.CANCELLED:
        _cancel(progress)
    else:
        _go_on(progress, progress.state.runs[run.id], was_paused=was_paused)


def _mark(progress: Progress, run: TaskRun, state: State) -> None:
    """Close what is inside, its open or last attempt, and the task run itself."""
    for child in progress.state.open_runs():
        if any(ancestor.id == run.id for ancestor in progress.state.ancestors(child)):
            close(progress, child, state)
    if not run.state.is_terminated:
        close(progress, run, state)
        return
    progress.move(progress.mark_attempt(run, state), state)


def _cancel(progress: Progress) -> None:
    for run in progress.state.open_runs():
        close(progress, run, State.CANCELLED)
    if progress.execution.state in {State.RETRYING, State.BREAKPOINT}:
        progress.move_execution(State.RUNNING)
    progress.move_execution(State.CANCELLED)


def _go_on(progress: Progress, run: TaskRun, *, was_paused: bool) -> None:
    state = progress.execution.state
    reopen_around(progress, run)
    if state.is_terminated:
        remove_side_branches(progress)
        reopen_execution(progress)
    elif state is State.PAUSED and was_paused and not _any_in(progress, State.PAUSED):
        progress.move_execution(State.RESTARTED)
    elif (state is State.RETRYING and not _any_in(progress, State.RETRYING)) or (
        state is State.BREAKPOINT and not _any_in(progress, State.BREAKPOINT)
    ):
        progress.move_execution(State.RUNNING)
    if run.state is State.FAILED:
        close_descendants(progress, run, run.state)


def _any_in(progress: Progress, state: State) -> bool:
    return any(run.state is state for run in progress.state.open_runs())


def set_labels(progress: Progress, fact: LabelsRequested) -> None:
    """Merge labels by key, one without a value taking its key away; or replace all but ``system.*`` ones."""
    kept = progress.execution.labels
    if not fact.is_merge:
        kept = tuple(label for label in kept if label.key.startswith(SYSTEM_PREFIX))
    labels = tuple(label for label in merge_labels(kept, fact.labels) if label.key and label.value)
    if labels != progress.execution.labels:
        progress.log(LogLevel.INFO, f"Labels are changed{_by(fact.by)}")
        progress.change_execution(labels=labels)


def _by(name: str | None) -> str:
    return f" by {name}" if name else ""
