"""Killing an execution (flow language 9.6)."""

from segue.domain.engine.needs import ChildrenNeed
from segue.domain.engine.progress import Progress
from segue.domain.engine.retry import retry_timer_id
from segue.domain.engine.state import AFTER
from segue.domain.execution.facts import KillRequested
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import Flowable


def kill(progress: Progress, fact: KillRequested) -> None:
    """End every open task run now: jobs are removed, so that what workers still send is refused.

    With ``cascade`` every execution that this one has started and that goes on is killed too (9.6). A terminated
    execution is left alone. Raises ``Needed`` before anything is changed.
    """
    if progress.execution.state.is_terminated:
        return
    children = progress.state.find(ChildrenNeed(progress.execution.id)) if fact.cascade else ()
    for child_id in children:
        progress.tell(child_id, fact, "kill")
    if progress.execution.state is State.QUEUED:
        progress.free_slot()
    progress.move_execution(State.KILLING)
    if fact.by:
        progress.log(LogLevel.INFO, f"Execution is killed by {fact.by}")
    for run in progress.state.open_runs():
        close(progress, run, State.KILLED)
    progress.move_execution(State.KILLED)


def end_all(progress: Progress, state: State) -> None:
    """End the execution and every open task run of it in ``state``, without error branches (flow language 2.9)."""
    for run in progress.state.open_runs():
        close(progress, run, state)
    if progress.execution.state is State.QUEUED:
        progress.free_slot()
    if progress.execution.state in {State.RETRYING, State.BREAKPOINT}:
        progress.move_execution(State.RUNNING)
    progress.move_execution(state)


def close(progress: Progress, run: TaskRun, state: State) -> None:
    """End one open task run in ``state`` from outside, whatever it was waiting for."""
    if run.state in {State.SUBMITTED, State.RUNNING}:
        progress.drop_job(run)
    if run.state is State.SUBMITTED:  # a worker may have begun it already: its number is not given again
        run = progress.begin_attempt(run, progress.now)
    if run.state is State.RETRYING:
        progress.drop_timer(retry_timer_id(run))
    if run.state is State.PAUSED:
        progress.drop_timer(pause_timer_id(run))
    progress.end(run, state)


def pause_timer_id(run: TaskRun) -> str:
    """The id of the timer at the end of a pause."""
    return f"{run.id}:pause"


def end_because_of(progress: Progress, run: TaskRun, state: State) -> None:
    """End the whole execution in ``state`` because of ``run``: neither its error nor its finally branches run.

    Facts: flow language 7.13 (CANCEL), 7.14, 7.18 (Exit). KILLED is a kill with all that follows. In
    ``afterExecution`` there is nothing to end any more but ``run``. Raises ``Needed`` before anything is changed.
    """
    if progress.execution.state.is_terminated:
        close(progress, progress.begin_attempt(run, progress.now), State.SUCCESS)
        return
    if state is State.KILLED:
        kill(progress, KillRequested(progress.now))
        return
    for each in progress.state.open_runs():
        close(progress, each, state)
    if progress.execution.state is not State.RUNNING:
        progress.move_execution(State.RESTARTED if progress.execution.state is State.PAUSED else State.RUNNING)
        progress.move_execution(State.RUNNING)
    progress.move_execution(state)


def close_descendants(progress: Progress, parent: TaskRun | None, state: State) -> None:
    """After a block has failed: end what is inside it and can go on no more.

    Task runs in the hands of workers are left to finish; their results are still joined.
    """
    if parent is not None and not progress.state.has_open_children(parent.id):
        return
    for run in progress.state.active_runs():
        if parent is not None and not _is_inside(progress, run, parent):
            continue
        if progress.state.top_phase(run) == AFTER:
            continue
        task = progress.state.flow.get_task(run.task_id)
        if run.state is State.RUNNING and (not isinstance(task, Flowable) or _is_with_worker(run)):
            continue
        close(progress, run, state)


def _is_with_worker(run: TaskRun) -> bool:
    return run.first_inner is not None and run.inner_end is None


def _is_inside(progress: Progress, run: TaskRun, parent: TaskRun) -> bool:
    return any(ancestor.id == parent.id for ancestor in progress.state.ancestors(run))
