"""Which flows lead to which: by subflow tasks and by flow triggers (REST API 4.2, 6.9).

Only what is written literally counts: a flow id that is an expression is known at run time alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from segue.domain.flow.conditions import canonical_condition, conditions_of
from segue.domain.flow.fields import is_expression
from segue.domain.flow.tree import maps_of, walk_tasks
from segue.domain.flow.type_names import canonical_trigger

Relation: TypeAlias = Literal["FLOW_TASK", "FLOW_TRIGGER"]
_STARTERS = {"Subflow", "ForEachItem"}


class Name(NamedTuple):
    """A flow of a tenant."""

    namespace: str
    flow_id: str


class Edge(NamedTuple):
    """Executions of ``source`` bring about executions of ``target``."""

    source: Name
    target: Name
    relation: Relation


@dataclass(frozen=True, slots=True)
class Upstream:
    """Which flows a trigger listens to; None means any."""

    namespace: str | None = None
    flow_id: str | None = None
    comparison: str = "EQUALS"

    def fits(self, name: Name) -> bool:
        """Whether executions of this flow are listened to."""
        if self.flow_id is not None and name.flow_id != self.flow_id:
            return False
        if self.namespace is None:
            return True
        if self.comparison == "PREFIX":
            return name.namespace.startswith(self.namespace)
        if self.comparison == "SUFFIX":
            return name.namespace.endswith(self.namespace)
        return name.namespace == self.namespace


@dataclass(frozen=True, slots=True)
class FlowLinks:
    """What one flow says about others."""

    name: Name
    starts: frozenset[Name]
    listens_to: frozenset[Upstream]


def links_of(data: Mapping[str, Any]) -> FlowLinks:
    """Read the links out of the data of a flow, whether it is valid or not."""
    starts = (
        Name(str(task.data["namespace"]), str(task.data["flowId"]))
        for task in walk_tasks(data)
        if task.flowable in _STARTERS
        and _is_literal(task.data.get("namespace"))
        and _is_literal(task.data.get("flowId"))
    )
    listens = (
        upstream
        for path, trigger in maps_of(data, "triggers")
        if canonical_trigger(trigger.get("type")) == "Flow" and trigger.get("disabled") is not True
        for upstream in _upstreams(path, trigger)
    )
    name = Name(str(data.get("namespace")), str(data.get("id")))
    return FlowLinks(name, frozenset(starts), frozenset(listens))


def edges(flows: Iterable[FlowLinks]) -> Iterator[Edge]:
    """All edges between the given flows; a subflow that is not among them is named all the same."""
    known = list(flows)
    for flow in known:
        for target in sorted(flow.starts):
            yield Edge(flow.name, target, "FLOW_TASK")
        if flow.listens_to:
            for other in known:
                if other.name != flow.name and any(upstream.fits(other.name) for upstream in flow.listens_to):
                    yield Edge(other.name, flow.name, "FLOW_TRIGGER")


def around(start: Name, all_edges: Iterable[Edge], *, downstream_only: bool, transitive: bool) -> list[Edge]:
    """The edges at ``start``: those that leave it, those that reach it too, and with ``transitive`` all further."""
    given = list(dict.fromkeys(all_edges))
    found: dict[Edge, None] = {}
    for forwards in (True,) if downstream_only else (True, False):
        seen, front = {start}, {start}
        while front:
            step = [edge for edge in given if (edge.source if forwards else edge.target) in front]
            found.update(dict.fromkeys(step))
            front = {edge.target if forwards else edge.source for edge in step} - seen if transitive else set()
            seen |= front
    return list(found)


def _is_literal(value: Any) -> bool:
    return isinstance(value, str) and not is_expression(value)


def _text(value: Any) -> str | None:
    return str(value) if _is_literal(value) else None


def _upstreams(path: tuple[str | int, ...], trigger: Mapping[str, Any]) -> Iterator[Upstream]:
    """The flows that one trigger names, in the forms of both releases."""
    found = [Upstream(_text(item.get("namespace")), _text(item.get("flowId"))) for item in _named(trigger)]
    for _, condition in conditions_of(trigger, path):
        kind = (canonical_condition(condition.get("type")) or "").rpartition(".")[2]
        if kind == "ExecutionFlow":
            found.append(Upstream(_text(condition.get("namespace")), _text(condition.get("flowId"))))
        elif kind == "ExecutionNamespace":
            comparison = condition.get("comparison") or ("PREFIX" if condition.get("prefix") is True else "EQUALS")
            found.append(Upstream(_text(condition.get("namespace")), None, str(comparison)))
    yield from found or [Upstream()]


def _named(trigger: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for _, item in maps_of(trigger, "dependsOn"):
        yield item
    preconditions = trigger.get("preconditions")
    if isinstance(preconditions, dict):
        for _, item in maps_of(preconditions, "flows"):
            yield item
