"""What users do to the state of a trigger (flow language 12.2, 12.3; REST API 4.6).

Pure: a state goes in, another comes out. ``first`` are what ``first_look`` says of the definition.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from segue.domain.errors import ConflictError, IllegalStateError
from segue.domain.labels import Label
from segue.domain.trigger.registration import begin, rest
from segue.domain.trigger.schedule import end_backfill
from segue.domain.trigger.state import Backfill, TriggerKind, TriggerState

_TICK = timedelta(microseconds=1)


class First(NamedTuple):
    """When the trigger has to be looked at next, and whether that is a date of its schedule."""

    at: datetime | None
    is_planned: bool


class BackfillRequest(NamedTuple):
    """A backfill as it is asked for. ``id`` is new; ``end`` is included as ``start`` is."""

    id: str
    start: datetime
    end: datetime
    inputs: Mapping[str, Any] = {}
    labels: tuple[Label, ...] = ()


def set_disabled(state: TriggerState, *, disabled: bool, now: datetime, first: First) -> TriggerState:
    """Switch a trigger. Disabling clears the next date, enabling computes it from now."""
    if state.disabled == disabled:
        return state
    switched = msgspec.structs.replace(state, disabled=disabled, updated_at=now)
    return rest(switched) if disabled else begin(switched, now, first.at, is_planned=first.is_planned)


def unlock(state: TriggerState, now: datetime) -> TriggerState:
    """Take both locks away; the same state when there is none."""
    if not state.is_locked:
        return state
    return msgspec.structs.replace(
        state, execution_id=None, evaluation_id=None, worker_id=None, free_at=now, updated_at=now
    )


def reset(state: TriggerState, now: datetime, first: First) -> TriggerState:
    """The state as if the trigger were new."""
    fresh = TriggerState(
        key=state.key,
        kind=state.kind,
        revision=state.revision,
        fingerprint=state.fingerprint,
        interval=state.interval,
        version=state.version,
        active=state.active,
        updated_at=now,
        since=now,
    )
    return begin(fresh, now, first.at, is_planned=first.is_planned)


def restart(state: TriggerState, now: datetime, first: First) -> TriggerState:
    """Give a running evaluation up and begin to look anew; an execution it waits for goes on to be waited for."""
    freed = msgspec.structs.replace(unlock(state, now), execution_id=state.execution_id, updated_at=now)
    return begin(freed, now, first.at, is_planned=first.is_planned)


def create_backfill(state: TriggerState, request: BackfillRequest, now: datetime) -> TriggerState:
    """Begin a backfill. Raises ``ConflictError`` when there is one, ``IllegalStateError`` for other kinds of triggers
    and for an end before the start."""
    if state.kind is not TriggerKind.SCHEDULE:
        raise IllegalStateError(f"trigger {state.key.trigger_id} is no schedule and has no backfills")
    if state.backfill is not None:
        raise ConflictError(f"A backfill is already running for the trigger {state.key.trigger_id}: delete it first")
    if request.end < request.start:
        raise IllegalStateError("the end of a backfill must not lie before its start")
    backfill = Backfill(
        id=request.id,
        start=request.start,
        end=request.end,
        since=request.start - _TICK,
        current_at=request.start,
        inputs=dict(request.inputs),
        labels=request.labels,
    )
    return _walk(msgspec.structs.replace(state, updated_at=now), backfill, now)


def pause_backfill(state: TriggerState, now: datetime) -> TriggerState:
    """Let the backfill wait; the trigger goes on with its own dates. Raises ``ConflictError`` without one that runs."""
    backfill = state.running_backfill
    if backfill is None:
        raise ConflictError(f"No backfill found that runs for the trigger {state.key.trigger_id}")
    going_on = msgspec.structs.replace(end_backfill(state, now), updated_at=now)
    return msgspec.structs.replace(going_on, backfill=msgspec.structs.replace(backfill, paused=True))


def unpause_backfill(state: TriggerState, now: datetime) -> TriggerState:
    """Let the backfill go on. Raises ``ConflictError`` without one that waits."""
    backfill = state.backfill
    if backfill is None or not backfill.paused:
        raise ConflictError(f"No backfill found that is paused for the trigger {state.key.trigger_id}")
    return _walk(msgspec.structs.replace(state, updated_at=now), backfill, now)


def delete_backfill(state: TriggerState, now: datetime) -> TriggerState:
    """Give the backfill up. Raises ``ConflictError`` without one."""
    if state.backfill is None:
        raise ConflictError(f"No backfill found for the trigger {state.key.trigger_id}")
    ended = msgspec.structs.replace(state, backfill=None) if state.backfill.paused else end_backfill(state, now)
    return msgspec.structs.replace(ended, updated_at=now)


def _walk(state: TriggerState, backfill: Backfill, now: datetime) -> TriggerState:
    """The state while the backfill is under way: somebody looks at it at once, if the trigger is enabled."""
    walking = msgspec.structs.replace(backfill, paused=False, previous_at=state.pending_at)
    if not state.is_enabled:
        return msgspec.structs.replace(state, backfill=walking)
    return msgspec.structs.replace(state, backfill=walking, pending_at=now, next_at=walking.current_at)
