"""``io.kestra.plugin.core.namespace``: files of namespaces (core plugins 7)."""

import asyncio
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import msgspec

from segue.domain.errors import AlreadyExistsError, NotFoundError
from segue.domain.globs import FilePatterns
from segue.sdk import Example, NamespaceFile, Output, Property, RunContext, Task, TaskFailed


class Conflict(StrEnum):
    """What happens when there is such a file."""

    OVERWRITE = "OVERWRITE"
    ERROR = "ERROR"
    SKIP = "SKIP"


class UploadFilesOutput(Output):
    """Nothing: ``files`` is there for old flows and stays empty."""

    files: dict[str, str] | None = None


class UploadFiles(Task):
    """Writes files of the working directory, or files by their URIs, into a namespace."""

    type: ClassVar[str] = "io.kestra.plugin.core.namespace.UploadFiles"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Give the file of another task to all flows of the namespace",
            'id: publish\ntype: io.kestra.plugin.core.namespace.UploadFiles\nnamespace: "{{ flow.namespace }}"\n'
            'filesMap:\n  prices.csv: "{{ outputs.load.uri }}"\ndestination: reports',
        ),
        Example(
            "Upload what other tasks have written, within a WorkingDirectory",
            "id: publish\ntype: io.kestra.plugin.core.namespace.UploadFiles\nnamespace: company.team\n"
            'files: ["*.sql", "lib/**"]\nconflict: SKIP',
        ),
    )

    namespace: Property[str]
    """The namespace to write into."""
    files: Property[list[str]] | None = None
    """Patterns of files of the working directory."""
    files_map: Property[dict[str, Any]] | None = None
    """Paths and the URIs of their files; one whose file does not exist is left out."""
    destination: Property[str] = Property.of("/")
    """The folder to write into."""
    conflict: Property[Conflict] = Property.of(Conflict.OVERWRITE)
    """What happens when there is such a file: write its next revision, fail, or leave it as it is."""

    async def run(self, context: RunContext) -> UploadFilesOutput:
        """Upload one after the other. Raises ``AlreadyExistsError`` with ``conflict: ERROR``, and ``SegueError``."""
        if self.files is None and self.files_map is None:
            raise TaskFailed("files or filesMap is required")
        upload = _Upload(
            context,
            await context.render(self.namespace) or "",
            await context.render(self.destination) or "",
            await context.render(self.conflict) or Conflict.OVERWRITE,
        )
        await upload.begin()
        patterns = None if self.files is None else await context.render(self.files)
        for path in await context.files.find(patterns or []):
            await upload.add(path, context.working_dir / path)
        uris = {} if self.files_map is None else await context.render(self.files_map) or {}
        if not all(isinstance(uri, str) for uri in uris.values()):
            raise TaskFailed("filesMap must be a Map<String, String>")
        with TemporaryDirectory(prefix="segue-upload-") as folder:
            for path, uri in uris.items():
                copy = Path(folder) / "copy"
                if await _fetch(context, uri.strip(), copy):
                    await upload.add(path, copy)
        context.logger.info("Uploaded %d files to the namespace %s", upload.count, upload.namespace)
        context.metrics.counter("uploaded", upload.count)
        return UploadFilesOutput()


class _Upload:
    """Writes files into a namespace as the task says."""

    def __init__(self, context: RunContext, namespace: str, destination: str, conflict: Conflict) -> None:
        self.namespace = namespace.strip()
        self.count = 0
        self._context = context
        self._destination = destination.strip().strip("/")
        self._conflict = conflict
        self._taken: frozenset[str] = frozenset()

    async def begin(self) -> None:
        """Look what there is, where that matters."""
        if self._conflict is not Conflict.OVERWRITE:
            files = await self._context.namespace_files.entries(self.namespace)
            self._taken = frozenset(file.path for file in files)

    async def add(self, path: str, content: Path) -> None:
        """Write one file."""
        target = f"{self._destination}/{path.lstrip('/')}".lstrip("/")
        overwrite = self._conflict is Conflict.OVERWRITE
        try:
            if target in self._taken:
                raise AlreadyExistsError(f"The file '{target}' exists already in the namespace '{self.namespace}'")
            await self._context.namespace_files.write(target, content, namespace=self.namespace, overwrite=overwrite)
        except AlreadyExistsError:
            if self._conflict is Conflict.ERROR:
                raise
            self._context.logger.debug("The file %s is there already and stays as it is", target)
            return
        self.count += 1


