"""From a task run to the behaviour of its task: the one place where the engine's own tasks are called."""

from collections.abc import Callable
from typing import Any

from segue.domain.engine import joining
from segue.domain.engine.block import fail_run
from segue.domain.engine.flowables import BEHAVIOURS, EngineRun
from segue.domain.engine.kill import close_descendants
from segue.domain.engine.pausing import is_held_by_hand
from segue.domain.engine.progress import Progress
from segue.domain.errors import SegueError
from segue.domain.execution.facts import ChildChanged, Reviewed, TimerDue
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.requests import ResumeRequested
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.expr import ExpressionError


def act(progress: Progress, run: TaskRun, action: Callable[[EngineRun[Any]], None]) -> None:
    """Let the behaviour of ``run`` act; its error fails the task run, and its end closes what is inside.

    Nothing happens for a task that workers run. Raises ``Needed``.
    """
    task = progress.state.flow.get_task(run.task_id)
    behaviour = BEHAVIOURS.get(type(task))
    if behaviour is None:
        return
    try:
        action(behaviour(progress, task, run))
    except (ExpressionError, SegueError) as error:
        fail_run(progress, progress.state.runs[run.id], str(error))
    ended = progress.state.runs.get(run.id)
    if ended is not None and ended.state.is_terminated:
        close_descendants(progress, ended, ended.state)


def child_changed(progress: Progress, fact: ChildChanged) -> None:
    """Tell the task run that waits for another execution what became of that, if it is still there."""
    run = progress.state.runs.get(fact.task_run_id)
    if run is None:
        return
    if run.state.is_terminated:
        act(progress, run, lambda behaviour: behaviour.late_child_changed(fact))
    else:
        act(progress, run, lambda behaviour: behaviour.child_changed(fact))


def timer_due(progress: Progress, fact: TimerDue) -> None:
    """Tell a task run that its timer ``<task run id>:<purpose>`` has come due."""
    run_id, _, purpose = fact.timer_id.partition(":")
    run = _open_run(progress, run_id)
    if run is None:
        return
    if purpose.startswith("retry:"):
        joining.retry_due(progress, fact)
    else:
        act(progress, run, lambda behaviour: behaviour.timer_due(purpose))


def resume(progress: Progress, fact: ResumeRequested) -> None:
    """Let a paused task run go on, or an execution that was paused by hand; nothing happens to others."""
    if is_held_by_hand(progress):
        if fact.task_run_id is None:
            progress.move_execution(State.RESTARTED)
        return
    run = _paused_run(progress, fact.task_run_id)
    if run is not None:
        _answer(progress, run, lambda behaviour: behaviour.resume(fact))


def reviewed(progress: Progress, fact: Reviewed) -> None:
    """Give an Approval its answer, unless it has one already."""
    run = _paused_run(progress, fact.task_run_id)
    if run is not None:
        _answer(progress, run, lambda behaviour: behaviour.reviewed(fact))


def _answer(progress: Progress, run: TaskRun, action: Callable[[EngineRun[Any]], None]) -> None:
    """Like ``act``, but an answer that does not fit is only logged: the task run goes on waiting."""
    task = progress.state.flow.get_task(run.task_id)
    behaviour = BEHAVIOURS.get(type(task))
    if behaviour is None:
        return
    try:
        action(behaviour(progress, task, run))
    except (ExpressionError, SegueError) as error:
        progress.log(LogLevel.WARN, f"The execution stays paused: {error}", run)


def _paused_run(progress: Progress, run_id: str | None) -> TaskRun | None:
    if run_id is None:
        return next(iter(progress.state.paused_runs()), None)
    run = progress.state.runs.get(run_id)
    return run if run is not None and run.state is State.PAUSED else None


def _open_run(progress: Progress, run_id: str) -> TaskRun | None:
    run = progress.state.runs.get(run_id)
    return None if run is None or run.state.is_terminated else run
