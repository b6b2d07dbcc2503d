"""What users ask of an execution, done (flow language 11). One module per family, one function per fact."""

from collections.abc import Callable, Mapping
from typing import Any

from segue.domain.engine.operations.marking import change_status, change_task_state, set_labels
from segue.domain.engine.operations.replaying import replay
from segue.domain.engine.operations.restarting import restart
from segue.domain.engine.operations.suspending import force_run, pause, resume, resume_from_breakpoint
from segue.domain.engine.operations.unqueueing import unqueue
from segue.domain.engine.progress import Progress
from segue.domain.errors import SegueError
from segue.domain.execution import requests
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.operations import Operation, reason_against
from segue.domain.execution.state import State

__all__ = ["operate"]

_Doing = Callable[[Progress, Any], None]

_OPERATIONS: Mapping[type[requests.Request], tuple[Operation, _Doing]] = {
    requests.RestartRequested: (Operation.RESTART, restart),
    requests.ReplayRequested: (Operation.REPLAY, replay),
    requests.PauseRequested: (Operation.PAUSE, pause),
    requests.ResumeRequested: (Operation.RESUME, resume),
    requests.BreakpointResumed: (Operation.RESUME_FROM_BREAKPOINT, resume_from_breakpoint),
    requests.ForceRunRequested: (Operation.FORCE_RUN, force_run),
    requests.UnqueueRequested: (Operation.UNQUEUE, unqueue),
    requests.StatusRequested: (Operation.CHANGE_STATUS, change_status),
    requests.TaskStateRequested: (Operation.CHANGE_TASK_STATE, change_task_state),
    requests.LabelsRequested: (Operation.SET_LABELS, set_labels),
}


def operate(progress: Progress, fact: requests.Request) -> None:
    """Do what is asked; ignore it with a log line when the execution has moved on since it was asked.

    Raises ``Needed`` before anything is changed.
    """
    operation, do = _OPERATIONS[type(fact)]
    reason = reason_against(operation, progress.execution.state)
    try:
        if reason is not None:
            raise SegueError(reason)
        do(progress, fact)
    except SegueError as error:
        asked = f"'{operation.value}'" + (f" of {fact.by}" if fact.by else "")
        progress.log(LogLevel.WARN, f"The request {asked} was ignored: {error}")
        if progress.execution.is_finished and isinstance(fact, requests.RestartRequested) and fact.is_by_caller:
            progress.tell_caller(previous=State.RUNNING)  # it waits for an end
