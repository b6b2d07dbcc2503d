"""Flows one by one (REST API 4.2)."""

import re
from typing import Annotated

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.flow_store import FlowStore, check_keys
from segue.api.paging import MAX_INTEGER, page_request
from segue.api.problems import INVALID_ARGUMENT, NOT_FOUND, ProblemError
from segue.api.queries import flow_query
from segue.api.schemas.flows import FlowValidation, JsonObject, find_task, wire_flow
from segue.api.schemas.paged import Paged
from segue.api.submission import AnyRequest, read_body, read_submission, read_text
from segue.domain.errors import DefinitionError, NotFoundError
from segue.domain.flow.parts import Section
from segue.domain.flow.source import split_documents
from segue.ports.repositories.flows import FlowQuery, StoredFlow
from segue.ports.repositories.paging import PageRequest

SORTABLE = frozenset({"id", "namespace", "revision", "disabled", "updated"})
ALL = 10_000
_MOST_REVISIONS = 1000
_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)

Revision = Annotated[int | None, QueryParameter(name="revision", ge=1, le=MAX_INTEGER)]


@post("/flows", status_code=200)
async def create_flow(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], draft: FromQuery[bool] = False
) -> JsonObject:
    """Store a new flow; 409 when there is one with its id."""
    store = FlowStore(backend.ports)
    flow = await store.read(tenant, await read_source(backend, request), is_draft=draft)
    return wire_flow(await store.save(flow, create=True), with_source=True)


@put("/flows/{namespace:str}/{flow_id:str}")
async def update_flow(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    draft: FromQuery[bool] = False,
) -> JsonObject:
    """Store a new revision; 404 when there is no such flow."""
    store = FlowStore(backend.ports)
    await get_stored(backend, tenant, namespace, flow_id, drafts=True)
    flow = await store.read(tenant, await read_source(backend, request), is_draft=draft)
    check_keys(flow, namespace, flow_id)
    return wire_flow(await store.save(flow, update=True), with_source=True)


@get("/flows/{namespace:str}/{flow_id:str}")
async def get_flow(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    source: FromQuery[bool] = False,
    revision: Revision = None,
    allow_deleted: Annotated[bool, QueryParameter(name="allowDeleted")] = False,
) -> JsonObject:
    """A flow, its latest revision or the one named."""
    found = await get_stored(
        backend, tenant, namespace, flow_id, revision, drafts=revision is not None, deleted=allow_deleted
    )
    return wire_flow(found, with_source=source) | await _exception(backend, found)


async def _exception(backend: Backend, flow: StoredFlow) -> JsonObject:
    """Why a stored flow cannot be run any more, if so (flow language 1)."""
    if flow.draft or flow.deleted:
        return {}
    try:
        await backend.ports.catalog.latest(flow.tenant, flow.namespace, flow.id, flow.revision)
    except DefinitionError as error:
        return {"exception": error.message}
    return {}


@delete("/flows/{namespace:str}/{flow_id:str}", status_code=204)
async def delete_flow(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], flow_id: FromPath[str]
) -> None:
    """Delete a flow; its revisions stay."""
    await FlowStore(backend.ports).delete(tenant, namespace, flow_id)


@get("/flows/search")
async def search_flows(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
) -> Paged[JsonObject]:
    """Latest revisions that match the filters, without sources."""
    wanted = page_request(page, size, sort, SORTABLE)
    query = flow_query(tenant, request.query_params.multi_items(), wanted, backend.config.system_namespace)
    found = await backend.ports.flows.search(query)
    return Paged([wire_flow(flow) for flow in found.items], found.total)


@get("/flows/distinct-namespaces")
async def distinct_namespaces(
    backend: NamedDependency[Backend], tenant: FromPath[str], q: FromQuery[str | None] = None
) -> list[str]:
    """Namespaces that hold flows, sorted."""
    names = await backend.ports.flows.namespaces(tenant)
    return [name for name in names if q is None or q.lower() in name.lower()]


@get("/flows/{namespace:str}")
async def list_flows(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str]
) -> list[JsonObject]:
    """All flows of exactly this namespace."""
    return [wire_flow(flow) for flow in await flows_of(backend, tenant, namespaces=(namespace,))]


@get("/flows/{namespace:str}/{flow_id:str}/revisions")
async def flow_revisions(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    allow_delete: Annotated[bool, QueryParameter(name="allowDelete")] = False,
) -> list[JsonObject]:
    """All revisions with their sources, oldest first."""
    revisions = await backend.ports.flows.revisions(tenant, namespace, flow_id)
    if not revisions or (revisions[-1].deleted and not allow_delete):
        raise NotFoundError(f"Flow {namespace}.{flow_id} not found")
    return [wire_flow(flow, with_source=True) for flow in revisions]


