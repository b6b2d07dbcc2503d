"""What is asked of many executions (REST API 1.5, 4.4).

One handler serves all actions of a kind, so that a namespace may be called like an action.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from segue.api.backend import Backend
from segue.api.bulk import BulkAction
from segue.api.operating import KILL_KEY, asked_by
from segue.api.problems import INVALID_ARGUMENT, INVALID_REQUEST_BODY, ProblemError
from segue.api.queries import execution_query
from segue.api.routers.execution_actions import LabelRequest, checked_labels, read_labels, read_state
from segue.api.routers.execution_replays import check_replayable
from segue.api.schemas.paged import BulkResult
from segue.api.submission import AnyRequest, read_body
from segue.domain.errors import NotFoundError, SegueError
from segue.domain.execution.facts import Fact, KillRequested
from segue.domain.execution.model import Execution
from segue.domain.execution.operations import LEGAL_STATES, UNQUEUED_STATES, Operation
from segue.domain.execution.requests import (
    ForceRunRequested,
    LabelsRequested,
    PauseRequested,
    ReplayRequested,
    RestartRequested,
    ResumeRequested,
    StatusRequested,
    UnqueueRequested,
)
from segue.domain.execution.state import TERMINATED, State
from segue.domain.labels import SYSTEM_PREFIX, Label
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.paging import PageRequest

_ALL_STATES = frozenset(State)
_OTHERWISE = {
    Operation.RESTART: "execution not in state FAILED",
    Operation.PAUSE: "execution not in state RUNNING",
    Operation.RESUME: "execution not in state PAUSED",
    Operation.UNQUEUE: "execution not in state QUEUED",
    Operation.KILL: "execution already finished",
    Operation.FORCE_RUN: "execution already finished",
    Operation.CHANGE_STATUS: "execution not terminated",
    Operation.SET_LABELS: "execution not terminated",
    Operation.REPLAY: "execution cannot be replayed",
}
_KEYS = {
    Operation.KILL: KILL_KEY,
    Operation.RESTART: "restart",
    Operation.PAUSE: "pause",
    Operation.RESUME: "resume",
    Operation.FORCE_RUN: "force-run",
}
"""Requests that say nothing more than their name: one that waits already is enough."""


class SetLabels(msgspec.Struct, frozen=True):
    """Labels for executions by ids."""

    executions_id: list[str] = msgspec.field(name="executionsId")
    execution_labels: list[LabelRequest] = msgspec.field(name="executionLabels")


@post("/executions/{action:str}/by-ids", status_code=202)
async def act_by_ids(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], action: FromPath[str]
) -> BulkResult:
    """Restart, replay, pause, resume, force-run, unqueue, change-status or labels for a list of ids.

    One id that is unknown or in a wrong state refuses the whole call (400). Query parameters: ``latestRevision``
    of replay, ``state`` of unqueue, ``newStatus`` of change-status.
    """
    await _check_pressure(backend, action)
    body = await read_body(request, backend.config.max_body_bytes)
    if action == Operation.SET_LABELS.value:
        wanted = _decode(body, SetLabels, "{executionsId, executionLabels}")
        ids, bulk = wanted.executions_id, _labels(request, checked_labels(wanted.execution_labels))
    else:
        ids, bulk = _decode(body, list[str], "a list of ids"), _action(backend, request, action, "state")
    return _result(backend, await backend.bulk.by_ids(tenant, ids, bulk))


@post("/executions/{action:str}/by-query", status_code=202)
async def act_by_query(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], action: FromPath[str]
) -> BulkResult:
    """The same for what the filters find; executions in a wrong state are left out.

    Query parameters beside the filters as above (unqueue: ``newState``); the body of labels is their list.
    """
    await _check_pressure(backend, action)
    if action == Operation.SET_LABELS.value:
        bulk = _labels(request, read_labels(await read_body(request, backend.config.max_body_bytes)))
    else:
        bulk = _action(backend, request, action, "newState")
    return _result(backend, await backend.bulk.by_query(_query(backend, request, tenant), bulk))


@delete("/executions/kill/by-ids", status_code=202)
async def kill_by_ids(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """End executions; one that is unknown or has ended refuses the whole call."""
    ids = _decode(await read_body(request, backend.config.max_body_bytes), list[str], "a list of ids")
    return _result(backend, await backend.bulk.by_ids(tenant, ids, _kill(backend, request)))


@delete("/executions/kill/by-query", status_code=202)
async def kill_by_query(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """End what the filters find and has not ended."""
    query = _query(backend, request, tenant)
    return _result(backend, await backend.bulk.by_query(query, _kill(backend, request)))


@delete("/executions/by-ids", status_code=200)
async def delete_by_ids(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Remove executions; one that is unknown, or goes on without ``includeNonTerminated``, refuses the whole call.

    Query parameters: ``includeNonTerminated``, ``deleteLogs``, ``deleteMetrics``, ``deleteStorage``.
    """
    ids = _decode(await read_body(request, backend.config.max_body_bytes), list[str], "a list of ids")
    states = _deletable(request)
    chosen = await backend.bulk.chosen(tenant, ids, "delete", states, "execution not found")
    return _result(backend, await _delete(backend, request, tenant, chosen))


