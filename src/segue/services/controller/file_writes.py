"""What workers write and delete through the controller: files of task runs, files kept for later, namespace files."""

from collections.abc import AsyncIterable, AsyncIterator

from segue.domain.errors import AlreadyExistsError, IllegalPathError, LimitExceededError, NotFoundError, SegueError
from segue.domain.execution.model import FlowKey
from segue.domain.execution.places import owner_of, run_folder
from segue.domain.file_paths import check_not_flows, clean_path
from segue.domain.ids import check_path_segment
from segue.ports.repositories.namespace_files import NamespaceFile
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.fetch import held_job, kept_uri
from segue.services.controller.sessions import HeldJob, Session

MAX_DELETED = 1000
"""Files deleted with one call."""
_LONGEST_NAME = 1000


class FileWrites:
    """The writing side of one controller. A job writes into the folders of its task runs and into the namespaces
    its flow may use; it deletes files that it may read."""

    def __init__(self, ports: ControllerPorts, config: ControllerConfig) -> None:
        self._ports = ports
        self._files = ports.values.files
        self._limit = config.max_file_bytes

    async def write(
        self, session: Session, target: pb.WriteTarget, content: AsyncIterable[bytes]
    ) -> pb.WriteFileResponse:
        """Write a file whole or not at all.

        Raises ``LimitExceededError`` when it grows larger than allowed, ``IllegalPathError`` for a place that is not
        the job's, ``AlreadyExistsError`` for a namespace file that must not be there.
        """
        job = held_job(session, target.run.token)
        if target.HasField("namespace_file"):
            return await self._write_namespace_file(job, target.namespace_file, content)
        uri = kept_uri(job, target.cache) if target.HasField("cache") else _run_uri(job, target)
        stored = await self._ports.storage.put(job.flow.tenant, uri, self._limited(content))
        job.files[stored.uri] = stored
        return pb.WriteFileResponse(file=pb.StoredOutputs(uri=stored.uri, size=stored.size, digest=stored.digest))

    async def delete(self, session: Session, request: pb.DeleteFilesRequest) -> list[str]:
        """Delete files: those there were, by what they were called in the request.

        Raises ``IllegalPathError`` for one that is not the job's to delete; then none is deleted.
        """
        job = held_job(session, request.token)
        if len(request.uris) + len(request.paths) > MAX_DELETED:
            raise LimitExceededError(f"More than {MAX_DELETED} files were to be deleted at once", "files")
        for uri in request.uris:
            if owner_of(uri).execution_id is None:
                raise IllegalPathError("A namespace file is not deleted by its URI, but by its path")
            await self._ports.values.access.check_file(job.flow, job.execution_id, uri, is_deleted=True)
        paths = [clean_path(path) for path in request.paths]
        namespace = request.namespace or job.flow.namespace
        self._ports.values.access.check_namespace(job.flow, namespace)
        deleted = [uri for uri in request.uris if await self._ports.storage.delete(job.flow.tenant, uri)]
        for uri in request.uris:
            job.files.pop(uri, None)
        deleted += [
            path
            for path in paths
            if await self._delete_namespace_file(job.flow, namespace, path, with_folders=request.with_folders)
        ]
        return deleted

    async def _write_namespace_file(
        self, job: HeldJob, target: pb.NamespaceTarget, content: AsyncIterable[bytes]
    ) -> pb.WriteFileResponse:
        namespace = target.namespace or job.flow.namespace
        self._ports.values.access.check_namespace(job.flow, namespace)
        path = check_not_flows(clean_path(target.path))
        written = job.written.get(target.write_id)
        if written is not None:
            return _answer(written)
        if not target.overwrite and await self._files.find(job.flow.tenant, namespace, path) is not None:
            raise AlreadyExistsError(f"The file '{path[:200]}' exists already in the namespace '{namespace}'")
        file = await self._files.write(job.flow.tenant, namespace, path, self._limited(content))
        if target.write_id:
            job.written[target.write_id] = file
        return _answer(file)

    async def _delete_namespace_file(self, flow: FlowKey, namespace: str, path: str, *, with_folders: bool) -> bool:
        if await self._files.find(flow.tenant, namespace, path) is None:
            return False
        return bool(await self._files.delete(flow.tenant, namespace, path, keep_folders=not with_folders))

    async def _limited(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in content:
            size += len(chunk)
            if size > self._limit:
                raise LimitExceededError(f"The file is larger than {self._limit} bytes", "max_file_bytes")
            yield chunk


def _run_uri(job: HeldJob, target: pb.WriteTarget) -> str:
    task_id = job.task_of(target.run.task_run_id)
    if task_id is None:
        raise NotFoundError("The worker holds no job with this task run")
    if len(target.name) > _LONGEST_NAME:
        raise SegueError(f"The name of a file may have {_LONGEST_NAME} characters at most")
    for part in target.name.split("/"):
        check_path_segment(part)
    return run_folder(job.flow, job.execution_id, task_id, target.run.task_run_id) + target.name


def _answer(file: NamespaceFile) -> pb.WriteFileResponse:
    return pb.WriteFileResponse(file=pb.StoredOutputs(uri=file.uri, size=file.size), revision=file.revision)
