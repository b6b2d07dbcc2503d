"""Looking through flows: sources, deprecated types (REST API 4.2)."""

from collections.abc import Iterator
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.flow_relations import data_of
from segue.api.paging import page_request
from segue.api.routers.flows import SORTABLE, flows_of
from segue.api.schemas.flows import JsonObject, flow_for_execution, wire_flow
from segue.api.schemas.paged import Paged
from segue.domain.flow.deprecations import deprecated_types
from segue.ports.repositories.flows import FlowQuery

_FRAGMENTS = 10
_AROUND = 1
_MAX_LINE = 300


@get("/flows/source")
async def search_sources(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
    text: Annotated[str | None, QueryParameter(name="q")] = None,
    namespace: FromQuery[str | None] = None,
) -> Paged[JsonObject]:
    """Flows whose source holds a text, whatever the case, with the lines around each place."""
    query = FlowQuery(
        tenant=tenant,
        source=text or None,
        namespace_prefix=namespace or None,
        page=page_request(page, size, sort, SORTABLE),
    )
    found = await backend.ports.flows.search(query)
    results: list[JsonObject] = [
        {"model": wire_flow(flow), "fragments": list(fragments(flow.source, text)) if text else []}
        for flow in found.items
    ]
    return Paged(results, found.total)


def fragments(source: str, text: str) -> Iterator[str]:
    """The first places of ``text`` in a source: the line, one before and one after, hits within ``[mark]``."""
    lines = source.splitlines()
    needle = text.lower()
    if "\n" in text:
        yield f"[mark]{text[:_MAX_LINE]}[/mark]"
        return
    count = 0
    for number, line in enumerate(lines):
        if needle in line.lower():
            around = lines[max(0, number - _AROUND) : number + _AROUND + 1]
            yield "\n".join(_marked(one[:_MAX_LINE], needle) for one in around)
            count += 1
            if count == _FRAGMENTS:
                return


def _marked(line: str, needle: str) -> str:
    lower = line.lower()
    if len(lower) != len(line):  # some letters change their length; then nothing is marked
        return line
    parts, start = [], 0
    while (place := lower.find(needle, start)) >= 0:
        end = place + len(needle)
        parts.append(f"{line[start:place]}[mark]{line[place:end]}[/mark]")
        start = end
    return "".join(parts) + line[start:]


@get("/flows/deprecated")
async def list_deprecated(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromQuery[str | None] = None
) -> list[JsonObject]:
    """Flows with tasks or triggers of deprecated types, and what takes their place."""
    answer: list[JsonObject] = []
    for flow in await flows_of(backend, tenant, prefix=namespace or None):
        uses = list(deprecated_types(data_of(flow), backend.ports.types))
        if uses:
            answer.append(
                {
                    "namespace": flow.namespace,
                    "flowId": flow.id,
                    "revision": flow.revision,
                    "deprecatedTasks": [
                        {"taskId": use.task_id, "taskType": use.type, "replacement": use.replacement} for use in uses
                    ],
                }
            )
    return answer


@get("/executions/namespaces")
async def executable_namespaces(backend: NamedDependency[Backend], tenant: FromPath[str]) -> list[str]:
    """Namespaces that hold flows which may be started, sorted."""
    flows = await flows_of(backend, tenant)
    return sorted({flow.namespace for flow in flows if not flow.disabled})


@get("/executions/namespaces/{namespace:str}/flows")
async def executable_flows(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str]
) -> list[JsonObject]:
    """The flows of a namespace which may be started, as their run form needs them."""
    flows = await flows_of(backend, tenant, namespaces=(namespace,))
    return [flow_for_execution(flow) for flow in flows if not flow.disabled]


HANDLERS: list[Any] = [search_sources, list_deprecated, executable_namespaces, executable_flows]
