"""Flow triggers that wait for executions of several flows (flow language 12.6, core plugins 9.5).

Each set of conditions that have to be met within one window is a ``Gathering``; what has been met so far is a
``Gathered``, which is stored. Everything here is pure: ``ask`` answers whether one entry is met by an execution.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

import msgspec

from segue.domain.flow.preconditions import Preconditions, TimeWindow, UpstreamFlow, Where
from segue.domain.flow.triggers import Condition, DependencyMode, FlowTrigger, UpstreamDependency, Window
from segue.domain.trigger.windows import WindowRule, rule_of

Entry = UpstreamDependency | UpstreamFlow | Where | Condition
"""What one execution has to be like."""

Ask = Callable[[Entry], bool]


class Gathering(NamedTuple):
    """Entries that have to be met within one window.

    ``id`` is the name under which what was met is kept, for the flow. ``needed`` is how many of the entries it takes.
    ``is_reset``: once the trigger has fired all must be met anew.
    """

    id: str
    entries: Mapping[str, Entry]
    needed: int
    window: Window | TimeWindow | None
    is_reset: bool

    def rule(self, zone: tzinfo) -> WindowRule:
        """How its window is bounded. Raises ``WindowError``."""
        return rule_of(self.window, zone)


class Met(msgspec.Struct, frozen=True, array_like=True):
    """An execution that met an entry."""

    key: str
    execution_id: str
    namespace: str
    flow_id: str


class Gathered(msgspec.Struct, frozen=True):
    """What has been met in the window from ``start`` to ``end``, as it happened. ``version`` counts writes."""

    start: datetime
    end: datetime
    met: tuple[Met, ...] = ()
    version: int = 0


def gatherings_of(trigger: FlowTrigger) -> tuple[Gathering, ...]:
    """What the trigger waits for; nothing for one that every execution may fire."""
    found = [_of_condition(item) for item in trigger.conditions if is_multiple(item)]
    if trigger.preconditions is not None:
        found.append(_of_preconditions(trigger.preconditions))
    if trigger.depends_on:
        found.append(_of_dependencies(trigger))
    return tuple(found)


def is_multiple(condition: Condition) -> bool:
    """Whether a 1.x condition waits for several executions."""
    return condition.type.rpartition(".")[2] == "MultipleCondition"


def _of_dependencies(trigger: FlowTrigger) -> Gathering:
    entries = {_hash(entry): entry for entry in trigger.depends_on}
    needed = {
        DependencyMode.ALL: len(entries),
        DependencyMode.ANY: 1,
        DependencyMode.AT_LEAST: min(trigger.min_satisfied or 1, len(entries)),
    }[trigger.mode]
    window = trigger.window
    return Gathering(f"depends_on_{trigger.id}", entries, needed, window, window is None or window.fire_once)


def _hash(entry: UpstreamDependency) -> str:
    parts = [entry.namespace, entry.flow_id, entry.when, sorted(entry.states), sorted(entry.labels)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _of_preconditions(given: Preconditions) -> Gathering:
    entries: dict[str, Entry] = {f"condition_{number}": flow for number, flow in enumerate(given.flows, 1)}
    for number, where in enumerate(given.where, len(entries) + 1):
        entries[f"condition_{number}_{where.id}"] = where
    return Gathering(given.id, entries, len(entries), given.time_window, given.reset_on_success)


def _of_condition(condition: Condition) -> Gathering:
    given = condition.properties
    entries: dict[str, Entry] = {
        str(key): Condition.model_validate(value) for key, value in (given.get("conditions") or {}).items()
    }
    window = TimeWindow.model_validate(_window_of(given))
    return Gathering(str(given["id"]), entries, len(entries), window, given.get("resetOnSuccess") is not False)


def _window_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if given.get("timeWindow"):
        return dict(given["timeWindow"])
    return {name: given[name] for name in ("window", "windowAdvance") if given.get(name) is not None}


def gather(
    gathering: Gathering, before: Gathered | None, happened: Met, ask: Ask, at: datetime, zone: tzinfo
) -> Gathered | None:
    """What has been met after one more execution, whose ``key`` does not count yet.

    None when it meets nothing, or happened outside of the window. Raises ``WindowError``, and what ``ask`` raises.
    """
    met = [key for key, entry in gathering.entries.items() if ask(entry)]
    if not met:
        return None
    current = _current(gathering, before, at, zone)
    if current is None:
        return None
    kept = [item for item in current.met if item.key not in met and item.key in gathering.entries]
    new = [msgspec.structs.replace(happened, key=key) for key in met]
    return msgspec.structs.replace(current, met=(*kept, *new))


def _current(gathering: Gathering, before: Gathered | None, at: datetime, zone: tzinfo) -> Gathered | None:
    if before is not None and before.start <= at < before.end:
        return before
    span = gathering.rule(zone).span(at)
    if span is None:
        return None
    version = 0 if before is None else before.version
    return Gathered(span.start.astimezone(UTC), span.end.astimezone(UTC), version=version)


def is_satisfied(gathering: Gathering, gathered: Gathered | None, at: datetime) -> bool:
    """Whether enough has been met in the window that ``at`` lies in."""
    if gathered is None or not gathered.start <= at < gathered.end:
        return False
    return len({item.key for item in gathered.met if item.key in gathering.entries}) >= gathering.needed


def executions_of(gathered: Collection[Gathered]) -> list[Met]:
    """The executions that met something, each once, in the order they did."""
    found: dict[str, Met] = {}
    for item in sorted_met(gathered):
        found.pop(item.execution_id, None)
        found[item.execution_id] = item
    return list(found.values())


def sorted_met(gathered: Collection[Gathered]) -> Sequence[Met]:
    """All that was met, as it happened within each window."""
    return [item for each in gathered for item in each.met]


class Followed(NamedTuple):
    """What one execution changes for one trigger: what has been met, by gathering, and whether the trigger fires.

    ``met`` are the executions it fires for, the latest last. ``after`` is what is kept once it has fired.
    """

    changed: Mapping[str, Gathered]
    fires: bool = False
    met: Sequence[Met] = ()
    after: Mapping[str, Gathered | None] = {}


NOT_FOLLOWED = Followed({})


def follow(
    gatherings: Sequence[Gathering],
    before: Mapping[str, Gathered],
    happened: Met,
    ask: Ask,
    at: datetime,
    zone: tzinfo,
) -> Followed:
    """What an execution that may fire the trigger does to it. Raises ``WindowError``, and what ``ask`` raises."""
    if not gatherings:
        return Followed({}, fires=True, met=[happened])
    changed: dict[str, Gathered] = {}
    for each in gatherings:
        now = gather(each, before.get(each.id), happened, ask, at, zone)
        if now is not None:
            changed[each.id] = now
    current = {each.id: changed.get(each.id) or before.get(each.id) for each in gatherings}
    if not changed or not all(is_satisfied(each, current[each.id], at) for each in gatherings):
        return Followed(changed)
    found = [gathered for gathered in current.values() if gathered is not None]
    met = [item for item in executions_of(found) if item.execution_id != happened.execution_id]
    after = {each.id: None if each.is_reset else current[each.id] for each in gatherings}
    return Followed(changed, fires=True, met=[*met, happened], after=after)
