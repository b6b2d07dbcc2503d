"""Graphs of flows and between flows (REST API 4.2, 4.11)."""

from typing import Annotated, Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from segue.api.backend import Backend
from segue.api.flow_relations import JsonObject, data_of, expanded_graph, topology
from segue.api.routers.flows import Revision, flows_of, get_stored, read_source
from segue.api.submission import AnyRequest
from segue.domain.flow.source import read_document
from segue.domain.flow.topology import Name, around, edges
from segue.ports.repositories.flows import StoredFlow

Subflows = Annotated[list[str] | None, QueryParameter(name="subflows")]


@get("/flows/{namespace:str}/{flow_id:str}/graph")
async def graph_of_flow(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    revision: Revision = None,
    subflows: Subflows = None,
) -> JsonObject:
    """The graph of a stored flow. ``subflows`` are the uids of subflow tasks to expand."""
    stored = await get_stored(backend, tenant, namespace, flow_id, revision, drafts=revision is not None)
    if not stored.draft:
        await backend.ports.catalog.latest(tenant, namespace, flow_id, stored.revision)
    return await _graph(backend, tenant, data_of(stored), subflows)


@post("/flows/graph", status_code=200)
async def graph_of_source(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], subflows: Subflows = None
) -> JsonObject:
    """The graph of a text that is not saved; faults in it do not matter as long as it can be read."""
    data = read_document(await read_source(backend, request)).data
    return await _graph(backend, tenant, data, subflows)


async def _graph(backend: Backend, tenant: str, data: JsonObject, subflows: list[str] | None) -> JsonObject:
    async def load(namespace: str, flow_id: str) -> StoredFlow | None:
        return await backend.ports.flows.get(tenant, namespace, flow_id)

    expand = [uid.strip() for item in subflows or () for uid in item.split(",") if uid.strip()]
    graph = await expanded_graph(data, expand, load)
    return {"nodes": graph.nodes, "edges": graph.edges, "clusters": graph.clusters, "flowables": graph.flowables}


@get("/flows/{namespace:str}/{flow_id:str}/dependencies")
async def dependencies_of_flow(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    destination_only: Annotated[bool, QueryParameter(name="destinationOnly")] = False,
    expand_all: Annotated[bool, QueryParameter(name="expandAll")] = False,
) -> JsonObject:
    """The flows this one starts or is started by; with ``expandAll`` theirs too, and so on."""
    await get_stored(backend, tenant, namespace, flow_id)
    name = Name(namespace, flow_id)
    found = around(
        name,
        edges(backend.links.read(await flows_of(backend, tenant))),
        downstream_only=destination_only,
        transitive=expand_all,
    )
    return topology(tenant, found, [name])


@get("/namespaces/{namespace:str}/dependencies")
async def dependencies_of_namespace(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    destination_only: Annotated[bool, QueryParameter(name="destinationOnly")] = False,
) -> JsonObject:
    """The flows of a namespace and those below it, with what they start and are started by."""
    links = backend.links.read(await flows_of(backend, tenant))
    inside = [one.name for one in links if f"{one.name.namespace}.".startswith(f"{namespace}.")]
    members = set(inside)
    found = [
        edge for edge in edges(links) if edge.source in members or (edge.target in members and not destination_only)
    ]
    return topology(tenant, found, inside)


HANDLERS: list[Any] = [graph_of_flow, graph_of_source, dependencies_of_flow, dependencies_of_namespace]
