"""Triggers: found, switched, unlocked, begun anew, run over dates of the past (REST API 4.6)."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from segue.api.backend import Backend
from segue.api.paging import page_request
from segue.api.schemas.paged import Paged
from segue.api.schemas.triggers import (
    CSV_COLUMNS,
    ApiTriggerAndState,
    ApiTriggerState,
    csv_line,
    csv_of,
    wire_trigger_and_state,
    wire_trigger_state,
)
from segue.api.submission import AnyRequest
from segue.api.trigger_requests import (
    CreateBackfill,
    OldTrigger,
    SetDisabled,
    read_key,
    read_struct,
    trigger_query,
)
from segue.domain.trigger.state import TriggerKey, TriggerState
from segue.ports.repositories.triggers import TRIGGER_SORTS, TriggerQuery

_BATCH = 1_000


@get("/triggers/search")
async def search_triggers(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
) -> Paged[ApiTriggerAndState]:
    """Triggers that match the filters, with their state. ``dateFilter`` says which date a range applies to."""
    wanted = page_request(page, size, sort, TRIGGER_SORTS)
    found = await backend.ports.triggers.search(trigger_query(backend, request, tenant, wanted))
    definitions = await backend.trigger_definitions.of(found.items)
    results = [wire_trigger_and_state(*each) for each in zip(found.items, definitions, strict=True)]
    return Paged(results, found.total)


@get("/triggers/{namespace:str}/{flow_id:str}")
async def triggers_of_flow(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
    q: FromQuery[str | None] = None,
) -> Paged[ApiTriggerState]:
    """The states of a flow's triggers; ``q`` is a part of their ids."""
    wanted = page_request(page, size, sort, TRIGGER_SORTS)
    query = TriggerQuery(tenant=tenant, namespace=namespace, flow_id=flow_id, text=q or None, page=wanted)
    found = await backend.ports.triggers.search(query)
    definitions = await backend.trigger_definitions.of(found.items)
    results = [wire_trigger_state(*each) for each in zip(found.items, definitions, strict=True)]
    return Paged(results, found.total)


@get("/triggers/export/by-query/csv", media_type="text/csv")
async def export_triggers(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> Stream:
    """The triggers that match the filters, a line for each, in the order of their flows."""
    headers = {"Content-Disposition": 'attachment; filename="triggers.csv"'}
    return Stream(_rows(backend, trigger_query(backend, request, tenant)), media_type="text/csv", headers=headers)


async def _rows(backend: Backend, query: TriggerQuery) -> AsyncIterator[str]:
    yield csv_line(CSV_COLUMNS)
    after = ""
    while states := await backend.ports.triggers.scan(query, after, _BATCH):
        after = states[-1].key.uid
        yield "".join(csv_of(state) for state in states)


@put("/triggers", status_code=200)
async def update_trigger(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> ApiTriggerState:
    """As in 1.x: switch the trigger as the body says, and begin the backfill in it unless it is under way."""
    wanted = await read_struct(backend, request, OldTrigger, "a trigger")
    walk = wanted.backfill.walk() if wanted.backfill else None
    key = wanted.key(tenant)
    state = await backend.triggers.get(key)
    under_way = state.backfill is not None and walk is not None and state.backfill.start == walk.start
    if isinstance(wanted.disabled, bool) and wanted.disabled != state.disabled:
        state = await backend.triggers.set_disabled(key, disabled=wanted.disabled)
    if walk is not None and not under_way:
        state = await backend.triggers.create_backfill(key, *walk)
    return await _wire(backend, state)


@put("/triggers/set-disabled", status_code=200)
async def switch_trigger(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> ApiTriggerState:
    """Switch a trigger: its state, not its definition."""
    wanted = await read_struct(backend, request, SetDisabled, "{namespace, flowId, triggerId, disabled}")
    return await _wire(backend, await backend.triggers.set_disabled(wanted.key(tenant), disabled=wanted.disabled))


@put("/triggers/backfill/create", status_code=200)
async def create_backfill(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> ApiTriggerState:
    """Start executions for dates of the past; 409 while there is a backfill."""
    wanted = await read_struct(backend, request, CreateBackfill, "{namespace, flowId, triggerId, backfill: {start}}")
    return await _wire(backend, await backend.triggers.create_backfill(wanted.key(tenant), *wanted.backfill.walk()))


@put("/triggers/backfill/pause", status_code=200)
async def pause_backfill(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> ApiTriggerState:
    """Let a backfill wait."""
    key = (await read_key(backend, request)).key(tenant)
    return await _wire(backend, await backend.triggers.pause_backfill(key))


@put("/triggers/backfill/unpause", status_code=200)
async def unpause_backfill(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> ApiTriggerState:
    """Let a backfill go on."""
    key = (await read_key(backend, request)).key(tenant)
    return await _wire(backend, await backend.triggers.unpause_backfill(key))


@post("/triggers/backfill/delete", status_code=200)
async def delete_backfill(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> ApiTriggerState:
    """Give a backfill up."""
    key = (await read_key(backend, request)).key(tenant)
    return await _wire(backend, await backend.triggers.delete_backfill(key))


@post("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}/unlock", status_code=200)
async def unlock_trigger(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    trigger_id: FromPath[str],
) -> ApiTriggerState:
    """Do not wait for the execution or evaluation of a trigger any more; 409 when it waits for none."""
    return await _wire(backend, await backend.triggers.unlock(TriggerKey(tenant, namespace, flow_id, trigger_id)))


@post("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}/restart", status_code=200)
async def restart_trigger(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    trigger_id: FromPath[str],
) -> ApiTriggerState:
    """Give the running evaluation of a trigger up and begin to look anew."""
    return await _wire(backend, await backend.triggers.restart(TriggerKey(tenant, namespace, flow_id, trigger_id)))


@delete("/triggers/{namespace:str}/{flow_id:str}/{trigger_id:str}", status_code=204)
async def delete_trigger(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    trigger_id: FromPath[str],
) -> None:
    """Forget the state of a trigger: while its flow defines it, it begins anew."""
    await backend.triggers.delete(TriggerKey(tenant, namespace, flow_id, trigger_id))


async def _wire(backend: Backend, state: TriggerState) -> ApiTriggerState:
    (definition,) = await backend.trigger_definitions.of([state])
    return wire_trigger_state(state, definition)


HANDLERS: list[Any] = [
    search_triggers,
    triggers_of_flow,
    export_triggers,
    update_trigger,
    switch_trigger,
    create_backfill,
    pause_backfill,
    unpause_backfill,
    delete_backfill,
    unlock_trigger,
    restart_trigger,
    delete_trigger,
]
