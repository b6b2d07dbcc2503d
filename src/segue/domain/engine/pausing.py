"""Pauses: an execution is PAUSED while any of its task runs is (flow language 7.13, 11.5)."""

from segue.domain.engine.progress import Progress
from segue.domain.execution.state import State

_STARTED = frozenset({State.RUNNING, State.PAUSED})


def settle(progress: Progress, was_held: bool) -> None:
    """Bring the execution's state in line with its task runs.

    ``was_held``: a task run was paused before what has just happened. An execution that was paused by hand has
    no paused task run and stays as it is.
    """
    execution = progress.execution
    if execution.state not in _STARTED:
        return
    if progress.state.paused_runs():
        progress.move_execution(State.PAUSED)
    elif was_held and execution.state is State.PAUSED:
        go_on(progress)


def go_on(progress: Progress) -> None:
    """Let a paused execution run again."""
    progress.move_execution(State.RESTARTED)
    progress.move_execution(State.RUNNING)


def is_held_by_hand(progress: Progress) -> bool:
    """Whether nothing new may start: the execution was paused as a whole, not by one of its tasks."""
    return progress.execution.state is State.PAUSED and not progress.state.paused_runs()
