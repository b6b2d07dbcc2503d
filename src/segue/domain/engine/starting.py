"""From CREATED or RESTARTED to RUNNING: planned starts, and the limit of executions that run at a time.

Facts: flow language 2.7 (concurrency), 10.2, 10.3 and 10.6 (the order), 11.5 (unqueue).
"""

from segue.domain.engine import sla
from segue.domain.engine.needs import SlotNeed
from segue.domain.engine.progress import Progress
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import Execution, ExecutionKind
from segue.domain.execution.slots import SlotAnswer, slot_scope
from segue.domain.execution.state import State

STARTING = frozenset({State.CREATED, State.RESTARTED})
"""States in which an execution wants to run."""

_DENIED = {SlotAnswer.CANCEL: State.CANCELLED, SlotAnswer.FAIL: State.FAILED}


def start(progress: Progress) -> bool:
    """Leave CREATED or RESTARTED, unless the start is planned for later; whether it did.

    Raises ``Needed`` before anything is changed.
    """
    if _is_early(progress):
        return False
    if resumes_after_pause(progress.execution):
        progress.move_execution(State.RUNNING)
        return True
    answer = _ask(progress) if _is_limited(progress) else SlotAnswer.FREE
    sla.begin(progress)
    if answer in _DENIED:
        reason = "Execution is FAILED due to concurrency limit exceeded"
        if answer is SlotAnswer.CANCEL:
            reason = "Execution is CANCELLED due to concurrency limit exceeded"
        progress.log(LogLevel.ERROR if answer is SlotAnswer.FAIL else LogLevel.WARN, reason)
        progress.move_execution(_DENIED[answer])
        return True
    progress.move_execution(State.QUEUED if answer is SlotAnswer.WAITING else State.RUNNING)
    return True


def granted(progress: Progress) -> None:
    """A slot may have become free: a queued execution asks again. Raises ``Needed`` before anything is changed."""
    if progress.execution.state is State.QUEUED and _ask(progress) in {SlotAnswer.HELD, SlotAnswer.FREE}:
        progress.move_execution(State.RUNNING)


def leave_queue(progress: Progress, state: State) -> None:
    """Take a queued execution out of the queue: to RUNNING whatever the limit, or to its end.

    Raises ``Needed`` before anything is changed.
    """
    if state is State.RUNNING:
        _ask(progress, is_forced=True)
    else:
        progress.free_slot()
    progress.move_execution(state)


def force(progress: Progress) -> None:
    """Start now, whatever the limit. Raises ``Needed`` before anything is changed."""
    if not resumes_after_pause(progress.execution):
        if _is_limited(progress):
            _ask(progress, is_forced=True)
        sla.begin(progress)
    progress.move_execution(State.RUNNING)


def resumes_after_pause(execution: Execution) -> bool:
    """Whether it is RESTARTED from a pause, through which it has kept its slot (flow language 9.2)."""
    histories = execution.status.histories
    return execution.state is State.RESTARTED and len(histories) > 1 and histories[-2].state is State.PAUSED


def _is_early(progress: Progress) -> bool:
    due = progress.execution.scheduled_at
    if due is None or due <= progress.now:
        return False
    timer = Timer(
        id=f"{progress.execution.id}:start",
        execution_id=progress.execution.id,
        kind=TimerKind.SCHEDULED_START,
        due_at=due,
    )
    progress.decision.timers[timer.id] = timer
    return True


def _is_limited(progress: Progress) -> bool:
    """Whether the latest revision has to be asked for its limit (flow language 1.1).

    A new execution is one of the latest revision, which is at hand: flows without a limit cost nothing.
    """
    execution = progress.execution
    if execution.kind is ExecutionKind.LOOP:
        return False
    is_new = execution.state is State.CREATED and execution.parent_id is None
    return progress.state.flow.flow.concurrency is not None or not is_new


def _ask(progress: Progress, *, is_forced: bool = False) -> SlotAnswer:
    answer: SlotAnswer = progress.state.find(SlotNeed(is_forced))
    progress.decision.frees_slot = False
    scope = slot_scope(progress.execution.flow)
    if answer in {SlotAnswer.HELD, SlotAnswer.WAITING} and scope not in progress.execution.concurrency_scopes:
        progress.change_execution(concurrency_scopes=(*progress.execution.concurrency_scopes, scope))
    return answer
