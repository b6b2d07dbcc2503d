"""Log lines: of an execution, searched, downloaded, deleted (REST API 4.5)."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from litestar import delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from segue.api.backend import Backend, is_id
from segue.api.paging import page_request
from segue.api.queries import log_query
from segue.api.schemas.logs import LogPage, text_line, wire_log
from segue.api.submission import AnyRequest
from segue.domain.execution.logs import LogEntry
from segue.ports.repositories.logs import LogQuery

_SORTABLE = frozenset({"timestamp"})
_BATCH = 10_000
_encoder = msgspec.json.Encoder()


@get("/logs/search")
async def search_logs(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
) -> LogPage:
    """Lines that match the filters, newest first."""
    wanted = page_request(page, size, sort, _SORTABLE)
    query = log_query(tenant, request.query_params.multi_items(), backend.ports.clock.now(), wanted)
    found = await backend.ports.logs.search(query)
    return LogPage([wire_log(line) for line in found.items], found.total)


@get("/logs/{execution_id:str}")
async def execution_logs(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> Stream:
    """All lines of an execution, oldest first."""
    query = _query(backend, request, tenant, execution_id)
    return Stream(_json_list(_batches(backend, query)), media_type="application/json")


@get("/logs/{execution_id:str}/download")
async def download_logs(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> Stream:
    """The same as text."""
    query = _query(backend, request, tenant, execution_id)
    name = execution_id if is_id(execution_id) else "execution"
    headers = {"Content-Disposition": f'attachment; filename="{name}.log"'}
    return Stream(_text(_batches(backend, query), text_line), media_type="text/plain", headers=headers)


@delete("/logs/{execution_id:str}", status_code=200)
async def delete_logs(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> None:
    """Remove the lines of an execution that match the parameters."""
    await backend.ports.logs.delete(_query(backend, request, tenant, execution_id))


def _query(backend: Backend, request: AnyRequest, tenant: str, execution_id: str) -> LogQuery:
    parameters = request.query_params.multi_items()
    return log_query(tenant, parameters, backend.ports.clock.now(), execution_id=execution_id)


async def _batches(backend: Backend, query: LogQuery) -> AsyncIterator[list[LogEntry]]:
    cursor = 0
    while True:
        lines, cursor = await backend.ports.logs.lines(query, cursor, _BATCH)
        yield list(lines)
        if len(lines) < _BATCH:
            return


async def _json_list(batches: AsyncIterator[list[LogEntry]]) -> AsyncIterator[bytes]:
    separator = b"["
    async for lines in batches:
        for line in lines:
            yield separator + _encoder.encode(wire_log(line))
            separator = b","
    yield b"[]" if separator == b"[" else b"]"


async def _text(batches: AsyncIterator[list[LogEntry]], form: Callable[[LogEntry], str]) -> AsyncIterator[bytes]:
    async for lines in batches:
        yield "".join(form(line) for line in lines).encode()


HANDLERS: list[Any] = [search_logs, execution_logs, download_logs, delete_logs]
