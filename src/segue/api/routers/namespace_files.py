"""Namespace files (REST API 4.7): a tree of files per namespace with revisions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from segue.api.backend import Backend
from segue.api.file_archives import moved_flow, pack_files, unpack_files
from segue.api.flow_archives import chunks
from segue.api.flow_store import FlowStore
from segue.api.multipart import Upload
from segue.api.problems import INVALID_ARGUMENT, ProblemError
from segue.api.submission import AnyRequest, read_submission, read_text
from segue.api.webhook_request import one_chunk
from segue.domain.errors import NotFoundError
from segue.domain.file_paths import FLOWS, check_not_flows, clean_folder, clean_path
from segue.domain.namespaces import check_namespace
from segue.ports.repositories.flows import FlowQuery
from segue.ports.repositories.namespace_files import NamespaceFile
from segue.ports.repositories.paging import PageRequest

_PART = "fileContent"
_BINARY = "application/octet-stream"
_MOST_FLOWS = 10_000


class FileAttributes(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A file or folder; times are milliseconds since 1970."""

    file_name: str
    type: str
    size: int
    last_modified_time: int
    creation_time: int


class FileRevision(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One revision of a file."""

    revision: int
    size: int
    deleted: bool
    created_at: datetime


@get("/namespaces/{namespace:str}/files", media_type=_BINARY)
async def get_file(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    path: FromQuery[str],
    revision: FromQuery[int | None] = None,
) -> Stream:
    """The content of a file, of a revision of it if one is named."""
    files = backend.values.files
    file = await files.get(tenant, namespace, _plain(path), revision)
    return Stream(files.read(file), media_type=_BINARY, headers={"X-Content-Type-Options": "nosniff"})


@post("/namespaces/{namespace:str}/files", status_code=200)
async def create_file(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    namespace: FromPath[str],
    path: FromQuery[str],
) -> list[FileRevision]:
    """Write a file. A zip is unpacked into the root; what lies below ``_flows/`` in it is imported as flows."""
    submission = await read_submission(request, backend.config)
    with submission.form as form:
        upload = next((one for one in form.uploads if one.name == _PART), None)
        if upload is not None and upload.filename.lower().endswith(".zip"):
            return [await _put(backend, tenant, namespace, *item) async for item in unpack_files(upload.content)]
        if upload is None and _PART not in submission.values:
            raise ProblemError(INVALID_ARGUMENT, f"a form with the part '{_PART}' is expected")
        content = upload if upload is not None else submission.values[_PART].encode()
        return [await _put(backend, tenant, namespace, path, content)]


async def _put(backend: Backend, tenant: str, namespace: str, path: str, content: bytes | Upload) -> FileRevision:
    clean = clean_path(path)
    if clean == FLOWS or clean.startswith(f"{FLOWS}/"):
        data = content if isinstance(content, bytes) else b"".join([chunk async for chunk in content.chunks()])
        source = moved_flow(read_text(data, clean), check_namespace(namespace))
        store = FlowStore(backend.ports)
        saved = await store.save(await store.read(tenant, source))
        return FileRevision(revision=saved.revision, size=len(data), deleted=False, created_at=saved.updated_at)
    pieces = one_chunk(content) if isinstance(content, bytes) else content.chunks()
    return _revision(await backend.values.files.write(tenant, namespace, clean, pieces))


@put("/namespaces/{namespace:str}/files", status_code=200)
async def move_file(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    namespace: FromPath[str],
) -> Response[str]:
    """Move a file or folder, ``from`` one path ``to`` another."""
    source, target = request.query_params.get("from"), request.query_params.get("to")
    if not source or not target:
        raise ProblemError(INVALID_ARGUMENT, "the parameters 'from' and 'to' are needed")
    await backend.values.files.move(tenant, namespace, _plain(source), _plain(target))
    return Response("", media_type="text/plain")


@delete("/namespaces/{namespace:str}/files", status_code=200)
async def delete_file(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], path: FromQuery[str]
) -> Response[str]:
    """Delete a file, or a folder with everything in it."""
    await backend.values.files.delete(tenant, namespace, _plain(path))
    return Response("", media_type="text/plain")


@get("/namespaces/{namespace:str}/files/directory")
async def list_directory(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], path: FromQuery[str] = ""
) -> list[FileAttributes]:
    """What lies directly in a folder, folders first. 404 for a folder that is not there; the root always is."""
    folder = clean_folder(path)
    below = await backend.values.files.below(tenant, namespace, folder)
    if folder and not below and not await _is_folder(backend, tenant, namespace, folder):
        raise NotFoundError(f"There is no folder '{folder[:200]}' in the namespace '{namespace}'")
    return children(below, folder)


@post("/namespaces/{namespace:str}/files/directory", status_code=200)
async def create_directory(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], path: FromQuery[str] = ""
) -> Response[str]:
    """Make a folder."""
    if clean_folder(path):
        await backend.values.files.make_folder(tenant, namespace, _plain(path))
    return Response("", media_type="text/plain")


@get("/namespaces/{namespace:str}/files/stats")
async def get_stats(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], path: FromQuery[str] = ""
) -> FileAttributes:
    """A file's or folder's attributes."""
    clean = clean_folder(path)
    files = backend.values.files
    found = await files.find(tenant, namespace, clean) if clean else None
    if found is not None:
        return _attributes(clean.rpartition("/")[2], [found], is_folder=False)
    below = await files.below(tenant, namespace, clean)
    if clean and not below and not await _is_folder(backend, tenant, namespace, clean):
        raise NotFoundError(f"There is no file '{clean[:200]}' in the namespace '{namespace}'")
    return _attributes(clean.rpartition("/")[2], below, is_folder=True)


@get("/namespaces/{namespace:str}/files/search")
async def search_files(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], q: FromQuery[str]
) -> list[str]:
    """The paths of files that hold a text, whatever its case."""
    wanted = q.lower()
    below = await backend.values.files.below(tenant, namespace)
    return [f"/{file.path}" for file in below if not file.is_folder and wanted in f"/{file.path}".lower()]


@get("/namespaces/{namespace:str}/files/revisions")
async def list_revisions(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], path: FromQuery[str]
) -> list[FileRevision]:
    """All revisions of a file, oldest first."""
    register = backend.values.files.register
    revisions = await register.revisions(tenant, check_namespace(namespace), _plain(path))
    if not revisions:
        raise NotFoundError(f"There is no file '{path[:200]}' in the namespace '{namespace}'")
    return [_revision(file) for file in revisions]


@get("/namespaces/{namespace:str}/files/export", media_type=_BINARY)
async def export_files(backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str]) -> Stream:
    """A zip with all files of the namespace, and its flows below ``_flows/``."""
    files = backend.values.files
    below = await files.below(tenant, namespace)
    query = FlowQuery(tenant=tenant, namespaces=(namespace,), page=PageRequest(1, _MOST_FLOWS))
    flows = (await backend.ports.flows.search(query)).items
    content = await pack_files(files, below, flows)
    headers = {"Content-Disposition": f'attachment; filename="{check_namespace(namespace)}_files.zip"'}
    return Stream(chunks(content), media_type=_BINARY, headers=headers)


def children(below: Iterable[NamespaceFile], folder: str) -> list[FileAttributes]:
    """What lies directly in ``folder``, of everything that lies below it; folders first."""
    start = len(folder) + 1 if folder else 0
    groups: dict[str, list[NamespaceFile]] = {}
    for file in below:
        groups.setdefault(file.path[start:].partition("/")[0], []).append(file)
    found = []
    for name, inside in groups.items():
        is_file = len(inside) == 1 and inside[0].path[start:] == name and not inside[0].is_folder
        found.append(_attributes(name, inside, is_folder=not is_file))
    return sorted(found, key=lambda one: (one.type != "Directory", one.file_name))


def _attributes(name: str, inside: Iterable[NamespaceFile], *, is_folder: bool) -> FileAttributes:
    files = list(inside)
    return FileAttributes(
        file_name=name,
        type="Directory" if is_folder else "File",
        size=0 if is_folder else files[0].size,
        last_modified_time=max((_millis(file.updated_at) for file in files), default=0),
        creation_time=min((_millis(file.created_at) for file in files), default=0),
    )


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _revision(file: NamespaceFile) -> FileRevision:
    return FileRevision(revision=file.revision, size=file.size, deleted=file.is_deleted, created_at=file.updated_at)


async def _is_folder(backend: Backend, tenant: str, namespace: str, path: str) -> bool:
    found = await backend.values.files.register.get(tenant, namespace, path)
    return found is not None and found.is_folder


def _plain(path: str) -> str:
    """A path, cleaned. Raises ``IllegalPathError``, also for the place of flows in archives."""
    return check_not_flows(clean_path(path))


HANDLERS: list[Any] = [
    get_file,
    create_file,
    move_file,
    delete_file,
    list_directory,
    create_directory,
    get_stats,
    search_files,
    list_revisions,
    export_files,
]
