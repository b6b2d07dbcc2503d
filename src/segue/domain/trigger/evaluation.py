"""What becomes of a trigger when a worker has looked at it for us: polls and streams (flow language 12.2, 12.8).

Pure. An evaluation is a job whose id the trigger holds as its lock. A worker says what came of it in *outcomes*;
each is taken into account once, in the transaction that starts the executions it calls for.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from segue.domain.ids import derived_id
from segue.domain.trigger.state import TriggerKey, TriggerKind, TriggerState

DEFAULT_INTERVAL = timedelta(seconds=60)
SHORTEST_INTERVAL = timedelta(seconds=1)
MAX_EVENTS = 1000
"""Executions that one outcome may start."""
MAX_EVENTS_BYTES = 1 << 20
"""Of the variables in one outcome, as JSON."""
MAX_MEMORY_BYTES = 64 << 10
"""Of what a poll remembers, as JSON."""
_FIRST_BACK_OFF = timedelta(seconds=1)
_LONGEST_BACK_OFF = timedelta(minutes=1)


class OutcomeKind(StrEnum):
    """What a worker says of an evaluation."""

    EVENTS = "EVENTS"
    """A stream gave something and goes on."""
    ENDED = "ENDED"
    """A poll is done, or a stream has ended by itself."""
    FAILED = "FAILED"
    LOST = "LOST"
    """Nobody says anything any more: the worker is gone."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``events`` holds the variables of each execution to start; ``first`` is the number of the first of them within
    the evaluation."""

    id: str
    key: TriggerKey
    evaluation_id: str
    kind: OutcomeKind
    at: datetime
    events: tuple[dict[str, Any], ...] = ()
    first: int = 0
    message: str | None = None
    memory: dict[str, Any] | None = None
    """What a poll remembers for the next one; None leaves what was."""


class Fired(msgspec.Struct, frozen=True):
    """An execution to start; FAILED at once with an ``error``."""

    execution_id: str
    variables: dict[str, Any]
    error: str | None = None


class Settled(msgspec.Struct, frozen=True):
    """What outcomes come to. The state is not locked by an execution yet: it may still be refused."""

    state: TriggerState
    fired: tuple[Fired, ...] = ()


def evaluation_id(state: TriggerState, now: datetime) -> str:
    """The id of an evaluation that begins at ``now``; each version of a state begins at most one."""
    return derived_id(now, state.key.uid, "evaluation", state.version)


def event_id(evaluation: str, at: datetime, number: int) -> str:
    """The execution of an event: always the same, so that a report told twice starts it once.

    The first one has the id of the evaluation, and so the files that were written during it.
    """
    return evaluation if number == 0 else derived_id(at, evaluation, number)


def interval_of(state: TriggerState) -> timedelta:
    """The time between two polls."""
    return max(state.interval or DEFAULT_INTERVAL, SHORTEST_INTERVAL)


def sent(state: TriggerState, evaluation: str, now: datetime) -> TriggerState:
    """The state while a worker evaluates it."""
    return msgspec.structs.replace(state, evaluation_id=evaluation, evaluated_at=now, has_given=False)


def passed_over(state: TriggerState, now: datetime) -> TriggerState:
    """The state after a look at which its conditions did not hold."""
    return msgspec.structs.replace(_due(state, now + interval_of(state)), evaluated_at=now, since=now)


def back_off(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(_FIRST_BACK_OFF * (1 << min(max(failures - 1, 0), 10)), _LONGEST_BACK_OFF)


def settle(state: TriggerState, outcomes: Sequence[Outcome], now: datetime, *, fails: bool = False) -> Settled:
    """Take outcomes of a trigger into account, in their order.

    ``fails``: an error of a poll starts a FAILED execution. What a stream gave counts even if it was stopped since,
    as long as the trigger is enabled: its source takes it as delivered. The rest counts for the evaluation under way.
    """
    fired: list[Fired] = []
    for outcome in outcomes:
        is_current = outcome.evaluation_id == state.evaluation_id
        if outcome.kind is OutcomeKind.EVENTS:
            if state.is_enabled:
                fired += _fired(outcome)
            if is_current:
                state = msgspec.structs.replace(state, failures=0, has_given=True)
        elif is_current:
            state, more = _ended(state, outcome, now, fails=fails)
            fired += more
    return Settled(state, tuple(fired))


def _ended(state: TriggerState, outcome: Outcome, now: datetime, *, fails: bool) -> tuple[TriggerState, list[Fired]]:
    freed = msgspec.structs.replace(state, evaluation_id=None, worker_id=None, since=now)
    failed = [Fired(outcome.evaluation_id, {}, outcome.message or "The trigger failed")]
    failures = 0 if _was_steady(state, now) else state.failures
    if outcome.kind is OutcomeKind.LOST:
        freed = msgspec.structs.replace(freed, failures=failures + 1)
        return _due(freed, now + (back_off(failures) if failures else timedelta())), []
    if state.kind is TriggerKind.REALTIME:
        tells = outcome.kind is OutcomeKind.FAILED and state.failures == 0 and not state.has_given
        freed = msgspec.structs.replace(freed, failures=failures + 1)
        return _due(freed, now + back_off(freed.failures)), failed if tells else []
    freed = _due(msgspec.structs.replace(freed, failures=0), now + interval_of(state))
    if outcome.kind is OutcomeKind.FAILED:
        return freed, failed if fails else []
    if outcome.memory is not None:
        freed = msgspec.structs.replace(freed, memory=outcome.memory)
    return freed, _fired(outcome)


def _was_steady(state: TriggerState, now: datetime) -> bool:
    """Whether the evaluation went on for so long that what was before does not matter."""
    return state.evaluated_at is not None and now - state.evaluated_at > _LONGEST_BACK_OFF


def _fired(outcome: Outcome) -> list[Fired]:
    return [
        Fired(event_id(outcome.evaluation_id, outcome.at, outcome.first + number), variables)
        for number, variables in enumerate(outcome.events)
    ]


def _due(state: TriggerState, at: datetime) -> TriggerState:
    if not state.is_enabled:
        return state
    return msgspec.structs.replace(state, pending_at=at, next_at=at)
