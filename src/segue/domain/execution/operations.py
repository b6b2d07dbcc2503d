"""What users may ask of an execution, and in which states (flow language 11.3 to 11.8).

One table for everybody: the API refuses with 409 before it writes a fact, the engine ignores a fact whose
execution has moved on meanwhile, bulk operations choose by it, and ``docs/internals/states.md`` draws it.
"""

from enum import StrEnum

from segue.domain.errors import IllegalStateError
from segue.domain.execution.state import TERMINATED, State


class Operation(StrEnum):
    """An operation on an existing execution, by the name it has in the API."""

    RESTART = "restart"
    REPLAY = "replay"
    PAUSE = "pause"
    RESUME = "resume"
    RESUME_FROM_BREAKPOINT = "resume-from-breakpoint"
    KILL = "kill"
    FORCE_RUN = "force-run"
    UNQUEUE = "unqueue"
    CHANGE_STATUS = "change-status"
    CHANGE_TASK_STATE = "state"
    SET_LABELS = "labels"
    DELETE = "delete"


_ALL = frozenset(State) - {State.SUBMITTED}
_OPEN = _ALL - TERMINATED

LEGAL_STATES: dict[Operation, frozenset[State]] = {
    Operation.RESTART: TERMINATED | {State.PAUSED},
    Operation.REPLAY: _ALL,
    Operation.PAUSE: frozenset({State.RUNNING}),
    Operation.RESUME: frozenset({State.PAUSED}),
    Operation.RESUME_FROM_BREAKPOINT: frozenset({State.BREAKPOINT}),
    Operation.KILL: _OPEN,
    Operation.FORCE_RUN: _OPEN,
    Operation.UNQUEUE: frozenset({State.QUEUED}),
    Operation.CHANGE_STATUS: TERMINATED,
    Operation.CHANGE_TASK_STATE: TERMINATED | {State.RUNNING, State.PAUSED, State.RETRYING, State.BREAKPOINT},
    Operation.SET_LABELS: TERMINATED,
    Operation.DELETE: _ALL,
}
"""In which states of the execution an operation is legal."""

UNQUEUED_STATES = frozenset({State.RUNNING, State.CANCELLED, State.FAILED})
"""What a queued execution can be made (flow language 11.5)."""

MARKED_STATES = frozenset({State.SUCCESS, State.WARNING, State.FAILED, State.KILLED, State.CANCELLED, State.SKIPPED})
"""What a task run can be marked as (flow language 11.6)."""

_REASONS = {
    Operation.RESTART: "Execution must be terminated to be restarted, current state is '{state}' !",
    Operation.PAUSE: "Execution must be running to be paused, current state is '{state}' !",
    Operation.RESUME: "Execution must be paused to be resumed, current state is '{state}' !",
    Operation.RESUME_FROM_BREAKPOINT: "Execution is not suspended at a breakpoint, current state is '{state}' !",
    Operation.KILL: "Execution is already finished, current state is '{state}' !",
    Operation.FORCE_RUN: "Execution is already finished, current state is '{state}' !",
    Operation.UNQUEUE: "Execution must be queued to be unqueued, current state is '{state}' !",
    Operation.CHANGE_STATUS: "Execution must be terminated to get another state, current state is '{state}' !",
    Operation.CHANGE_TASK_STATE: "No task run can get another state while the execution is '{state}' !",
    Operation.SET_LABELS: "Execution must be terminated to get labels, current state is '{state}' !",
}


def reason_against(operation: Operation, state: State) -> str | None:
    """Why an execution in ``state`` does not allow the operation, None when it does."""
    if state in LEGAL_STATES[operation]:
        return None
    reason = _REASONS.get(operation, "Operation '" + operation.value + "' does not fit the state '{state}' !")
    return reason.format(state=state.value)


def check_legal(operation: Operation, state: State) -> None:
    """Raise ``IllegalStateError`` when an execution in ``state`` does not allow the operation."""
    reason = reason_against(operation, state)
    if reason is not None:
        raise IllegalStateError(reason)
