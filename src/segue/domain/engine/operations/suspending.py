"""Standing still and going on: pauses by hand, breakpoints, force-run (flow language 11.5, 11.8)."""

from segue.domain.engine import dispatch
from segue.domain.engine.operations.unqueueing import unqueue
from segue.domain.engine.progress import Progress
from segue.domain.engine.starting import force
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.requests import (
    BreakpointResumed,
    ForceRunRequested,
    PauseRequested,
    ResumeRequested,
    UnqueueRequested,
)
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun

_SUSPENDABLE = frozenset({State.CREATED, State.RESTARTED})


def pause(progress: Progress, fact: PauseRequested) -> None:
    """Start nothing new; what workers have goes on, and its results are taken."""
    progress.log(LogLevel.INFO, f"Execution is paused{_by(fact.by)}")
    progress.move_execution(State.PAUSED)


def resume(progress: Progress, fact: ResumeRequested) -> None:
    """Let the task run that pauses go on, or the execution when it was paused by hand."""
    progress.log(LogLevel.INFO, f"Execution is resumed{_by(fact.by)}")
    dispatch.resume(progress, fact)


def force_run(progress: Progress, fact: ForceRunRequested) -> None:
    """Stop waiting for a date, a slot or the end of a pause; an execution that runs is only looked at again."""
    state = progress.execution.state
    if state is State.QUEUED:
        unqueue(progress, UnqueueRequested(State.RUNNING, fact.by))
    elif state is State.PAUSED:
        resume(progress, ResumeRequested(progress.now, by=fact.by))
    elif state in _SUSPENDABLE:
        force(progress)
        progress.log(LogLevel.INFO, f"Execution is made to run{_by(fact.by)}")
        if progress.execution.scheduled_at is not None:
            progress.change_execution(scheduled_at=None)
            progress.drop_timer(f"{progress.execution.id}:start")


def suspend(progress: Progress, run: TaskRun) -> bool:
    """Stop before a task run that a breakpoint names; whether that is so. It stops there once."""
    if not progress.execution.breakpoints or run.state not in _SUSPENDABLE or not _is_at_breakpoint(progress, run):
        return False
    if progress.execution.state is State.RETRYING:
        progress.move_execution(State.RUNNING)
    if progress.execution.state is not State.RUNNING:
        return False
    progress.log(LogLevel.INFO, "Flow is suspended at a breakpoint.", run)
    progress.move(run, State.BREAKPOINT)
    progress.move_execution(State.BREAKPOINT)
    return True


def resume_from_breakpoint(progress: Progress, fact: BreakpointResumed) -> None:
    """Go on with the task runs that stand at a breakpoint."""
    progress.log(LogLevel.INFO, f"Execution goes on from its breakpoint{_by(fact.by)}")
    if fact.breakpoints is not None:
        progress.change_execution(breakpoints=fact.breakpoints)
    for run in progress.state.open_runs():
        if run.state is State.BREAKPOINT:
            progress.move(run, State.CREATED)
    progress.move_execution(State.RUNNING)


def _is_at_breakpoint(progress: Progress, run: TaskRun) -> bool:
    if any(moment.state is State.BREAKPOINT for moment in run.status.histories):
        return False
    return any(
        point.task_id == run.task_id and point.value in {None, run.value} for point in progress.execution.breakpoints
    )


def _by(name: str | None) -> str:
    return f" by {name}" if name else ""
