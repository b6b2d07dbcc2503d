"""Files of namespaces as one run sees them: implements the SDK's ``NamespaceFileStore``."""

from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from uuid import uuid4

from segue.proto.generated import worker_pb2 as pb
from segue.sdk import NamespaceFile
from segue.services.worker.control import Content, Control

_DELETED_AT_ONCE = 500


class TaskNamespaceFiles:
    """The register and the contents, through the controller."""

    def __init__(self, job: pb.Job, run: pb.TaskRunKey, control: Control, opened: Callable[[Path], Content]) -> None:
        """``opened`` guards files of the working directory, which code that is not ours writes into."""
        self._job = job
        self._run = run
        self._control = control
        self._opened = opened

    async def entries(self, namespace: str = "") -> list[NamespaceFile]:
        """All files of a namespace."""
        files = await self._control.namespace_files(self._job, namespace)
        return [NamespaceFile(file.path, file.uri, file.size, file.revision) for file in files]

    async def write(
        self,
        path: str,
        content: bytes | AsyncIterator[bytes] | Path,
        *,
        namespace: str = "",
        overwrite: bool = True,
    ) -> NamespaceFile:
        """Write the next revision of a file."""
        target = pb.NamespaceTarget(namespace=namespace, path=path, overwrite=overwrite, write_id=uuid4().hex)
        guarded = self._opened(content) if isinstance(content, Path) else content
        written = await self._control.write_namespace_file(self._run, target, guarded)
        return NamespaceFile(path.strip("/"), written.file.uri, written.file.size, written.revision)

    async def delete(self, paths: Iterable[str], *, namespace: str = "", with_folders: bool = False) -> list[str]:
        """Delete files."""
        wanted, deleted = [*paths], []
        for start in range(0, len(wanted), _DELETED_AT_ONCE):
            request = pb.DeleteFilesRequest(
                namespace=namespace, paths=wanted[start : start + _DELETED_AT_ONCE], with_folders=with_folders
            )
            deleted += await self._control.delete_files(self._job, request)
        return deleted