class DownloadFilesOutput(Output):
    """``files``: the paths, with a slash in front, to the URIs of copies that belong to the execution."""

    files: dict[str, str]


class DownloadFiles(Task):
    """Copies files of a namespace into the execution."""

    type: ClassVar[str] = "io.kestra.plugin.core.namespace.DownloadFiles"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Take all queries",
            "id: queries\ntype: io.kestra.plugin.core.namespace.DownloadFiles\nnamespace: company.team\n"
            'files: "**/*.sql"',
        ),
    )

    namespace: Property[str]
    """The namespace of the files."""
    files: Property[list[str] | str]
    """A pattern, or several. One that begins with a letter or digit fits at any depth; with `/` in front, at the
    root."""
    destination: Property[str] = Property.of("")
    """Put in front of the names of the copies."""

    async def run(self, context: RunContext) -> DownloadFilesOutput:
        """Copy one after the other. Raises ``SegueError`` for a namespace that is not open to the flow."""
        namespace = (await context.render(self.namespace) or "").strip()
        destination = (await context.render(self.destination) or "").strip().strip("/")
        found = await _matching(context, namespace, await context.render(self.files))
        uris: dict[str, str] = {}
        with TemporaryDirectory(prefix="segue-download-") as folder:
            for file in found:
                copy = Path(folder) / "copy"
                if await _fetch(context, file.uri, copy):
                    name = f"{destination}/{file.path}".lstrip("/")
                    uris[f"/{file.path}"] = await context.files.write(name, copy)
        context.insights.table("Files", ["path", "bytes"], [(file.path, file.size) for file in found])
        context.logger.info("Downloaded %d files from the namespace %s", len(uris), namespace)
        context.metrics.counter("downloaded", len(uris))
        return DownloadFilesOutput(files=uris)


class DeleteFiles(Task):
    """Deletes files of a namespace. Their older revisions stay readable by their numbers."""

    type: ClassVar[str] = "io.kestra.plugin.core.namespace.DeleteFiles"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Remove a folder",
            "id: clean\ntype: io.kestra.plugin.core.namespace.DeleteFiles\nnamespace: company.team\n"
            "files: [/old/**]\ndeleteParentFolder: true",
        ),
    )

    namespace: Property[str]
    """The namespace of the files."""
    files: Property[list[str] | str]
    """A pattern, or several. One that begins with a letter or digit fits at any depth; with `/` in front, at the
    root."""
    delete_parent_folder: Property[bool] = Property.of(False)
    """Whether folders that are empty then are deleted as well."""

    async def run(self, context: RunContext) -> None:
        """Delete. Raises ``SegueError`` for a namespace that is not open to the flow."""
        namespace = (await context.render(self.namespace) or "").strip()
        with_folders = await context.render(self.delete_parent_folder) is True
        found = await _matching(context, namespace, await context.render(self.files))
        paths = [file.path for file in found]
        context.insights.table("Files", ["path", "bytes"], [(file.path, file.size) for file in found])
        await context.namespace_files.delete(paths, namespace=namespace, with_folders=with_folders)
        context.logger.info("Deleted %d files of the namespace %s", len(paths), namespace)
        context.metrics.counter("deleted", len(paths))


async def _matching(context: RunContext, namespace: str, patterns: list[str] | str | None) -> list[NamespaceFile]:
    wanted = FilePatterns(_several(patterns), anywhere=True)
    return [file for file in await context.namespace_files.entries(namespace) if wanted.match(file.path)]


def _several(patterns: list[str] | str | None) -> list[str]:
    """One pattern, a list, or a list as JSON. Raises ``TaskFailed``."""
    if not isinstance(patterns, str):
        return patterns or []
    if not patterns.strip().startswith("["):
        return [patterns.strip()] if patterns.strip() else []
    try:
        return msgspec.json.decode(patterns, type=list[str])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise TaskFailed("`files` must be a pattern or a list of patterns") from None


async def _fetch(context: RunContext, uri: str, path: Path) -> bool:
    """Copy a file to this machine; false when there is none."""
    try:
        with path.open("wb") as target:
            async for chunk in context.files.read(uri):
                await asyncio.to_thread(target.write, chunk)
    except NotFoundError:
        return False
    return True
