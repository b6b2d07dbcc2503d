"""Which flow triggers an execution of some flow may concern, without asking each of them (flow language 12.6).

Triggers are filed under the flow, the namespace or nothing, whatever they name by constants. Looking up an execution
costs the same for ten flows with triggers as for ten thousand.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from segue.domain.execution.state import State
from segue.domain.flow.fields import is_expression
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


class Follower(NamedTuple):
    """A flow trigger: whose it is, and what it may be interested in."""

    tenant: str
    namespace: str
    flow_id: str
    trigger_id: str
    selectors: frozenset[Selector]
    states: frozenset[State]


def follower_of(tenant: str, namespace: str, flow_id: str, trigger: FlowTrigger) -> Follower:
    """What a trigger of a flow may be interested in. States it does not understand are left for its evaluation."""
    try:
        states = states_of(trigger)
    except ConditionError:
        states = frozenset(State)
    return Follower(tenant, namespace, flow_id, trigger.id, frozenset(_selectors(trigger)), states)


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
        self._filed: dict[tuple[str, str | None, str | None], dict[Follower, None]] = defaultdict(dict)
        self._of_flow: dict[tuple[str, str, str], tuple[Follower, ...]] = {}

    def replace(self, tenant: str, namespace: str, flow_id: str, followers: Collection[Follower]) -> None:
        """Put these in place of those the flow had."""
        owner = (tenant, namespace, flow_id)
        for old in self._of_flow.pop(owner, ()):
            for selector in old.selectors:
                del self._filed[(tenant, *selector)][old]
        for new in followers:
            for selector in new.selectors:
                self._filed[(tenant, *selector)][new] = None
        if followers:
            self._of_flow[owner] = tuple(followers)

    def of(self, tenant: str, namespace: str, flow_id: str, state: State) -> list[Follower]:
        """Those that an execution of this flow may concern when it enters a state; never those of the flow itself."""
        if not self._of_flow:
            return []
        found = dict.fromkeys(
            follower
            for follower in self._candidates(tenant, namespace, flow_id)
            if state in follower.states and (follower.namespace, follower.flow_id) != (namespace, flow_id)
        )
        return list(found)

    def _candidates(self, tenant: str, namespace: str, flow_id: str) -> Iterator[Follower]:
        for key in (
            (tenant, namespace, flow_id),
            (tenant, namespace, None),
            (tenant, None, flow_id),
            (tenant, None, None),
        ):
            yield from self._filed.get(key, ())
