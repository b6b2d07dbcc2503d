"""The graph of a flow, as it is drawn (REST API 6.9): tasks and triggers, edges, and clusters for flowables.

Built from the data as it was written, so that an invalid part does not hide the rest. A node's uid is its
path of ids (``root.parallel.t1``); a flowable is the first node within a cluster of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from segue.domain.flow.tree import maps_of
from segue.domain.flow.type_names import STEERING, canonical_flowable

Data: TypeAlias = Mapping[str, Any]
Lookup: TypeAlias = Callable[[str, str], Data | None]
"""The data of a flow by namespace and id; None when it is not to be shown."""

_Draw: TypeAlias = Callable[[str], bool]
"""Draws the inside of a block up to a node; whether there was anything to draw."""

_PACKAGE = "io.kestra.core.models.hierarchies."
_MAX_DEPTH = 100
_SUBFLOWS = {"Subflow", "ForEachItem"}
_DYNAMIC = {"ForEach", "EachSequential", "Loop", "LoopUntil"}
_SIDE_BY_SIDE = {"Parallel": "PARALLEL", "EachParallel": "DYNAMIC"}
_CHOICES: dict[str, tuple[str, ...]] = {"If": ("then", "else"), "Approval": ("onWait", "onApprove", "onDeny")}
_LEAVES = {"Subflow", "Template"} | STEERING


@dataclass(slots=True)
class FlowGraph:
    """Nodes, edges and clusters, ready for the wire."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)
    clusters: list[dict[str, Any]] = field(default_factory=list)
    flowables: list[str] = field(default_factory=list)


def flow_graph(data: Data, lookup: Lookup = lambda _namespace, _flow_id: None, expand: Sequence[str] = ()) -> FlowGraph:
    """The graph of a flow. The subflow tasks whose uids are in ``expand`` are drawn with the flow they start."""
    builder = _Builder(lookup, frozenset(expand))
    builder.flow(data, "root", ())
    return builder.graph


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is drawn: its path of ids, the clusters around it (outermost first), the kind of branch."""

    path: str
    clusters: tuple[dict[str, Any], ...]
    branch: str | None = None

    def uid(self, name: str) -> str:
        return f"{self.path}.{name}"


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where edges enter and leave something."""

    start: str
    end: str


