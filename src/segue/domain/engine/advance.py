"""One step of an execution: facts are joined, then everything that can move moves (design D1).

``advance`` is where the whole engine can be read from: flow language 10 in the order it is written there.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from segue.domain.engine import finish, joining
from segue.domain.engine.block import advance_sides, enabled, fail_run
from segue.domain.engine.decision import Decision, EngineLimits
from segue.domain.engine.flowables import BEHAVIOURS, FlowableRun
from segue.domain.engine.kill import close_descendants, kill
from segue.domain.engine.progress import Progress
from segue.domain.engine.rendering import Renderer, note_needs
from segue.domain.engine.state import MAIN, ExecutionState
from segue.domain.engine.submit import submit
from segue.domain.errors import SegueError
from segue.domain.execution.facts import (
    Created,
    Fact,
    JobLost,
    KillRequested,
    TaskFinished,
    TaskStarted,
    TimerDue,
)
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.needs import Needs
from segue.expr import ExpressionError

DEFAULT_LIMITS = EngineLimits()

_AT_REST = frozenset({State.QUEUED, State.PAUSED, State.BREAKPOINT, State.KILLING})


def advance(
    state: ExecutionState,
    facts: Iterable[Fact],
    now: datetime,
    renderer: Renderer,
    decision: Decision | None = None,
    limits: EngineLimits = DEFAULT_LIMITS,
) -> Decision:
    """Join ``facts`` and move ``state`` as far as it goes.

    ``state`` is changed in memory and the returned decision says what is to be written for it. When the
    decision has ``needs``, load those outputs into ``state.outputs``, when it has ``value_needs``, provide those
    to the renderer, and call again without facts and with that decision until it has neither.
    """
    decision = Decision() if decision is None else decision
    decision.needs.clear()
    decision.value_needs.clear()
    progress = Progress(state, now, renderer, decision, limits)
    for fact in facts:
        _join(progress, fact)
    while _move(progress):
        pass
    return decision


def _join(progress: Progress, fact: Fact) -> None:
    match fact:
        case Created():
            pass  # the row says it all
        case TaskStarted():
            joining.started(progress, fact)
        case TaskFinished():
            joining.finished(progress, fact)
        case JobLost():
            joining.lost(progress, fact)
        case KillRequested():
            kill(progress, fact)
        case TimerDue():
            joining.retry_due(progress, fact)


def _move(progress: Progress) -> bool:
    """One round: begin, blocks from the outside in, new task runs, the end. Whether anything moved."""
    before = _mark(progress)
    try:
        if progress.execution.state is State.CREATED and not _start(progress):
            return False
        if progress.execution.state not in _AT_REST:
            _advance_flowables(progress)
            if progress.execution.state.is_terminated:
                finish.after(progress)
            else:
                _advance_execution(progress)
        _submit_created(progress)
    except Needs as need:
        note_needs(progress.decision, need)
    return _mark(progress) != before


def _mark(progress: Progress) -> tuple[int, ...]:
    """A figure that differs once something moved: histories, attempts and task runs only grow."""
    decision = progress.decision
    return (
        len(progress.execution.status.histories),
        progress.execution.task_run_count,
        progress.execution.is_finished,
        sum(len(run.status.histories) for run in decision.changed_runs.values()),
        sum(len(run.status.histories) for run in decision.new_runs.values()),
    )


def _start(progress: Progress) -> bool:
    """Leave CREATED, unless the start is planned for later."""
    due = progress.execution.scheduled_at
    if due is not None and due > progress.now:
        timer = Timer(
            id=f"{progress.execution.id}:start",
            execution_id=progress.execution.id,
            kind=TimerKind.SCHEDULED_START,
            due_at=due,
        )
        progress.decision.timers[timer.id] = timer
        return False
    progress.move_execution(State.RUNNING)
    return True


def _advance_flowables(progress: Progress) -> None:
    """Move the running flowables, the inner ones first."""
    behaviours = [
        (run, BEHAVIOURS[type(task)])
        for run in progress.state.open_runs()
        if run.state is State.RUNNING and type(task := progress.state.flow.get_task(run.task_id)) in BEHAVIOURS
    ]
    for run, behaviour in reversed(behaviours):
        current = progress.state.runs[run.id]
        if current.state is State.RUNNING:
            _advance_flowable(progress, current, behaviour)


def _advance_flowable(progress: Progress, run: TaskRun, behaviour: type[FlowableRun[Any]]) -> None:
    task = progress.state.flow.get_task(run.task_id)
    try:
        behaviour(progress, task, run).advance()
    except Needs as need:
        note_needs(progress.decision, need)
    except (ExpressionError, SegueError) as error:
        fail_run(progress, progress.state.runs[run.id], str(error))
    ended = progress.state.runs[run.id]
    if ended.state.is_terminated:
        close_descendants(progress, ended, ended.state)


def _advance_execution(progress: Progress) -> None:
    tasks = enabled(progress.state.flow.children(None, "tasks"))
    tally = progress.state.tally(None, MAIN)
    if not tally.has_failed:
        if tally.open:
            return
        if len(tally.ids) < len(tasks):
            progress.create_run(tasks[len(tally.ids)], None)
            return
    if advance_sides(progress, None):
        finish.finish(progress)


def _submit_created(progress: Progress) -> None:
    for run in [run for run in progress.state.open_runs() if run.state is State.CREATED]:
        try:
            submit(progress, run)
        except Needs as need:
            note_needs(progress.decision, need)
