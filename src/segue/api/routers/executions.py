"""Executions: made, read, listed, removed (REST API 4.3, 5.1)."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.dates import parse_date_time
from segue.api.paging import MAX_INTEGER, page_request
from segue.api.problems import INVALID_ARGUMENT, INVALID_REQUEST_BODY, ProblemError, inputs_error
from segue.api.queries import execution_query, parse_label
from segue.api.routers.flows import Revision, get_stored
from segue.api.schemas.executions import ApiExecution, LastExecution
from segue.api.schemas.flows import JsonObject, flow_for_execution
from segue.api.schemas.inputs import wire_check, wire_result
from segue.api.schemas.paged import Paged
from segue.api.submission import AnyRequest, Submission, read_body, read_submission
from segue.domain.execution.creation import StartRequest
from segue.domain.execution.fixtures import Fixture, check_fixtures, read_fixtures
from segue.domain.execution.model import Execution, ExecutionKind, folder_of, parse_breakpoints
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.resolve_inputs import expand_inputs
from segue.domain.labels import CORRELATION_ID, SYSTEM_PREFIX, TEST, Label
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.paging import PageRequest

SORTABLE = frozenset({"id", "namespace", "flowId", "state.current", "state.startDate", "state.endDate"})
_MOST_FLOWS = 500
_KINDS = {kind.value: kind for kind in (ExecutionKind.NORMAL, ExecutionKind.TEST, ExecutionKind.PLAYGROUND)}


class FlowReference(msgspec.Struct, frozen=True):
    """A flow by namespace and id."""

    namespace: str
    id: str


@post(
    ["/executions/{namespace:str}/{flow_id:str}", "/executions/trigger/{namespace:str}/{flow_id:str}"],
    status_code=200,
)
async def create_execution(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    labels: FromQuery[list[str] | None] = None,
    wait: FromQuery[bool] = False,
    revision: Revision = None,
) -> ApiExecution:
    """Start a flow; ``trigger/`` is its path before 1.0.

    Further query parameters: ``scheduleDate``, ``kind``, ``breakpoints``, and ``fixtures`` (JSON, with
    ``kind=TEST``), which may also be a part of the form.
    """
    flow = await backend.starter.runnable(tenant, namespace, flow_id, revision)
    given = _start_request(labels, request)
    submission = await read_submission(request, backend.config)
    with submission.form:
        given = msgspec.structs.replace(given, fixtures=_fixtures(flow, request, submission, given.kind))
        execution = await _start(backend, flow, submission, given)
    url = backend.execution_url(execution)
    if not wait:
        return await backend.full(execution, url)
    return await backend.full(await backend.wait_finished(execution, request), url)


def _start_request(labels: list[str] | None, request: AnyRequest) -> StartRequest:
    parameters = request.query_params
    kind = parameters.get("kind", "NORMAL").upper()
    if kind not in _KINDS:
        raise ProblemError(INVALID_ARGUMENT, f"kind must be one of {', '.join(_KINDS)}")
    date = parameters.get("scheduleDate")
    of_test = (Label(TEST, "true"),) if kind == ExecutionKind.TEST.value else ()
    return StartRequest(
        labels=(*_user_labels(labels or ()), *of_test),
        kind=_KINDS[kind],
        breakpoints=parse_breakpoints(parameters.get("breakpoints", "")),
        scheduled_at=parse_date_time(date) if date else None,
    )


def _fixtures(
    flow: CompiledFlow, request: AnyRequest, submission: Submission, kind: ExecutionKind
) -> tuple[Fixture, ...]:
    """What replaces task runs (flow language 11.8). Raises ``SegueError`` when it cannot, or without ``kind=TEST``."""
    given = request.query_params.get("fixtures")
    declared = {input_id for input_id, _ in expand_inputs(flow.flow.inputs)}
    if given is None and kind is ExecutionKind.TEST and "fixtures" not in declared:
        given = submission.values.pop("fixtures", None)
    if given is None:
        return ()
    if kind is not ExecutionKind.TEST:
        raise ProblemError(INVALID_ARGUMENT, "fixtures are for executions of kind TEST")
    fixtures = read_fixtures(given)
    check_fixtures(flow, fixtures)
    return fixtures


def _user_labels(texts: Sequence[str]) -> tuple[Label, ...]:
    """The labels of a request. Raises ``ProblemError`` when one key gets two values: neither was meant to be lost."""
    labels = tuple(dict.fromkeys(_user_label(text) for text in texts))
    counts = Counter(label.key for label in labels)
    doubled = sorted(key[:100] for key, count in counts.items() if count > 1)
    if doubled:
        raise ProblemError(INVALID_ARGUMENT, f"Labels with more than one value: {', '.join(doubled[:10])}")
    return labels


def _user_label(text: str) -> Label:
    label = parse_label(text)
    if label.key.startswith(SYSTEM_PREFIX) and label.key != CORRELATION_ID:
        raise ProblemError(
            INVALID_ARGUMENT,
            f"System labels can only be set by the system itself, offending label: {label.key}={label.value}",
        )
    return label


async def _start(backend: Backend, flow: CompiledFlow, submission: Submission, given: StartRequest) -> Execution:
    """Resolve inputs, store files, write the execution; nothing stays behind when that fails."""
    execution_id = backend.starter.new_id()
    values, files = await backend.inputs.with_files(flow, submission, execution_id)
    resolution = await backend.inputs.resolve(flow, values)
    if resolution.errors:
        raise inputs_error(resolution.errors)
    is_failed = await backend.inputs.check(flow, resolution.values)
    started = msgspec.structs.replace(given, inputs=resolution.values, is_failed=is_failed)
    if not files:
        return await backend.starter.start(flow, started, execution_id)
    try:
        await backend.inputs.store(flow.tenant, files)
        return await backend.starter.start(flow, started, execution_id)
    except BaseException:
        folder = folder_of(flow.flow.namespace, flow.flow.id, execution_id)
        await backend.ports.storage.delete_below(flow.tenant, folder)
        raise


@post("/executions/{namespace:str}/{flow_id:str}/validate", status_code=200)
async def validate_inputs(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    revision: Revision = None,
) -> JsonObject:
    """What would become of these inputs; faults stand beside their input, nothing is stored."""
    flow = await backend.starter.runnable(tenant, namespace, flow_id, revision)
    submission = await read_submission(request, backend.config)
    with submission.form:
        values, _ = await backend.inputs.with_files(flow, submission, "validation", refuse_empty=False)
    resolution = await backend.inputs.resolve(flow, values)
    checks = [] if resolution.errors else await backend.inputs.failed_checks(flow, resolution.values)
    return {
        "id": flow_id,
        "namespace": namespace,
        "inputs": [wire_result(entry) for entry in resolution.entries],
        "checks": [wire_check(check) for check in checks],
    }


@get("/executions/{execution_id:str}")
async def get_execution(
    backend: NamedDependency[Backend], tenant: FromPath[str], execution_id: FromPath[str]
) -> ApiExecution:
    """One execution with its task runs."""
    return await backend.full(await backend.execution(tenant, execution_id))


@get("/executions/{execution_id:str}/flow")
async def flow_of_execution(
    backend: NamedDependency[Backend], tenant: FromPath[str], execution_id: FromPath[str]
) -> JsonObject:
    """The flow at the revision that is executed."""
    flow = (await backend.execution(tenant, execution_id)).flow
    stored = await get_stored(backend, tenant, flow.namespace, flow.flow_id, flow.revision, drafts=True, deleted=True)
    return flow_for_execution(stored)


@get("/executions/flows/{namespace:str}/{flow_id:str}")
async def flow_to_execute(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    revision: Revision = None,
) -> JsonObject:
    """A flow as its run form needs it."""
    stored = await get_stored(backend, tenant, namespace, flow_id, revision, drafts=revision is not None)
    return flow_for_execution(stored)


@get("/executions/search")
async def search_executions(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
) -> Paged[ApiExecution]:
    """Executions that match the filters, newest first unless sorted."""
    query = execution_query(
        tenant,
        request.query_params.multi_items(),
        page_request(page, size, sort, SORTABLE),
        backend.ports.clock.now(),
        backend.config.system_namespace,
    )
    return await _page(backend, query)


@get("/executions")
async def list_executions(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromQuery[str],
    flow_id: Annotated[str, QueryParameter(name="flowId")],
    page: Annotated[int, QueryParameter(ge=1, le=MAX_INTEGER)] = 1,
    size: FromQuery[int] = 10,
) -> Paged[ApiExecution]:
    """Executions of one flow, newest first."""
    wanted = page_request(page, size, None, SORTABLE)
    query = ExecutionQuery(tenant=tenant, namespaces=(namespace,), flow_id=flow_id, page=wanted)
    return await _page(backend, query)


async def _page(backend: Backend, query: ExecutionQuery) -> Paged[ApiExecution]:
    found = await backend.ports.executions.search(query)
    return Paged(await backend.light(found.items), found.total)


@post("/executions/latest", status_code=200)
async def latest_executions(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> list[LastExecution]:
    """The newest execution of each flow of the body; flows that never ran are left out."""
    body = await read_body(request, backend.config.max_body_bytes)
    try:
        flows = msgspec.json.decode(body, type=list[FlowReference])
    except msgspec.DecodeError as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"a list of {{namespace, id}} is expected: {error}") from None
    if len(flows) > _MOST_FLOWS:
        raise ProblemError(INVALID_ARGUMENT, f"more than {_MOST_FLOWS} flows")
    newest = [await _newest(backend, tenant, flow) for flow in flows]
    return [
        LastExecution(one.id, one.flow.flow_id, one.flow.namespace, one.status.started_at, one.state)
        for one in newest
        if one is not None
    ]


async def _newest(backend: Backend, tenant: str, flow: FlowReference) -> Execution | None:
    query = ExecutionQuery(tenant=tenant, namespaces=(flow.namespace,), flow_id=flow.id, page=PageRequest(1, 1))
    found = await backend.ports.executions.search(query)
    return found.items[0] if found.items else None


HANDLERS: list[Any] = [
    create_execution,
    validate_inputs,
    get_execution,
    flow_of_execution,
    flow_to_execute,
    search_executions,
    list_executions,
    latest_executions,
]
