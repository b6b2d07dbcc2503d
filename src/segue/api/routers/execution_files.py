"""Files of executions: outputs, inputs and what else lies in an execution's folder (REST API 4.3, 5.4)."""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect, Stream

from segue.api.backend import Backend
from segue.api.file_previews import (
    FIRST_ROWS,
    MOST_ROWS,
    Preview,
    extension_of,
    find_charset,
    json_lines,
    preview,
)
from segue.api.problems import INVALID_ARGUMENT, ProblemError
from segue.domain.errors import IllegalPathError
from segue.domain.execution.places import owner_of
from segue.domain.ids import slugify

_SCHEME = "kestra:"
_BINARY = "application/octet-stream"
_LINES = "application/x-ndjson"


class FileFormat(StrEnum):
    """How a file is downloaded: as it is, or its rows of Ion as lines of JSON."""

    RAW = "RAW"
    JSONL = "JSONL"


class FileMetas(msgspec.Struct, frozen=True):
    """What is known of a file without reading it."""

    size: int


class _Elsewhere(Exception):  # noqa: N818  not an error: the file is found at another execution
    """The file belongs to an execution that this one is not related to."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(execution_id)
        self.execution_id = execution_id


@get("/executions/{execution_id:str}/file")
async def download_file(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    execution_id: FromPath[str],
    path: FromQuery[str],
    format: FromQuery[FileFormat] = FileFormat.RAW,  # noqa: A002  the parameter's name in the API
) -> Response[Any]:
    """The content of a file of this execution or of its chain; one of another execution is looked for there."""
    try:
        uri = await _readable(backend, tenant, execution_id, path)
    except _Elsewhere as elsewhere:
        query = f"path={quote(path, safe='')}&format={format.value}"
        return Redirect(f"/api/v1/{tenant}/executions/{elsewhere.execution_id}/file?{query}", status_code=302)
    await backend.ports.storage.size(tenant, uri)
    name = uri.rpartition("/")[2]
    content = backend.ports.storage.get(tenant, uri)
    if format is FileFormat.JSONL and extension_of(uri) == "ion":
        headers = _attachment(f"{name[: -len('.ion')]}.jsonl")
        return Stream(json_lines(content), media_type=_LINES, headers=headers)
    return Stream(content, media_type=_BINARY, headers=_attachment(name))


@get("/executions/{execution_id:str}/file/metas")
async def get_file_metas(
    backend: NamedDependency[Backend], tenant: FromPath[str], execution_id: FromPath[str], path: FromQuery[str]
) -> FileMetas:
    """The size of a file."""
    uri = await _of_this(backend, tenant, execution_id, path)
    return FileMetas(await backend.ports.storage.size(tenant, uri))


@get("/executions/{execution_id:str}/file/preview")
async def preview_file(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    execution_id: FromPath[str],
    path: FromQuery[str],
    max_rows: Annotated[int, QueryParameter(name="maxRows", ge=1)] = FIRST_ROWS,
    encoding: FromQuery[str] = "utf-8",
) -> Preview:
    """The beginning of a file in a form that can be shown."""
    charset = find_charset(encoding)
    uri = await _of_this(backend, tenant, execution_id, path)
    content = backend.ports.storage.get(tenant, uri)
    return await preview(extension_of(uri), content, min(max_rows, MOST_ROWS), charset)


async def _of_this(backend: Backend, tenant: str, execution_id: str, path: str) -> str:
    try:
        return await _readable(backend, tenant, execution_id, path)
    except _Elsewhere:
        raise _refused(path) from None


async def _readable(backend: Backend, tenant: str, execution_id: str, path: str) -> str:
    """The URI of a file that may be read for the execution.

    Raises ``NotFoundError`` without such an execution, ``ProblemError`` for any other path, and ``_Elsewhere`` when
    it is that of a file of another execution that there is.
    """
    execution = await backend.execution(tenant, execution_id)
    if not path.startswith(_SCHEME):
        raise _refused(path)
    uri = f"{_SCHEME}///{path[len(_SCHEME) :].lstrip('/')}"
    try:
        owner = owner_of(uri)
    except IllegalPathError:
        raise _refused(path) from None
    if owner.execution_id is None:
        raise _refused(path)
    try:
        await backend.values.access.check_file(execution.flow, execution.id, uri)
    except IllegalPathError:
        other = await backend.find_execution(tenant, owner.execution_id)
        if other is None or other.id == execution.id:
            raise _refused(path) from None
        if (owner.namespace, owner.flow_slug) != (other.flow.namespace, slugify(other.flow.flow_id)):
            raise _refused(path) from None
        raise _Elsewhere(other.id) from None
    return uri


def _refused(path: str) -> ProblemError:
    return ProblemError(INVALID_ARGUMENT, f"Invalid prefix path {path[:200]!r}")


def _attachment(name: str) -> dict[str, str]:
    """Headers of a download: browsers save it under ``name`` and never show it as a page."""
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in name)
    disposition = f'attachment; filename="{plain}"'
    if plain != name:
        disposition += f"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}


HANDLERS: list[Any] = [download_file, get_file_metas, preview_file]