@delete("/flows/{namespace:str}/{flow_id:str}/revisions", status_code=200)
async def delete_revisions(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    revisions: FromQuery[list[str]],
) -> None:
    """Forget old revisions, given one by one or with commas; the latest stays."""
    numbers = [part.strip() for item in revisions for part in item.split(",") if part.strip()]
    if not numbers or len(numbers) > _MOST_REVISIONS or not all(_NUMBER.fullmatch(number) for number in numbers):
        raise ProblemError(INVALID_ARGUMENT, f"revisions must be 1 to {_MOST_REVISIONS} numbers")
    await get_stored(backend, tenant, namespace, flow_id, drafts=True, deleted=True)
    await FlowStore(backend.ports).delete_revisions(tenant, namespace, flow_id, [int(number) for number in numbers])


@get("/flows/{namespace:str}/{flow_id:str}/tasks/{task_id:str}")
async def get_task(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    task_id: FromPath[str],
    revision: Revision = None,
) -> JsonObject:
    """One task, wherever it stands in the flow."""
    flow = await get_stored(backend, tenant, namespace, flow_id, revision, drafts=revision is not None)
    task = find_task(flow, task_id)
    if task is None:
        raise ProblemError(NOT_FOUND, f"Task {task_id[:256]} not found in flow {namespace}.{flow_id}")
    return task


@post("/flows/validate", status_code=200)
async def validate_flows(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> list[FlowValidation]:
    """What is wrong with each document of the body; never an error for a bad flow."""
    store = FlowStore(backend.ports)
    results: list[FlowValidation] = []
    for source, filename in await _documents(backend, request):
        results.append(await store.validate(tenant, source, len(results), filename))
    return results


@post("/flows/validate/task", status_code=200)
async def validate_task(
    backend: NamedDependency[Backend], request: AnyRequest, section: FromQuery[str]
) -> FlowValidation:
    """What is wrong with one task or trigger, in YAML or JSON; ``section`` is TASKS or TRIGGERS."""
    known: dict[str, Section] = {"TASKS": "tasks", "TRIGGERS": "triggers"}
    if section.upper() not in known:
        raise ProblemError(INVALID_ARGUMENT, f"section must be one of {', '.join(known)}")
    return FlowStore(backend.ports).validate_part(await read_source(backend, request), known[section.upper()])


@post("/flows/validate/trigger", status_code=200)
async def validate_trigger(backend: NamedDependency[Backend], request: AnyRequest) -> FlowValidation:
    """What is wrong with one trigger."""
    return FlowStore(backend.ports).validate_part(await read_source(backend, request), "triggers")


async def _documents(backend: Backend, request: AnyRequest) -> list[tuple[str, str | None]]:
    """The documents of a text, or of each file of a form."""
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        submission = await read_submission(request, backend.config)
        with submission.form as form:
            documents: list[tuple[str, str | None]] = []
            for upload in form.uploads:
                text = b"".join([chunk async for chunk in upload.chunks()]).decode("utf-8", "replace")
                documents.extend((part, upload.filename) for part in split_documents(text) or [text])
            return documents
    text = await read_source(backend, request)
    return [(part, None) for part in split_documents(text) or [text]]


async def get_stored(
    backend: Backend,
    tenant: str,
    namespace: str,
    flow_id: str,
    revision: int | None = None,
    *,
    drafts: bool = False,
    deleted: bool = False,
) -> StoredFlow:
    """A stored flow. Raises ``NotFoundError``."""
    found = await backend.ports.flows.get(tenant, namespace, flow_id, revision, drafts=drafts, deleted=deleted)
    if found is None:
        at = "" if revision is None else f" at revision {revision}"
        raise NotFoundError(f"Flow {namespace[:150]}.{flow_id[:150]}{at} not found")
    return found


async def flows_of(
    backend: Backend, tenant: str, *, namespaces: tuple[str, ...] = (), prefix: str | None = None
) -> list[StoredFlow]:
    """All flows of some namespaces, page by page."""
    flows: list[StoredFlow] = []
    while True:
        page = PageRequest(len(flows) // ALL + 1, ALL, (("namespace", True), ("id", True)))
        query = FlowQuery(tenant=tenant, namespaces=namespaces, namespace_prefix=prefix, page=page)
        found = await backend.ports.flows.search(query)
        flows.extend(found.items)
        if len(found.items) < ALL:
            return flows


async def read_source(backend: Backend, request: AnyRequest) -> str:
    """The YAML of a request, whatever its content type says."""
    return read_text(await read_body(request, backend.config.max_body_bytes), "the flow")


HANDLERS = [
    create_flow,
    update_flow,
    get_flow,
    delete_flow,
    search_flows,
    distinct_namespaces,
    list_flows,
    flow_revisions,
    delete_revisions,
    get_task,
    validate_flows,
    validate_task,
    validate_trigger,
]
