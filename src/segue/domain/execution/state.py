"""States of executions, task runs and attempts, and the record of how they were reached.

Facts: flow language 9.1 (states), 9.2 (predicates), 9.3 (state object), 9.5 (transitions).
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec


class State(StrEnum):
    """A state, in the order of the API's enumeration (flow language 9.1)."""

    CREATED = "CREATED"
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    RESTARTED = "RESTARTED"
    KILLING = "KILLING"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    FAILED = "FAILED"
    KILLED = "KILLED"
    CANCELLED = "CANCELLED"
    QUEUED = "QUEUED"
    RETRYING = "RETRYING"
    RETRIED = "RETRIED"
    SKIPPED = "SKIPPED"
    BREAKPOINT = "BREAKPOINT"
    RESUBMITTED = "RESUBMITTED"

    @property
    def is_terminated(self) -> bool:
        """Whether nothing will change this state by itself any more."""
        return self in TERMINATED


TERMINATED = frozenset(
    {
        State.FAILED,
        State.WARNING,
        State.SUCCESS,
        State.KILLED,
        State.CANCELLED,
        State.RETRIED,
        State.SKIPPED,
        State.RESUBMITTED,
    }
)
EXECUTION_TRANSITIONS: dict[State, frozenset[State]] = {
    State.CREATED: frozenset(
        {
            State.RUNNING,
            State.QUEUED,
            State.RESTARTED,
            State.CANCELLED,
            State.FAILED,
            State.BREAKPOINT,
            State.KILLING,
        }
    ),
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.FAILED, State.KILLING}),
    State.RUNNING: frozenset(
        {
            State.SUCCESS,
            State.WARNING,
            State.FAILED,
            State.PAUSED,
            State.RETRYING,
            State.RETRIED,
            State.KILLING,
            State.CANCELLED,
            State.BREAKPOINT,
        }
    ),
    State.PAUSED: frozenset({State.RESTARTED, State.KILLING, State.CANCELLED, State.FAILED}),
    State.RESTARTED: frozenset({State.RUNNING, State.KILLING, State.QUEUED}),
    State.RETRYING: frozenset({State.RUNNING, State.KILLING, State.FAILED}),
    State.KILLING: frozenset({State.KILLED}),
    State.BREAKPOINT: frozenset({State.RUNNING, State.KILLING}),
} | {state: TERMINATED | {State.RESTARTED} for state in TERMINATED}
"""Which state of an execution may follow which (flow language 9.5)."""


class Moment(msgspec.Struct, frozen=True, array_like=True):
    """One entry of a history: the state entered and the aware UTC time it was entered at."""

    state: State
    at: datetime


class Status(msgspec.Struct, frozen=True, array_like=True):
    """A state with its whole history, never empty; the last entry is the current state."""

    histories: tuple[Moment, ...]

    @classmethod
    def begin(cls, at: datetime, state: State = State.CREATED) -> "Status":
        """A status whose first entry is ``state``."""
        return cls((Moment(state, at),))

    @property
    def current(self) -> State:
        """The state entered last."""
        return self.histories[-1].state

    @property
    def started_at(self) -> datetime:
        """When the first state was entered."""
        return self.histories[0].at

    @property
    def ended_at(self) -> datetime | None:
        """When the last state was entered, if it is terminal or PAUSED, else None."""
        last = self.histories[-1]
        return last.at if last.state in TERMINATED or last.state is State.PAUSED else None

    def duration(self, now: datetime) -> timedelta:
        """Last entry minus first, or ``now`` minus first while there is only one entry."""
        end = self.histories[-1].at if len(self.histories) > 1 else now
        return end - self.histories[0].at

    def to(self, state: State, at: datetime) -> "Status":
        """This status moved to ``state``; the same object when it is there already."""
        if state is self.histories[-1].state:
            return self
        return Status((*self.histories, Moment(state, max(at, self.histories[-1].at))))