@delete("/executions/by-query", status_code=200)
async def delete_by_query(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Remove what the filters find, without those that go on unless ``includeNonTerminated`` says so."""
    query = backend.bulk.limited(_query(backend, request, tenant), _deletable(request))
    count = 0
    async for batch in backend.bulk.batches(query):
        count += await _delete(backend, request, tenant, batch)
    return _result(backend, count)


async def _delete(backend: Backend, request: AnyRequest, tenant: str, executions: list[Execution]) -> int:
    removed = await backend.operating.delete(
        tenant,
        [execution.id for execution in executions],
        logs=_flag(request, "deleteLogs", True),
        metrics=_flag(request, "deleteMetrics", True),
        files=_flag(request, "deleteStorage", True),
        by=asked_by(request),
    )
    return len(removed)


def _deletable(request: AnyRequest) -> frozenset[State]:
    return _ALL_STATES if _flag(request, "includeNonTerminated", False) else TERMINATED


async def _check_pressure(backend: Backend, action: str) -> None:
    """What makes new executions is refused while too many events wait (429)."""
    if action == Operation.REPLAY.value:
        await backend.starter.check_pressure()


def _action(backend: Backend, request: AnyRequest, name: str, state_name: str) -> BulkAction:
    """The action of this name; ``state_name`` is the parameter of unqueue.

    Raises ``NotFoundError``, and ``ProblemError`` for wrong parameters.
    """
    by, parameters = asked_by(request), request.query_params
    now = backend.ports.clock.now()
    if name == Operation.REPLAY.value:
        return _replay(backend, by, latest=_flag(request, "latestRevision", False))
    facts: dict[str, Callable[[], Fact]] = {
        Operation.RESTART.value: lambda: RestartRequested(by),
        Operation.PAUSE.value: lambda: PauseRequested(by),
        Operation.RESUME.value: lambda: ResumeRequested(now, by=by),
        Operation.FORCE_RUN.value: lambda: ForceRunRequested(by),
        Operation.UNQUEUE.value: lambda: UnqueueRequested(
            read_state(parameters.get(state_name) or "RUNNING", UNQUEUED_STATES, state_name), by
        ),
        Operation.CHANGE_STATUS.value: lambda: StatusRequested(
            read_state(parameters.get("newStatus", ""), TERMINATED, "newStatus"), by
        ),
    }
    if name not in facts:
        raise NotFoundError(f"there is no bulk action '{name[:100]}' on executions")
    return _same_for_all(Operation(name), facts[name]())


def _same_for_all(operation: Operation, fact: Fact) -> BulkAction:
    async def make(execution: Execution) -> Fact:  # noqa: ARG001  the same for every one
        return fact

    states = frozenset({State.FAILED}) if operation is Operation.RESTART else LEGAL_STATES[operation]
    return BulkAction(operation.value, states, _OTHERWISE[operation], make, _KEYS.get(operation))


def _kill(backend: Backend, request: AnyRequest) -> BulkAction:
    cascade = _flag(request, "isOnKillCascade", True)
    return _same_for_all(Operation.KILL, KillRequested(backend.ports.clock.now(), cascade, asked_by(request)))


def _labels(request: AnyRequest, labels: tuple[Label, ...]) -> BulkAction:
    for label in labels:
        if label.key.startswith(SYSTEM_PREFIX):
            raise ProblemError(
                INVALID_ARGUMENT,
                f"System labels can only be set by the system itself, offending label: {label.key}={label.value}",
            )
    return _same_for_all(Operation.SET_LABELS, LabelsRequested(labels, is_merge=True, by=asked_by(request)))


def _replay(backend: Backend, by: str | None, *, latest: bool) -> BulkAction:
    async def make(execution: Execution) -> Fact | None:
        try:
            check_replayable(execution)
            revision = await _latest(backend, execution) if latest else None
        except SegueError:
            return None
        return ReplayRequested(new_id=backend.starter.new_id(), revision=revision, by=by)

    operation = Operation.REPLAY
    return BulkAction(operation.value, LEGAL_STATES[operation], _OTHERWISE[operation], make)


async def _latest(backend: Backend, execution: Execution) -> int:
    flow = execution.flow
    return (await backend.ports.catalog.latest(flow.tenant, flow.namespace, flow.flow_id)).revision


def _query(backend: Backend, request: AnyRequest, tenant: str) -> ExecutionQuery:
    parameters = request.query_params.multi_items()
    now = backend.ports.clock.now()
    return execution_query(tenant, parameters, PageRequest(), now, backend.config.system_namespace)


def _flag(request: AnyRequest, name: str, default: bool) -> bool:
    text = request.query_params.get(name, "").strip().lower()
    return default if not text else text in {"true", "1", "yes"}


def _decode(body: bytes, kind: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"{what} is expected: {error}") from None


def _result(backend: Backend, count: int) -> BulkResult:
    return BulkResult(count, count, backend.ports.ids.new())


HANDLERS: list[Any] = [
    act_by_ids,
    act_by_query,
    kill_by_ids,
    kill_by_query,
    delete_by_ids,
    delete_by_query,
]
