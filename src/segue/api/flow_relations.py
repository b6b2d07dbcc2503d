"""Flows in relation to each other: expanded subflows of a graph, dependencies within a tenant (REST API 6.9)."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from segue.domain.errors import FlowSyntaxError
from segue.domain.execution.model import FlowKey
from segue.domain.flow.graph import FlowGraph, flow_graph
from segue.domain.flow.source import read_document
from segue.domain.flow.topology import Edge, FlowLinks, Name, links_of
from segue.ports.repositories.flows import StoredFlow

JsonObject = dict[str, Any]
Load = Callable[[str, str], Awaitable[StoredFlow | None]]
"""Finds the latest revision of a flow by namespace and id."""

_MAX_EXPANDED = 100
_KEPT = 20_000


async def expanded_graph(data: Mapping[str, Any], expand: Sequence[str], load: Load) -> FlowGraph:
    """The graph of a flow; subflow tasks with their uid in ``expand`` show the flow they start, if there is one."""
    known: dict[tuple[str, str], Mapping[str, Any] | None] = {}
    while True:
        missing: list[tuple[str, str]] = []

        def look_up(namespace: str, flow_id: str, wanted: list[tuple[str, str]] = missing) -> Mapping[str, Any] | None:
            if (namespace, flow_id) not in known:
                wanted.append((namespace, flow_id))
            return known.get((namespace, flow_id))

        graph = flow_graph(data, look_up, expand[:_MAX_EXPANDED])
        if not missing:
            return graph
        for name in missing:
            stored = await load(*name)
            known[name] = None if stored is None else data_of(stored)


def data_of(stored: StoredFlow) -> JsonObject:
    """The data of a stored flow; without tasks when its text cannot be read any more."""
    try:
        return read_document(stored.source).data
    except FlowSyntaxError:
        return {"id": stored.id, "namespace": stored.namespace, "tasks": []}


class LinkReader:
    """Reads the links out of flows, each revision once."""

    def __init__(self) -> None:
        self._known: OrderedDict[FlowKey, FlowLinks] = OrderedDict()

    def read(self, flows: Iterable[StoredFlow]) -> list[FlowLinks]:
        """The links of all these flows."""
        return [self._of(flow) for flow in flows]

    def _of(self, flow: StoredFlow) -> FlowLinks:
        found = self._known.get(flow.key)
        if found is None:
            found = self._known[flow.key] = links_of(data_of(flow))
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


def topology(tenant: str, edges: Iterable[Edge], names: Iterable[Name]) -> JsonObject:
    """Nodes and edges for the wire; ``names`` are there even if nothing leads to them."""
    given = list(edges)
    nodes = dict.fromkeys([*names, *(name for edge in given for name in (edge.source, edge.target))])
    return {
        "nodes": [
            {"uid": _uid(tenant, name), "namespace": name.namespace, "id": name.flow_id, "tenantId": tenant}
            for name in nodes
        ],
        "edges": [
            {"source": _uid(tenant, edge.source), "target": _uid(tenant, edge.target), "relation": edge.relation}
            for edge in given
        ],
    }


def _uid(tenant: str, name: Name) -> str:
    return f"{tenant}_{name.namespace}_{name.flow_id}"
