"""What is asked of executions, one by one and in bulk. The API writes facts; the executor acts (design D1)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import delete
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from segue.api.backend import Backend
from segue.api.problems import BULK_VALIDATION_FAILED, INVALID_REQUEST_BODY, ProblemError
from segue.api.routers.executions import remove
from segue.api.schemas.executions import ApiExecution
from segue.api.schemas.paged import BulkResult
from segue.api.submission import AnyRequest, read_body
from segue.domain.errors import IllegalStateError, UnavailableError
from segue.domain.execution.facts import KillRequested
from segue.domain.execution.model import Execution
from segue.ports.queue import Topic

logger = logging.getLogger(__name__)

_KILL_KEY = "kill"
_MOST_IDS = 10_000
Cascade = Annotated[bool, QueryParameter(name="isOnKillCascade")]


@delete("/executions/{execution_id:str}/actions/kill", status_code=200)
async def kill_execution(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    execution_id: FromPath[str],
    is_on_kill_cascade: Cascade = True,
) -> ApiExecution:
    """End an execution; 409 when it has ended."""
    return await _kill_one(backend, tenant, execution_id, is_on_kill_cascade)


@delete("/executions/{execution_id:str}/kill", status_code=202)
async def kill_execution_1x(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    execution_id: FromPath[str],
    is_on_kill_cascade: Cascade = True,
) -> ApiExecution:
    """The same under its path of 1.x."""
    return await _kill_one(backend, tenant, execution_id, is_on_kill_cascade)


async def _kill_one(backend: Backend, tenant: str, execution_id: str, cascade: bool) -> ApiExecution:
    execution = await backend.execution(tenant, execution_id)
    if execution.state.is_terminated:
        raise IllegalStateError(f"Execution {execution_id} is already finished: {execution.state}")
    await _kill(backend, [execution_id], cascade)
    return await backend.full(await backend.execution(tenant, execution_id))


async def _kill(backend: Backend, execution_ids: Sequence[str], cascade: bool) -> None:
    fact = KillRequested(backend.ports.clock.now(), cascade)
    await backend.ports.executions.submit([(one, fact, _KILL_KEY) for one in execution_ids])
    await _wake(backend, execution_ids)


async def _wake(backend: Backend, execution_ids: Sequence[str]) -> None:
    try:
        await backend.ports.queue.publish(Topic.EXECUTIONS, execution_ids)
    except UnavailableError as error:
        logger.warning("%d executions wait for the reconciler: %s", len(execution_ids), error)


@delete("/executions/kill/by-ids", status_code=200)
async def kill_by_ids(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], is_on_kill_cascade: Cascade = True
) -> BulkResult:
    """End executions; one that is unknown or has ended refuses the whole call."""
    chosen = await _chosen(backend, request, tenant, "kill", _fault_of_kill)
    await _kill(backend, list(chosen), is_on_kill_cascade)
    return _result(backend, chosen)


@delete("/executions/by-ids", status_code=200)
async def delete_by_ids(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    include_non_terminated: Annotated[bool, QueryParameter(name="includeNonTerminated")] = False,
    delete_logs: Annotated[bool, QueryParameter(name="deleteLogs")] = True,
    delete_storage: Annotated[bool, QueryParameter(name="deleteStorage")] = True,
) -> BulkResult:
    """Remove executions; one that is unknown or still runs refuses the whole call."""
    check = _fault_of_any if include_non_terminated else _fault_of_delete
    chosen = await _chosen(backend, request, tenant, "delete", check)
    for execution in chosen.values():
        await remove(backend, execution, logs=delete_logs, files=delete_storage)
    return _result(backend, chosen)


def _fault_of_any(execution: Execution | None) -> str | None:
    return "execution not found" if execution is None else None


def _fault_of_kill(execution: Execution | None) -> str | None:
    if execution is not None and execution.state.is_terminated:
        return "execution already finished"
    return _fault_of_any(execution)


def _fault_of_delete(execution: Execution | None) -> str | None:
    return "execution not found" if execution is None or not execution.state.is_terminated else None


async def _chosen(
    backend: Backend,
    request: AnyRequest,
    tenant: str,
    action: str,
    fault_of: Callable[[Execution | None], str | None],
) -> dict[str, Execution]:
    """The executions of the ids in the body, each once. Raises ``ProblemError`` naming every bad id."""
    body = await read_body(request, backend.config.max_body_bytes)
    try:
        ids = list(dict.fromkeys(msgspec.json.decode(body, type=list[str])))
    except msgspec.DecodeError as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"a list of ids is expected: {error}") from None
    if len(ids) > _MOST_IDS:
        raise ProblemError(BULK_VALIDATION_FAILED, f"more than {_MOST_IDS} ids")
    found = await backend.executions(tenant, ids)
    invalids: list[Mapping[str, str]] = [
        {"message": fault, "invalidValue": one[:100]} for one in ids if (fault := fault_of(found.get(one)))
    ]
    if invalids:
        raise ProblemError(BULK_VALIDATION_FAILED, f"invalid bulk {action}", invalids=tuple(invalids))
    return found


def _result(backend: Backend, chosen: Mapping[str, Execution]) -> BulkResult:
    return BulkResult(len(chosen), len(chosen), backend.ports.ids.new())


HANDLERS: list[Any] = [kill_execution, kill_execution_1x, kill_by_ids, delete_by_ids]
