"""Server-sent events: an execution or its log lines as they change (REST API 5.2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from segue.api.backend import Backend, is_id
from segue.api.family import Family
from segue.api.follow import event, kept_alive
from segue.api.queries import log_query
from segue.api.schemas.logs import wire_log
from segue.api.submission import AnyRequest
from segue.domain.errors import NotFoundError
from segue.domain.execution.model import Execution
from segue.ports.repositories.logs import LogQuery

_APPEARS_WITHIN = 10.0
_BATCH = 1_000
_EVENTS = "text/event-stream"
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_encoder = msgspec.json.Encoder()


@get("/executions/{execution_id:str}/follow")
async def follow_execution(
    backend: NamedDependency[Backend], tenant: FromPath[str], execution_id: FromPath[str]
) -> Stream:
    """The execution at each change, until it is over; 404 when it does not appear within 10 s."""
    await _appeared(backend, tenant, execution_id)
    return Stream(kept_alive(_changes(backend, tenant, execution_id)), media_type=_EVENTS, headers=_HEADERS)


async def _appeared(backend: Backend, tenant: str, execution_id: str) -> Execution:
    if not is_id(execution_id):
        raise NotFoundError(f"Execution {execution_id[:64]} not found")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _APPEARS_WITHIN
    with backend.changes.watch(execution_id) as watch:
        while True:
            found = await backend.find_execution(tenant, execution_id)
            left = deadline - loop.time()
            if found is not None:
                return found
            if left <= 0:
                raise NotFoundError(f"Execution {execution_id} not found")
            await watch.changed(min(left, 1.0))


async def _changes(backend: Backend, tenant: str, execution_id: str) -> AsyncIterator[bytes]:
    seen = -1
    with backend.changes.watch(execution_id) as watch:
        while (execution := await backend.find_execution(tenant, execution_id)) is not None:
            if execution.is_finished or execution.version != seen:
                seen = execution.version
                data = _encoder.encode(await backend.full(execution))
                yield event("end" if execution.is_finished else "progress", data)
            if execution.is_finished:
                return
            await watch.changed()


@get("/executions/{execution_id:str}/follow-dependencies")
async def follow_dependencies(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    execution_id: FromPath[str],
    destination_only: Annotated[bool, QueryParameter(name="destinationOnly")] = False,
    expand_all: Annotated[bool, QueryParameter(name="expandAll")] = False,
) -> Stream:
    """The states of the executions that this one started, and of those that started it, until all are over.

    ``destinationOnly``: without the latter. ``expandAll``: also what those started, and so on.
    """
    await _appeared(backend, tenant, execution_id)
    family = Family(backend, tenant, execution_id, destination_only, expand_all)
    return Stream(kept_alive(family.events()), media_type=_EVENTS, headers=_HEADERS)


@get("/logs/{execution_id:str}/follow")
async def follow_logs(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> Stream:
    """The lines of an execution, first those there are, then new ones; the client ends it."""
    if not is_id(execution_id):
        raise NotFoundError(f"Execution {execution_id[:64]} not found")
    parameters = request.query_params.multi_items()
    query = log_query(tenant, parameters, backend.ports.clock.now(), execution_id=execution_id)
    return Stream(kept_alive(_lines(backend, query, execution_id)), media_type=_EVENTS, headers=_HEADERS)


async def _lines(backend: Backend, query: LogQuery, execution_id: str) -> AsyncIterator[bytes]:
    cursor = 0
    with backend.lines.watch(execution_id) as watch:
        while True:
            lines, cursor = await backend.ports.logs.lines(query, cursor, _BATCH)
            for line in lines:
                yield event("progress", _encoder.encode(wire_log(line)))
            if len(lines) < _BATCH:
                await watch.changed()


HANDLERS: list[Any] = [follow_execution, follow_dependencies, follow_logs]