class _Builder:
    def __init__(self, lookup: Lookup, expand: frozenset[str]) -> None:
        self.lookup = lookup
        self.expand = expand
        self.graph = FlowGraph()

    def flow(self, data: Data, path: str, clusters: tuple[dict[str, Any], ...]) -> _Ends:
        """A whole flow: the outermost, or the one behind an expanded subflow task."""
        place = _Place(path, clusters)
        ends = self.ends(place)
        self.triggers(data, place, ends.start)
        self.block(data, place, ends, ends.start, self.lists(data, place, ends.start, [("tasks", "SEQUENTIAL", None)]))
        last = ends.end
        for task in _tasks(data, "afterExecution"):
            drawn = self.task(task, _Place(path, clusters, "AFTER_EXECUTION"))
            self.edge(last, drawn.start, "AFTER_EXECUTION" if last == ends.end else "SEQUENTIAL")
            last = drawn.end
        return ends

    def block(self, data: Data, place: _Place, ends: _Ends, first: str, draw: _Draw) -> None:
        """What ``draw`` draws between ``first`` and the node it is given, then errors and finally of the block."""
        final = _tasks(data, "finally")
        after = ends.end
        if final:
            after = self.node(place, _name("finally", place), "GraphClusterFinally", branchType="FINALLY")
        if not draw(after):
            self.edge(first, after)
        self.sequence(
            _tasks(data, "errors"), _Place(place.path, place.clusters, "ERROR"), first, after, ("ERROR", None)
        )
        if final:
            inside = _Place(place.path, place.clusters, "FINALLY")
            self.sequence(final, inside, after, ends.end, ("FINALLY", None))

    def lists(self, data: Data, place: _Place, first: str, lists: Sequence[tuple[str, str, str | None]]) -> _Draw:
        """Draws lists of tasks (key, relation to their first task, its value)."""
        return lambda after: (
            sum(self.sequence(_tasks(data, key), place, first, after, (kind, value)) for key, kind, value in lists) > 0
        )

    def side_by_side(self, task: Data, place: _Place, first: str, kind: str) -> _Draw:
        """Draws the tasks of a block that run at the same time."""
        relation = (kind, _value(task, kind))
        return lambda after: (
            sum(self.sequence([child], place, first, after, relation) for child in _tasks(task, "tasks")) > 0
        )

    def sequence(
        self, tasks: Sequence[Data], place: _Place, before: str, after: str, relation: tuple[str, str | None]
    ) -> bool:
        """Tasks one after the other; whether there were any."""
        last = before
        for number, task in enumerate(tasks):
            drawn = self.task(task, place)
            kind, value = relation if number == 0 else ("SEQUENTIAL", None)
            self.edge(last, drawn.start, kind, value)
            last = drawn.end
        if tasks:
            self.edge(last, after)
        return bool(tasks)

    def task(self, task: Data, place: _Place) -> _Ends:
        """One task, with everything in it."""
        flowable = canonical_flowable(task.get("type"))
        uid = place.uid(_id(task))
        if flowable in _SUBFLOWS:
            return self.subflow(task, place, uid)
        if flowable is None or flowable in _LEAVES or len(place.clusters) >= _MAX_DEPTH:
            self.node(place, uid, "GraphTask", task=task)
            return _Ends(uid, uid)
        return self.flowable(flowable, task, place, uid)

    def flowable(self, flowable: str, task: Data, place: _Place, uid: str) -> _Ends:
        """A flowable: a cluster that begins with the task itself."""
        self.graph.flowables.append(_id(task))
        inside, ends = self.cluster(place, uid, "GraphCluster", task)
        self.node(inside, uid, "GraphTask", task=task)
        self.edge(ends.start, uid)
        if flowable == "Dag":
            draw: _Draw = lambda after: self.dag(task, inside, after, uid)  # noqa: E731  a branch of three
        elif flowable in _SIDE_BY_SIDE:
            draw = self.side_by_side(task, inside, uid, _SIDE_BY_SIDE[flowable])
        else:
            draw = self.lists(_with_cases(flowable, task), inside, uid, _lists(flowable, task))
        self.block(task, inside, ends, uid, draw)
        return ends

    def dag(self, task: Data, place: _Place, after: str, uid: str) -> bool:
        """The nodes of a `Dag`, joined as they wait for each other; whether there are any."""
        entries = [(node["task"], node) for _, node in maps_of(task, "tasks") if isinstance(node.get("task"), dict)]
        drawn = {_id(child): self.task(child, place) for child, _ in entries}
        waited_for: set[str] = set()
        for child, node in entries:
            given = node.get("dependsOn")
            names = [name for name in given if name in drawn] if isinstance(given, list) else []
            waited_for.update(names)
            for name in names:
                self.edge(drawn[name].end, drawn[_id(child)].start)
            if not names:
                self.edge(uid, drawn[_id(child)].start)
        for name, place_of in drawn.items():
            if name not in waited_for:
                self.edge(place_of.end, after)
        return bool(drawn)

    def subflow(self, task: Data, place: _Place, uid: str) -> _Ends:
        """A task that starts another flow, drawn with it when that is wished and possible."""
        names = task.get("namespace"), task.get("flowId")
        target = None
        if uid in self.expand and len(place.clusters) < _MAX_DEPTH and all(isinstance(name, str) for name in names):
            target = self.lookup(str(names[0]), str(names[1]))
        if target is None:
            self.node(place, uid, "SubflowGraphTask", task=task)
            return _Ends(uid, uid)
        entry = self.new_cluster(place, uid, "SubflowGraphCluster", task)
        ends = self.flow(target, uid, (*place.clusters, entry))
        entry |= {"start": ends.start, "end": ends.end}
        return ends

    def triggers(self, data: Data, place: _Place, start: str) -> None:
        """The triggers, in a cluster of their own before the first task."""
        triggers = list(_tasks(data, "triggers"))
        if not triggers:
            return
        inside, ends = self.cluster(place, place.uid("Triggers"), "GraphCluster", None)
        for trigger in triggers:
            uid = inside.uid(_id(trigger))
            self.node(inside, uid, "GraphTrigger", trigger=trigger, triggerDeclaration=trigger)
            self.edge(ends.start, uid)
            self.edge(uid, ends.end)
        self.edge(ends.end, start)

    def cluster(self, place: _Place, uid: str, kind: str, task: Data | None) -> tuple[_Place, _Ends]:
        """A new cluster with its two ends."""
        entry = self.new_cluster(place, uid, kind, task)
        inside = _Place(uid, (*place.clusters, entry), place.branch)
        ends = self.ends(inside)
        entry |= {"start": ends.start, "end": ends.end}
        return inside, ends

    def new_cluster(self, place: _Place, uid: str, kind: str, task: Data | None) -> dict[str, Any]:
        shown: dict[str, Any] = {"uid": f"cluster_{uid}", "type": _PACKAGE + kind}
        if task is not None:
            node_kind = "SubflowGraphTask" if kind == "SubflowGraphCluster" else "GraphTask"
            shown["taskNode"] = {"uid": uid, "type": _PACKAGE + node_kind, "task": dict(task)}
        if place.branch is not None:
            shown["branchType"] = place.branch
        parents = [around["cluster"]["uid"] for around in place.clusters]
        entry: dict[str, Any] = {"cluster": shown, "nodes": [], "parents": parents}
        self.graph.clusters.append(entry)
        return entry

    def ends(self, place: _Place) -> _Ends:
        start = self.node(place, _name("root", place), "GraphClusterRoot")
        return _Ends(start, self.node(place, _name("end", place), "GraphClusterEnd"))

    def node(self, place: _Place, uid: str, kind: str, **more: Any) -> str:
        branch = {"branchType": place.branch} if place.branch is not None else {}
        self.graph.nodes.append({"uid": uid, "type": _PACKAGE + kind} | branch | more)
        if place.clusters:
            place.clusters[-1]["nodes"].append(uid)
        return uid

    def edge(self, source: str, target: str, kind: str | None = None, value: str | None = None) -> None:
        relation = {"relationType": kind or "SEQUENTIAL"} | ({} if value is None else {"value": value})
        self.graph.edges.append({"source": source, "target": target, "relation": relation})


