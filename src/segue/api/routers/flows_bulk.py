"""Many flows at once (REST API 4.2)."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Any

import msgspec
from litestar import delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.flow_store import FlowStore
from segue.api.problems import INVALID_ARGUMENT, INVALID_REQUEST_BODY, VALIDATION_FAILED, FieldError, ProblemError
from segue.api.queries import flow_query
from segue.api.routers.executions import FlowReference
from segue.api.routers.flows import ALL, flows_of, get_stored, read_source
from segue.api.schemas.flows import JsonObject, wire_flow
from segue.api.schemas.paged import BulkResult
from segue.api.submission import AnyRequest, read_body
from segue.domain.errors import SegueError
from segue.domain.flow.edits import set_namespace
from segue.domain.flow.source import split_documents
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.paging import PageRequest


@post("/flows/bulk", status_code=200)
async def save_all(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    delete_others: Annotated[bool, QueryParameter(name="delete")] = True,
    namespace: FromQuery[str | None] = None,
    allow_namespace_child: Annotated[bool, QueryParameter(name="allowNamespaceChild")] = False,
) -> list[JsonObject]:
    """Create or update every flow of the body; by default the others of the tenant, or of ``namespace``
    (and those below it with ``allowNamespaceChild``), are deleted. Nothing is written if one is wrong."""
    flows = await _read_all(backend, tenant, await read_source(backend, request))
    if namespace is not None:
        _check_namespaces(flows, namespace, allow_namespace_child)
    scope: list[StoredFlow] = []
    if delete_others:
        exact = () if namespace is None or allow_namespace_child else (namespace,)
        prefix = namespace if allow_namespace_child else None
        scope = await flows_of(backend, tenant, namespaces=exact, prefix=prefix)
    return await _replace(backend, flows, scope)


@post("/flows/{namespace:str}", status_code=200)
async def save_namespace(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    namespace: FromPath[str],
    delete_others: Annotated[bool, QueryParameter(name="delete")] = True,
    override: FromQuery[bool] = False,
) -> list[JsonObject]:
    """The same for one namespace. An empty body empties it. ``override`` moves the flows of the body there."""
    flows = await _read_all(backend, tenant, await read_source(backend, request), namespace if override else None)
    _check_namespaces(flows, namespace, False)
    scope = await flows_of(backend, tenant, namespaces=(namespace,)) if delete_others else []
    return await _replace(backend, flows, scope)


async def _read_all(backend: Backend, tenant: str, text: str, move_to: str | None = None) -> list[StoredFlow]:
    store = FlowStore(backend.ports)
    sources = split_documents(text)
    if move_to is not None:
        sources = [set_namespace(source, move_to) for source in sources]
    flows = await _each(sources, lambda source: store.read(tenant, source))
    seen: set[tuple[str, str]] = set()
    for flow in flows:
        if (flow.namespace, flow.id) in seen:
            raise ProblemError(VALIDATION_FAILED, f"Duplicate flow id: {flow.namespace}.{flow.id}")
        seen.add((flow.namespace, flow.id))
    return flows


async def _each(sources: Sequence[str], read: Callable[[str], Awaitable[StoredFlow]]) -> list[StoredFlow]:
    """All flows of a body. Raises what is wrong with its only flow, or one error for all that are wrong."""
    if len(sources) == 1:
        return [await read(sources[0])]
    flows: list[StoredFlow] = []
    faults: list[str] = []
    errors: list[FieldError] = []
    for number, source in enumerate(sources):
        try:
            flows.append(await read(source))
        except SegueError as error:
            faults.append(f"flow {number + 1} of {len(sources)}: {error.message}")
            errors.extend(error.errors if isinstance(error, ProblemError) else ())
    if faults:
        raise ProblemError(VALIDATION_FAILED, "; ".join(faults), errors=tuple(errors))
    return flows


def _check_namespaces(flows: Iterable[StoredFlow], namespace: str, with_children: bool) -> None:
    for flow in flows:
        is_child = with_children and flow.namespace.startswith(namespace + ".")
        if flow.namespace != namespace and not is_child:
            raise ProblemError(
                VALIDATION_FAILED, f"Flow namespace is invalid: {flow.namespace}.{flow.id} is not in {namespace}"
            )


async def _replace(backend: Backend, flows: Sequence[StoredFlow], scope: Sequence[StoredFlow]) -> list[JsonObject]:
    store = FlowStore(backend.ports)
    kept = {(flow.namespace, flow.id) for flow in flows}
    others = [flow for flow in scope if (flow.namespace, flow.id) not in kept]
    deleted = [await store.delete(flow.tenant, flow.namespace, flow.id) for flow in others]
    saved = [await store.save(flow) for flow in flows]
    return [wire_flow(flow) for flow in (*deleted, *saved)]


async def flows_by_ids(backend: Backend, request: AnyRequest, tenant: str) -> list[StoredFlow]:
    """The flows a body names, each once. Raises ``NotFoundError`` when one of them is unknown."""
    body = await read_body(request, backend.config.max_body_bytes)
    try:
        references = msgspec.json.decode(body, type=list[FlowReference])
    except msgspec.DecodeError as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"a list of {{namespace, id}} is expected: {error}") from None
    names = list(dict.fromkeys((one.namespace, one.id) for one in references))
    if len(names) > ALL:
        raise ProblemError(INVALID_ARGUMENT, f"more than {ALL} flows")
    return [await get_stored(backend, tenant, *name) for name in names]


async def flows_by_query(backend: Backend, request: AnyRequest, tenant: str) -> list[StoredFlow]:
    """The flows that match the filters of a request, at most as many as one page may have."""
    query = flow_query(tenant, request.query_params.multi_items(), PageRequest(1, ALL), backend.config.system_namespace)
    return list((await backend.ports.flows.search(query)).items)


@delete("/flows/delete/by-ids", status_code=200)
async def delete_by_ids(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Delete flows; one that is unknown refuses the whole call with 404."""
    return await _delete(backend, await flows_by_ids(backend, request, tenant))


