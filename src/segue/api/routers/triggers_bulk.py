"""What is asked of many triggers (REST API 1.5, 4.6)."""

from typing import Annotated, Any

from litestar import delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from segue.api.backend import Backend
from segue.api.schemas.paged import BulkResult
from segue.api.submission import AnyRequest
from segue.api.trigger_bulk import DELETE, DELETE_BACKFILL, PAUSE, UNLOCK, UNPAUSE, TriggerAction, switching
from segue.api.trigger_requests import SetManyDisabled, body_query, read_keys, read_struct, trigger_query

_OF_BACKFILLS = {"pause": PAUSE, "unpause": UNPAUSE, "delete": DELETE_BACKFILL}


@post([f"/triggers/backfill/{name}/by-triggers" for name in _OF_BACKFILLS], status_code=202)
async def backfills_by_triggers(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> BulkResult:
    """Pause, unpause or delete the backfills of a list of triggers; an unknown one refuses the whole call (400)."""
    return await _by_keys(backend, request, tenant, _of_backfills(request))


@post([f"/triggers/backfill/{name}/by-query" for name in _OF_BACKFILLS], status_code=202)
async def backfills_by_query(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> BulkResult:
    """The same for what the filters find."""
    return await _by_query(backend, request, tenant, _of_backfills(request))


@post("/triggers/unlock/by-triggers", status_code=202)
async def unlock_by_triggers(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> BulkResult:
    """Unlock a list of triggers; ``count`` are those that were locked."""
    return await _by_keys(backend, request, tenant, UNLOCK)


@post("/triggers/unlock/by-query", status_code=202)
async def unlock_by_query(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Unlock what the filters find and is locked."""
    return await _by_query(backend, request, tenant, UNLOCK)


@post("/triggers/set-disabled/by-triggers", status_code=202)
async def set_disabled_by_triggers(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> BulkResult:
    """Switch a list of triggers."""
    wanted = await read_struct(backend, request, SetManyDisabled, "{triggers, disabled}")
    keys = [each.key(tenant) for each in wanted.triggers]
    return _result(backend, await backend.trigger_bulk.by_keys(keys, switching(disabled=wanted.disabled)))


@post("/triggers/set-disabled/by-query", status_code=202)
async def set_disabled_by_query(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    disabled: Annotated[bool, QueryParameter()] = True,
) -> BulkResult:
    """Switch what the filters find."""
    return await _by_query(backend, request, tenant, switching(disabled=disabled))


@delete("/triggers/delete/by-triggers", status_code=202)
async def delete_by_triggers(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> BulkResult:
    """Forget the states of a list of triggers: they begin anew."""
    return await _by_keys(backend, request, tenant, DELETE)


@delete("/triggers/delete/by-query", status_code=202)
async def delete_by_query(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> BulkResult:
    """Forget the states of what the filters find; they are in the body, or in the query string."""
    query = await body_query(backend, request, tenant)
    return _result(backend, await backend.trigger_bulk.by_query(query, DELETE))


def _of_backfills(request: AnyRequest) -> TriggerAction:
    return _OF_BACKFILLS[request.url.path.rstrip("/").split("/")[-2]]


async def _by_keys(backend: Backend, request: AnyRequest, tenant: str, action: TriggerAction) -> BulkResult:
    keys = [each.key(tenant) for each in await read_keys(backend, request)]
    return _result(backend, await backend.trigger_bulk.by_keys(keys, action))


async def _by_query(backend: Backend, request: AnyRequest, tenant: str, action: TriggerAction) -> BulkResult:
    return _result(backend, await backend.trigger_bulk.by_query(trigger_query(backend, request, tenant), action))


def _result(backend: Backend, count: int) -> BulkResult:
    return BulkResult(count, count, backend.ports.ids.new())


HANDLERS: list[Any] = [
    backfills_by_triggers,
    backfills_by_query,
    unlock_by_triggers,
    unlock_by_query,
    set_disabled_by_triggers,
    set_disabled_by_query,
    delete_by_triggers,
    delete_by_query,
]
