"""How triggers come, change and go with their flow (flow language 12.2)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from segue.domain.durations import parse_duration
from segue.domain.execution.model import FlowKey
from segue.domain.flow.model import Flow
from segue.domain.flow.triggers import PluginTrigger, ScheduleOnDatesTrigger, ScheduleTrigger, Trigger
from segue.domain.flow.type_names import TriggerTraits, TypeCatalogue
from segue.domain.trigger.dates import ScheduleError, dates_of, is_static
from segue.domain.trigger.followers import Interest, interests_of
from segue.domain.trigger.schedule import has_conditions
from segue.domain.trigger.state import TriggerKey, TriggerKind, TriggerState


class TriggerDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry needs to know of a trigger in a flow. ``first_at`` is when it has to be looked at first."""

    trigger_id: str
    kind: TriggerKind
    fingerprint: str
    first_at: datetime | None
    is_planned: bool = True
    """Whether ``first_at`` is a date of the schedule; else the scheduler finds the first one."""
    enabled: bool = True
    interval: timedelta | None = None
    """Of a polling trigger."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """The triggers of a revision that is being saved. ``definitions`` None: they are as before, but for ``active``."""

    at: datetime
    definitions: tuple[TriggerDefinition, ...] | None
    active: bool = True
    interests: tuple[Interest, ...] = ()
    """Of the flow triggers."""


class Registered(NamedTuple):
    """What a registration changes: states to be written, those that are gone."""

    written: list[TriggerState]
    removed: list[TriggerState]


def registration_of(
    flow: Flow | None, at: datetime, types: TypeCatalogue | None = None, *, active: bool = True
) -> Registration:
    """The registration of a flow; without one (its text is no valid flow) its triggers rest.

    ``types`` says which triggers of plugins there are; without them only those of the language are registered.
    """
    if flow is None:
        return Registration(at=at, definitions=None, active=False)
    found = (definition_of(trigger, at, types) for trigger in flow.triggers)
    definitions = tuple(each for each in found if each is not None)
    active = active and not flow.disabled
    interests = interests_of(flow) if active else ()
    return Registration(at=at, definitions=definitions, active=active, interests=interests)


def _traits(trigger: Trigger, types: TypeCatalogue | None) -> TriggerTraits | None:
    """What its plugin says of it."""
    if types is None or not isinstance(trigger, PluginTrigger):
        return None
    info = types.resolve(trigger.type)
    return None if info is None else info.trigger


def _interval(trigger: Trigger, default: timedelta | None) -> timedelta | None:
    """The interval as it is written; that of the type when it says nothing or nothing that can be read."""
    written = trigger.properties.get("interval") if isinstance(trigger, PluginTrigger) else None
    try:
        return parse_duration(written) if isinstance(written, str) else default
    except ValueError:
        return default


def definition_of(trigger: Trigger, at: datetime, types: TypeCatalogue | None = None) -> TriggerDefinition | None:
    """What is registered of a trigger, None for one that has no state."""
    interval: timedelta | None = None
    if isinstance(trigger, ScheduleTrigger | ScheduleOnDatesTrigger):
        kind = TriggerKind.SCHEDULE
    else:
        traits = _traits(trigger, types)
        if traits is None:
            return None
        kind = TriggerKind(traits.kind)
        if kind is TriggerKind.POLLING:
            interval = _interval(trigger, traits.interval)
    first_at, is_planned = first_look(trigger, at)
    return TriggerDefinition(
        trigger_id=trigger.id,
        kind=kind,
        fingerprint=blake2b(trigger.model_dump_json().encode(), digest_size=12).hexdigest(),
        first_at=first_at,
        is_planned=is_planned,
        enabled=not trigger.disabled,
        interval=interval,
    )


def first_look(trigger: Trigger, at: datetime) -> tuple[datetime | None, bool]:
    """When a trigger that begins at ``at`` has to be looked at, and whether that is a date of its schedule.

    Those that workers evaluate are looked at at once.
    """
    if not isinstance(trigger, ScheduleTrigger | ScheduleOnDatesTrigger):
        return at, True
    if not is_static(trigger) or has_conditions(trigger):
        return at, False
    try:
        return dates_of(trigger, _unrendered).after(at), True
    except ScheduleError:
        return at, False


def _unrendered(text: str) -> Any:
    return text


def register(existing: Iterable[TriggerState], flow: FlowKey, registration: Registration) -> Registered:
    """What becomes of the states of a flow when ``flow``, its newest revision, is saved.

    A trigger is new, or gone, or begins again when its definition is another one: then its next date is computed
    anew and its backfill ends, but it stays disabled, and locked while its execution runs.
    """
    before = {state.key.trigger_id: state for state in existing}
    if registration.definitions is None:
        kept = [_kept(state, flow, registration.active and state.active, registration.at) for state in before.values()]
        return Registered([state for state in kept if state is not before[state.key.trigger_id]], [])
    written = []
    for definition in registration.definitions:
        known = before.pop(definition.trigger_id, None)
        state = _registered(known, definition, flow, registration)
        if state is not known:
            written.append(state)
    return Registered(written, list(before.values()))


def _registered(
    known: TriggerState | None, definition: TriggerDefinition, flow: FlowKey, registration: Registration
) -> TriggerState:
    active = registration.active and definition.enabled
    if known is not None and known.fingerprint == definition.fingerprint and known.active == active:
        return _kept(known, flow, active, registration.at)
    state = TriggerState(
        key=TriggerKey(flow.tenant, flow.namespace, flow.flow_id, definition.trigger_id),
        kind=definition.kind,
        revision=flow.revision,
        fingerprint=definition.fingerprint,
        updated_at=registration.at,
        since=registration.at,
        active=active,
        interval=definition.interval,
    )
    if known is not None:
        state = msgspec.structs.replace(
            state,
            version=known.version,
            disabled=known.disabled,
            evaluated_at=known.evaluated_at,
            triggered_at=known.triggered_at,
            execution_id=known.execution_id,
            backfill=known.backfill if known.fingerprint == definition.fingerprint else None,
        )
    return begin(state, registration.at, definition.first_at, is_planned=definition.is_planned)


def _kept(state: TriggerState, flow: FlowKey, active: bool, at: datetime) -> TriggerState:
    if state.revision == flow.revision and state.active == active:
        return state
    kept = msgspec.structs.replace(state, revision=flow.revision, active=active, updated_at=at)
    return kept if active else rest(kept)


def begin(state: TriggerState, at: datetime, first_at: datetime | None, *, is_planned: bool) -> TriggerState:
    """The state of a trigger whose dates count from ``at``. One that is not enabled rests."""
    backfill = state.backfill
    if backfill is not None:
        backfill = msgspec.structs.replace(backfill, previous_at=first_at)
    walking = state.running_backfill is not None
    begun = msgspec.structs.replace(
        state,
        since=at,
        pending_at=at if walking else first_at,
        next_at=first_at if is_planned else None,
        searched_to=None,
        free_at=None,
        backfill=backfill,
    )
    return begun if begun.is_enabled else rest(begun)


def rest(state: TriggerState) -> TriggerState:
    """The state of a trigger that is not evaluated; an evaluation under way is given up."""
    return msgspec.structs.replace(
        state, pending_at=None, next_at=None, searched_to=None, evaluation_id=None, worker_id=None
    )