@delete("/flows/delete/by-query", status_code=200)
async def delete_by_query(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Delete the flows that match the filters."""
    return await _delete(backend, await flows_by_query(backend, request, tenant))


async def _delete(backend: Backend, flows: Sequence[StoredFlow]) -> BulkResult:
    store = FlowStore(backend.ports)
    for flow in flows:
        await store.delete(flow.tenant, flow.namespace, flow.id)
    return BulkResult(len(flows), len(flows), backend.ports.ids.new())


@post("/flows/disable/by-ids", status_code=200)
async def disable_by_ids(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Disable flows by a new revision; those that are disabled already do not count."""
    return await _switch(backend, await flows_by_ids(backend, request, tenant), disabled=True)


@post("/flows/disable/by-query", status_code=200)
async def disable_by_query(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Disable the flows that match the filters."""
    return await _switch(backend, await flows_by_query(backend, request, tenant), disabled=True)


@post("/flows/enable/by-ids", status_code=200)
async def enable_by_ids(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Enable flows by a new revision; those that are enabled already do not count."""
    return await _switch(backend, await flows_by_ids(backend, request, tenant), disabled=False)


@post("/flows/enable/by-query", status_code=200)
async def enable_by_query(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Enable the flows that match the filters."""
    return await _switch(backend, await flows_by_query(backend, request, tenant), disabled=False)


async def _switch(backend: Backend, flows: Sequence[StoredFlow], *, disabled: bool) -> BulkResult:
    store = FlowStore(backend.ports)
    changed = sum([await store.switch(flow, disabled=disabled) for flow in flows])
    return BulkResult(changed, changed, backend.ports.ids.new())


HANDLERS: list[Any] = [
    save_all,
    save_namespace,
    delete_by_ids,
    delete_by_query,
    disable_by_ids,
    disable_by_query,
    enable_by_ids,
    enable_by_query,
]
