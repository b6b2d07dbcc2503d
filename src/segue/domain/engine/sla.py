"""Service level agreements of a flow: how long it may take, and what must hold all the time (flow language 2.9)."""

from collections.abc import Iterator

from segue.domain.durations import format_duration
from segue.domain.engine.kill import end_all
from segue.domain.engine.progress import Progress
from segue.domain.execution.facts import TimerDue
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import ExecutionKind
from segue.domain.execution.state import State
from segue.domain.flow.limits import ExecutionAssertionSla, MaxDurationSla, Sla, SlaBehavior
from segue.domain.labels import merge_labels
from segue.expr import ExpressionError, MissingVariableError, is_truthy

_ENDS = {SlaBehavior.FAIL: State.FAILED, SlaBehavior.CANCEL: State.CANCELLED}


def begin(progress: Progress) -> None:
    """Set the deadlines of an execution that starts; the time it is queued counts."""
    for timer_id, sla in _deadlines(progress):
        progress.decision.timers[timer_id] = Timer(
            id=timer_id,
            execution_id=progress.execution.id,
            kind=TimerKind.SLA,
            due_at=progress.now + sla.duration,
        )


def due(progress: Progress, fact: TimerDue) -> bool:
    """Whether the timer is a deadline; one that is over and still counts is a violation."""
    for timer_id, sla in _deadlines(progress):
        if timer_id == fact.timer_id:
            if not progress.execution.state.is_terminated:
                _violated(progress, sla, f"it has not ended within {format_duration(sla.duration)}")
            return True
    return False


def check(progress: Progress) -> None:
    """Evaluate the assertions; those after one that ends the execution are not.

    An assertion about something that is not there yet, as the outputs of a task to come, does not count yet.
    Raises ``Needed`` before anything is changed.
    """
    for sla in progress.state.flow.flow.sla if _is_watched(progress) else ():
        if not isinstance(sla, ExecutionAssertionSla) or progress.execution.state.is_terminated:
            continue
        reason = _broken(progress, sla)
        if reason is not None:
            _violated(progress, sla, reason)


def end(progress: Progress) -> None:
    """Forget the deadlines of an execution that is over."""
    for timer_id, _ in _deadlines(progress):
        progress.drop_timer(timer_id)


def _broken(progress: Progress, sla: ExecutionAssertionSla) -> str | None:
    try:
        if is_truthy(progress.render(sla.assertion)):
            return None
    except ExpressionError as error:
        if _names_what_is_missing(error):
            return None
        return f"its assertion cannot be evaluated: {error}"
    return f"assertion is false: {sla.assertion}"


def _names_what_is_missing(error: BaseException | None) -> bool:
    """Operators wrap the error of an operand that is not there (expressions 1.8)."""
    while error is not None and not isinstance(error, MissingVariableError):
        error = error.__cause__
    return error is not None


def _violated(progress: Progress, sla: Sla, reason: str) -> None:
    execution = progress.execution
    labels = merge_labels(execution.labels, sla.labels)
    is_news = set(labels) != set(execution.labels)
    if is_news:
        progress.change_execution(labels=labels)
    if sla.behavior in _ENDS:
        progress.log(LogLevel.ERROR, f"SLA '{sla.id}' is violated: {reason}")
        end_all(progress, _ENDS[sla.behavior])
    elif is_news:
        progress.log(LogLevel.WARN, f"SLA '{sla.id}' is violated: {reason}")


def _deadlines(progress: Progress) -> Iterator[tuple[str, MaxDurationSla]]:
    """Deadlines by the id of their timers: two SLAs of a flow may have one id."""
    if not _is_watched(progress):
        return
    for index, sla in enumerate(progress.state.flow.flow.sla):
        if isinstance(sla, MaxDurationSla):
            yield f"{progress.execution.id}:sla:{index}", sla


def _is_watched(progress: Progress) -> bool:
    """An iteration of a Loop is part of an execution and is not watched by itself."""
    return bool(progress.state.flow.flow.sla) and progress.execution.kind is not ExecutionKind.LOOP
