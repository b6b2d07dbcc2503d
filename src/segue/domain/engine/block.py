"""A block of tasks with its error and finally branches: the execution itself, or one flowable task run.

Facts: flow language 2.6 (order of branches), 7.1 (child resolution, state), 9.4 (final state).
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from segue.domain.engine.progress import Progress
from segue.domain.engine.state import ERRORS, FINALLY, MAIN
from segue.domain.engine.tally import Tally
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.tasks import Task


class Branches(NamedTuple):
    """The enabled tasks of a block's side branches."""

    errors: tuple[Task, ...]
    finally_: tuple[Task, ...]


def enabled(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Tasks that are not disabled: a disabled one is treated as absent."""
    return tuple(task for task in tasks if not task.disabled)


def side_branches(progress: Progress, parent: TaskRun | None) -> Branches:
    """The error and finally branches of a block."""
    flow = progress.state.flow
    task_id = progress.state.root_task_id if parent is None else parent.task_id
    return Branches(
        enabled(flow.children(task_id, "errors")),
        enabled(flow.children(task_id, "finally")),
    )


def guess_state(tally: Tally) -> State:
    """The state that follows from the states of children (flow language 9.4)."""
    for state in (State.KILLED, State.FAILED, State.WARNING, State.PAUSED):
        if tally.has(state):
            return state
    return State.SUCCESS


def absorb(task: Task, state: State) -> State:
    """What ``allowFailure`` and ``allowWarning`` make of an end (flow language 6.5)."""
    if state is State.FAILED and task.allow_failure:
        state = State.WARNING
    if state is State.WARNING and task.allow_warning:
        state = State.SUCCESS
    return state


def fail_run(progress: Progress, run: TaskRun, message: str) -> TaskRun:
    """End a task run that the engine could not go on with: one FAILED attempt and a log line."""
    task = progress.state.flow.get_task(run.task_id)
    progress.log(LogLevel.ERROR, message, run)
    run = progress.begin_attempt(run, progress.now)
    return progress.end(run, absorb(task, State.FAILED), attempt=State.FAILED)


def restart_run(progress: Progress, run: TaskRun) -> TaskRun:
    """Let a task run begin again, with as many attempts as a new one would have."""
    run = progress.update(msgspec.structs.replace(run, settled_attempts=len(run.attempts)))
    return progress.move(run, State.RESTARTED)


def advance_sequence(progress: Progress, tasks: Sequence[Task], parent: TaskRun | None, phase: str) -> bool:
    """Create the next task run of a list run one after the other; whether the list is over.

    A failed one ends the list.
    """
    tally = progress.state.tally(None if parent is None else parent.id, phase)
    if tally.open:
        return False
    if tally.has_failed or len(tally.ids) >= len(tasks):
        return True
    progress.create_run(tasks[len(tally.ids)], parent)
    return False


def advance_sides(progress: Progress, parent: TaskRun | None, *, has_failed: bool = False) -> bool:
    """After the main part is over or has failed: move the error branch, then the finally branch.

    Returns whether all branches that have to run are over. ``has_failed``: the block has, whatever its children did.
    """
    branches = side_branches(progress, parent)
    main = progress.state.tally(None if parent is None else parent.id, MAIN)
    if (
        (main.has_failed or has_failed)
        and branches.errors
        and not advance_sequence(progress, branches.errors, parent, ERRORS)
    ):
        return False
    if branches.finally_:
        return advance_sequence(progress, branches.finally_, parent, FINALLY)
    return True
