"""Which flow triggers an execution of some flow may concern, without asking each of them (flow language 12.6).

Triggers are filed under the flow, the namespace or nothing, whatever they name by constants. Looking up an execution
costs the same for ten flows with triggers as for ten thousand.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from segue.domain.execution.model import FlowKey
from segue.domain.execution.state import State
from segue.domain.flow.fields import is_expression
from segue.domain.flow.model import Flow
from segue.domain.flow.preconditions import FilterField, FilterType, Operand, UpstreamFlow, Where
from segue.domain.flow.triggers import Condition, FlowTrigger, UpstreamDependency
from segue.domain.trigger.conditions import ConditionError
from segue.domain.trigger.gathering import Entry, gatherings_of, is_multiple
from segue.domain.trigger.upstream import states_of


class Selector(NamedTuple):
    """Executions of one flow, of the flows of a namespace, of the flows of one id, or of all: what is None is open."""

    namespace: str | None = None
    flow_id: str | None = None


_ALL = Selector()


class Interest(NamedTuple):
    """What a flow trigger may be interested in."""

    trigger_id: str
    selectors: frozenset[Selector]
    states: frozenset[State]


class Follower(NamedTuple):
    """A flow trigger: the revision of the flow whose it is, and its id."""

    flow: FlowKey
    trigger_id: str


def interests_of(flow: Flow) -> tuple[Interest, ...]:
    """The interests of the flow triggers of a flow that are not disabled."""
    if flow.disabled:
        return ()
    return tuple(
        interest_of(trigger) for trigger in flow.triggers if isinstance(trigger, FlowTrigger) and not trigger.disabled
    )


def interest_of(trigger: FlowTrigger) -> Interest:
    """What a trigger may be interested in. States it does not understand are left for its evaluation."""
    try:
        states = states_of(trigger)
    except ConditionError:
        states = frozenset(State)
    return Interest(trigger.id, frozenset(_selectors(trigger)), states)


def _selectors(trigger: FlowTrigger) -> Collection[Selector]:
    direct = [_of_entry(item) for item in trigger.conditions if not is_multiple(item)]
    narrow = [selector for selector in direct if selector != _ALL]
    if narrow:
        return narrow[:1]
    gatherings = gatherings_of(trigger)
    if not gatherings:
        return [_ALL]
    return [_of_entry(entry) for gathering in gatherings for entry in gathering.entries.values()]


def _of_entry(entry: Entry) -> Selector:
    if isinstance(entry, UpstreamDependency | UpstreamFlow):
        return Selector(_constant(entry.namespace), _constant(entry.flow_id))
    if isinstance(entry, Where):
        return _of_where(entry)
    name = entry.type.rpartition(".")[2].removesuffix("Condition")
    if name == "ExecutionFlow":
        return Selector(_text(entry, "namespace"), _text(entry, "flowId"))
    is_exact = entry.properties.get("comparison", "EQUALS") == "EQUALS" and not entry.properties.get("prefix")
    if name == "ExecutionNamespace" and is_exact:
        return Selector(_text(entry, "namespace"))
    return _ALL


def _of_where(where: Where) -> Selector:
    if where.operand is Operand.OR and len(where.filters) > 1:
        return _ALL
    exact = {item.field: item.value for item in where.filters if item.type is FilterType.EQUAL_TO}
    return Selector(exact.get(FilterField.NAMESPACE), exact.get(FilterField.FLOW_ID))


def _text(condition: Condition, name: str) -> str | None:
    value = condition.properties.get(name)
    return _constant(value) if isinstance(value, str) else None


def _constant(value: str | None) -> str | None:
    return None if value is None or is_expression(value) else value.strip()


class Followers:
    """The flow triggers of all flows, filed for look-up. ``epoch`` says up to which change."""

    def __init__(self) -> None:
        self.epoch = 0
        self._filed: dict[tuple[str, str | None, str | None], dict[Follower, frozenset[State]]] = defaultdict(dict)
        self._places: dict[tuple[str, str, str], list[tuple[tuple[str, str | None, str | None], Follower]]] = {}

    def replace(self, flow: FlowKey, interests: Collection[Interest]) -> None:
        """Put these in place of those the flow had."""
        owner = (flow.tenant, flow.namespace, flow.flow_id)
        for place, follower in self._places.pop(owner, ()):
            del self._filed[place][follower]
        for interest in interests:
            follower = Follower(flow, interest.trigger_id)
            for selector in interest.selectors:
                place = (flow.tenant, *selector)
                self._filed[place][follower] = interest.states
                self._places.setdefault(owner, []).append((place, follower))

    def of(self, flow: FlowKey, state: State) -> list[Follower]:
        """Those that an execution of this flow may concern when it enters a state; never those of the flow itself."""
        if not self._places:
            return []
        own = (flow.namespace, flow.flow_id)
        found = dict.fromkeys(
            follower
            for follower, states in self._candidates(flow)
            if state in states and (follower.flow.namespace, follower.flow.flow_id) != own
        )
        return list(found)

    def _candidates(self, flow: FlowKey) -> Iterator[tuple[Follower, frozenset[State]]]:
        tenant = flow.tenant
        for place in (
            (tenant, flow.namespace, flow.flow_id),
            (tenant, flow.namespace, None),
            (tenant, None, flow.flow_id),
            (tenant, None, None),
        ):
            yield from self._filed.get(place, {}).items()