def _lists(flowable: str, task: Data) -> list[tuple[str, str, str | None]]:
    """The lists of tasks of a flowable, with the relation to their first task and its value."""
    if flowable in _CHOICES:
        return [(key, "CHOICE", key) for key in _CHOICES[flowable]]
    if flowable == "Switch":
        cases = task.get("cases")
        names = [str(name) for name in cases] if isinstance(cases, dict) else []
        return [*((f"cases.{name}", "CHOICE", name) for name in names), ("defaults", "CHOICE", "defaults")]
    if flowable == "Pause":
        return [("onPause", "SEQUENTIAL", None), ("tasks", "SEQUENTIAL", None)]
    kind = "DYNAMIC" if flowable in _DYNAMIC else "SEQUENTIAL"
    return [("tasks", kind, _value(task, kind))]


def _with_cases(flowable: str, task: Data) -> Data:
    """The task with every list under one key of its own."""
    if flowable == "Switch" and isinstance(cases := task.get("cases"), dict):
        return {**task, **{f"cases.{name}": tasks for name, tasks in cases.items()}}
    if flowable == "Pause" and isinstance(task.get("onPause"), dict):
        return {**task, "onPause": [task["onPause"]]}
    return task


def _value(task: Data, kind: str) -> str | None:
    """What a loop goes over, as far as it is short enough to be shown."""
    if kind != "DYNAMIC":
        return None
    value = task.get("values", task.get("value"))
    return value[:200] if isinstance(value, str) else None


def _tasks(data: Data, key: str) -> list[dict[str, Any]]:
    return [task for _, task in maps_of(data, key)]


def _id(task: Data) -> str:
    return str(task.get("id"))


def _name(kind: str, place: _Place) -> str:
    """The uid of one of the ends of a block, unlike that of any task in it."""
    digest = hashlib.blake2b(f"{kind} {place.path}".encode(), digest_size=8).hexdigest()
    return place.uid(f"{kind}-{digest}")
