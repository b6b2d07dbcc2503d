"""Flows in and out as files (REST API 4.2, 4.12)."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from segue.api.backend import Backend
from segue.api.flow_archives import Entry, chunks, csv_rows, pack, unpack
from segue.api.flow_store import FlowStore
from segue.api.multipart import Upload
from segue.api.problems import INVALID_ARGUMENT, VALIDATION_FAILED, ProblemError
from segue.api.routers.flows_bulk import flows_by_ids, flows_by_query
from segue.api.submission import AnyRequest, read_submission, read_text
from segue.domain.errors import SegueError
from segue.domain.flow.source import split_documents
from segue.ports.repositories.flows import StoredFlow

_PART = "fileUpload"
_ZIP = ".zip"
_YAML = (".yml", ".yaml")


@post("/flows/export/by-ids", status_code=200, media_type="application/octet-stream")
async def export_by_ids(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> Stream:
    """The sources of some flows as a zip; one that is unknown refuses the whole call with 404."""
    return await _zip(await flows_by_ids(backend, request, tenant))


@get("/flows/export/by-query", media_type="application/octet-stream")
async def export_by_query(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> Stream:
    """The sources of the flows that match the filters as a zip."""
    return await _zip(await flows_by_query(backend, request, tenant))


@get("/flows/export/by-query/csv", media_type="text/csv")
async def export_csv(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> Stream:
    """The flows that match the filters, a line for each."""
    flows = await flows_by_query(backend, request, tenant)
    headers = {"Content-Disposition": 'attachment; filename="flows.csv"'}
    return Stream(csv_rows(flows), media_type="text/csv", headers=headers)


async def _zip(flows: Sequence[StoredFlow]) -> Stream:
    content = await asyncio.to_thread(pack, flows)
    headers = {"Content-Disposition": 'attachment; filename="flows.zip"'}
    return Stream(chunks(content), media_type="application/octet-stream", headers=headers)


@post("/flows/import", status_code=200)
async def import_flows(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    fail_on_error: Annotated[bool, QueryParameter(name="failOnError")] = False,
) -> Response[list[str]]:
    """Create or update the flows of a zip or of a text with many documents.

    The answer names what could not be imported: files of the zip, or places in the text counted from 0. With
    ``failOnError`` one that is wrong refuses them all, and nothing is written.
    """
    submission = await read_submission(request, backend.config)
    with submission.form as form:
        upload = next((one for one in form.uploads if one.name == _PART), None)
        if upload is None:
            raise ProblemError(INVALID_ARGUMENT, f"a form with the part '{_PART}' is expected")
        entries = await _read(upload)
    return Response(await _import(FlowStore(backend.ports), tenant, entries, fail_on_error))


async def _read(upload: Upload) -> list[Entry]:
    name = upload.filename.lower()
    if name.endswith(_ZIP):
        return await asyncio.to_thread(unpack, upload.content)
    if name.endswith(_YAML):
        text = read_text(b"".join([chunk async for chunk in upload.chunks()]), "the file")
        return [Entry(str(number), part) for number, part in enumerate(split_documents(text))]
    raise ProblemError(INVALID_ARGUMENT, "Cannot import: the name of the file must end with .zip, .yml or .yaml")


async def _import(store: FlowStore, tenant: str, entries: Iterable[Entry], fail_on_error: bool) -> list[str]:
    """Read all, then save; the names of those that are wrong."""
    flows: list[tuple[str, list[StoredFlow]]] = []
    failed: dict[str, str] = {}
    for entry in entries:
        try:
            if entry.fault is not None:
                raise ProblemError(INVALID_ARGUMENT, entry.fault)
            parts = split_documents(entry.text)
            if not parts:
                raise ProblemError(INVALID_ARGUMENT, "there is no flow in it")
            flows.append((entry.name, [await store.read(tenant, part) for part in parts]))
        except SegueError as error:
            failed[entry.name] = error.message
    if failed and fail_on_error:
        name, reason = next(iter(failed.items()))
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise ProblemError(VALIDATION_FAILED, f"Cannot import '{name[:200]}'{more}: {reason}")
    for name, parts_of in flows:
        try:
            for flow in parts_of:
                await store.save(flow)
        except SegueError as error:
            failed[name] = error.message
            if fail_on_error:
                raise
    return list(failed)


HANDLERS: list[Any] = [export_by_ids, export_by_query, export_csv, import_flows]
