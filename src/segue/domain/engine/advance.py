"""One step of an execution: facts are joined, then everything that can move moves (design D1).

``advance`` is where the whole engine can be read from: flow language 10 in the order it is written there.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from segue.domain.engine import dispatch, finish, joining, sla, starting
from segue.domain.engine.block import advance_sides, enabled
from segue.domain.engine.decision import DEFAULT_LIMITS, Decision, EngineLimits
from segue.domain.engine.flowables import BEHAVIOURS
from segue.domain.engine.kill import end_all, kill
from segue.domain.engine.needs import Needed
from segue.domain.engine.operations import operate
from segue.domain.engine.operations.suspending import suspend
from segue.domain.engine.pausing import is_held_by_hand, settle
from segue.domain.engine.progress import Progress
from segue.domain.engine.rendering import Renderer
from segue.domain.engine.starting import STARTING, start
from segue.domain.engine.state import MAIN, ExecutionState
from segue.domain.engine.submit import submit
from segue.domain.errors import LimitExceededError
from segue.domain.execution.facts import (
    ChildChanged,
    Continued,
    Created,
    Fact,
    InnerTaskReported,
    JobLost,
    KillRequested,
    Reviewed,
    SlotGranted,
    TaskFinished,
    TaskStarted,
    TimerDue,
)
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun

_TO_SUBMIT = frozenset({State.CREATED, State.RESTARTED})
_AT_REST = frozenset({State.QUEUED, State.BREAKPOINT, State.KILLING})


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
    decision has ``needs``, load them into ``state.outputs`` and ``state.found``, and call again without facts
    and with that decision until it has none.
    """
    decision = Decision() if decision is None else decision
    decision.needs.clear()
    progress = Progress(state, now, renderer, decision, limits)
    if _join_all(progress, [*decision.waiting, *facts]):
        while _move(progress):
            pass
    return decision


def _join_all(progress: Progress, facts: Sequence[Fact]) -> bool:
    """Join facts in their order; whether all are. The rest waits for what the decision needs."""
    progress.decision.waiting = []
    for index, fact in enumerate(facts):
        was_held = bool(progress.state.paused_runs())
        try:
            _join(progress, fact)
        except Needed as needed:
            progress.decision.needs.update(needed.needs)
            progress.decision.waiting = list(facts[index:])
            return False
        settle(progress, was_held)
    return True


def _join(progress: Progress, fact: Fact) -> None:
    match fact:
        case Created() | Continued():
            pass  # the rows say it all
        case TaskStarted():
            joining.started(progress, fact)
        case TaskFinished():
            joining.finished(progress, fact)
        case InnerTaskReported():
            joining.inner_reported(progress, fact)
        case JobLost():
            joining.lost(progress, fact)
        case KillRequested():
            kill(progress, fact)
        case ChildChanged():
            dispatch.child_changed(progress, fact)
        case SlotGranted():
            starting.granted(progress)
        case TimerDue():
            if not sla.due(progress, fact):
                dispatch.timer_due(progress, fact)
        case Reviewed():
            dispatch.reviewed(progress, fact)
        case _:
            operate(progress, fact)


def _move(progress: Progress) -> bool:
    """One round: begin, blocks from the outside in, new task runs, the end. Whether anything moved."""
    before = _mark(progress)
    try:
        if progress.execution.state in STARTING and not start(progress):
            return False
        sla.check(progress)
        if progress.execution.state not in _AT_REST and not is_held_by_hand(progress):
            was_held = bool(progress.state.paused_runs())
            _advance_flowables(progress)
            settle(progress, was_held)
            if progress.execution.state.is_terminated:
                finish.after(progress)
            elif progress.execution.state is not State.PAUSED:
                _advance_execution(progress)
            _submit_created(progress)
            settle(progress, bool(progress.state.paused_runs()))
    except Needed as error:
        progress.decision.needs.update(error.needs)
    except LimitExceededError as error:
        progress.log(LogLevel.ERROR, error.message)
        end_all(progress, State.FAILED)
    return _mark(progress) != before


def _mark(progress: Progress) -> tuple[int, ...]:
    """A figure that differs once something moved: histories, attempts and task runs only grow."""
    decision = progress.decision
    return (
        len(progress.execution.status.histories),
        progress.execution.task_run_count,
        progress.execution.is_finished,
        len(decision.executions),
        sum(len(run.status.histories) for run in decision.changed_runs.values()),
        sum(len(run.status.histories) for run in decision.new_runs.values()),
    )


def _advance_flowables(progress: Progress) -> None:
    """Move the running flowables, the inner ones first; paused ones whose block has tasks for the pause too."""
    running = [run for run in progress.state.active_runs() if _advances(progress, run)]
    for run in reversed(running):
        current = progress.state.runs.get(run.id)
        if current is not None and _advances(progress, current):
            try:
                dispatch.act(progress, current, lambda behaviour: behaviour.advance())
            except Needed as needed:
                progress.decision.needs.update(needed.needs)


def _advances(progress: Progress, run: TaskRun) -> bool:
    behaviour = BEHAVIOURS.get(type(progress.state.flow.get_task(run.task_id)))
    return behaviour is not None and run.state in behaviour.advanced_in


def _advance_execution(progress: Progress) -> None:
    tasks = enabled(progress.state.flow.children(progress.state.root_task_id, "tasks"))
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
    """Move new and restarted task runs on, until one stands at a breakpoint."""
    for run in [run for run in progress.state.active_runs() if run.state in _TO_SUBMIT]:
        if progress.state.runs[run.id].state not in _TO_SUBMIT:
            continue  # one before it has ended the execution
        try:
            if suspend(progress, run):
                return
            submit(progress, run)
        except Needed as error:
            progress.decision.needs.update(error.needs)
