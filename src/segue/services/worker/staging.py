"""Files between internal storage and the directory of a run (flow language 8, core plugins 1.2)."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

from segue.domain.errors import AlreadyExistsError, NotFoundError, SegueError
from segue.domain.fetched_values import Refused
from segue.domain.file_paths import NAMESPACE_SCHEME, parse_namespace_uri
from segue.domain.globs import FilePatterns
from segue.domain.needs import FileInfo, ValueKind, ValueNeed
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import IfExists, Metrics, NamespaceFilesOptions, RunLogger
from segue.sdk.property import json_text
from segue.services.worker.control import Control
from segue.services.worker.folder import Folder, FolderFile

Item = TypeVar("Item")
_URI = re.compile(r"(kestra|nsfile|file):/\S+")
_AT_ONCE = 8
_LONGEST_NAME = 200


class Place(Protocol):
    """The run whose files these are."""

    @property
    def folder(self) -> Folder:
        """Its directory, made when first asked for."""

    @property
    def logger(self) -> RunLogger:
        """Its log."""

    @property
    def metrics(self) -> Metrics:
        """Its figures."""

    async def render(self, value: Any) -> Any:
        """A property rendered."""


class Staging:
    """The files of one run."""

    def __init__(self, job: pb.Job, run: pb.TaskRunKey, control: Control, place: Place) -> None:
        self._job = job
        self._run = run
        self._control = control
        self._place = place

    async def read(self, uri: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The content of a ``kestra://`` or ``nsfile://`` URI in chunks. Raises ``SegueError``."""
        async with aclosing(self._control.read(self._job, await self._resolve(uri), offset)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def size(self, uri: str) -> int:
        """How many bytes a ``kestra://`` or ``nsfile://`` URI has. Raises ``SegueError``."""
        return (await self._find(uri)).size

    async def put(self, files: Mapping[str, Any]) -> None:
        """Write ``inputFiles``: texts, or what URIs name; None is an empty file."""
        await _each(files.items(), lambda item: self._put(*item))

    async def put_namespace_files(self, options: NamespaceFilesOptions) -> None:
        """Copy namespace files as ``options`` say. Raises ``SegueError``."""
        render = self._place.render
        if not await render(options.enabled):
            return
        began = time.perf_counter()
        include = FilePatterns(await _texts(render, options.include), anywhere=True)
        exclude = FilePatterns(await _texts(render, options.exclude), anywhere=True)
        namespaces = await _texts(render, options.namespaces) or [self._job.flow.namespace]
        if_exists = await render(options.if_exists) or IfExists.OVERWRITE
        in_folders = await render(options.folder_per_namespace)
        count = 0
        for namespace in namespaces:
            files = [
                file
                for file in await self._control.namespace_files(self._job, namespace)
                if (not include or include.match(file.path)) and not exclude.match(file.path)
            ]
            prefix = f"{namespace}/" if in_folders else ""
            await _each(files, partial(self._copy, prefix, if_exists))
            count += len(files)
        duration = timedelta(seconds=time.perf_counter() - began)
        self._place.metrics.counter("namespacefiles.count", count)
        self._place.metrics.timer("namespacefiles.duration", duration)
        self._place.logger.info(
            "Loaded %d namespace files from %s in %.3f s", count, ", ".join(namespaces), duration.total_seconds()
        )

    async def collect(self, patterns: Iterable[str]) -> dict[str, str]:
        """Store the files that patterns fit: path to URI. Raises ``SegueError``."""
        folder = self._place.folder
        chosen = FilePatterns(patterns)
        found = await asyncio.to_thread(folder.find, chosen) if chosen else []
        uris: dict[str, str] = dict.fromkeys((file.path for file in found), "")

        async def store(path: str) -> None:
            uris[path] = (await self._control.write(self._run, stored_name(path), FolderFile(folder, path))).uri

        await _each(uris, store)
        return uris

    async def _put(self, path: str, value: Any) -> None:
        text = value if isinstance(value, str) else "" if value is None else json_text(value)
        content = self.read(text.strip()) if _URI.fullmatch(text.strip()) else _once(text.encode())
        await self._place.folder.fill(path, content)

    async def _copy(self, prefix: str, if_exists: IfExists, file: pb.FileEntry) -> None:
        folder, path = self._place.folder, prefix + file.path
        if if_exists is not IfExists.OVERWRITE and await asyncio.to_thread(folder.exists, path):
            if if_exists is IfExists.FAIL:
                raise AlreadyExistsError(f"The namespace file '{path}' is in the working directory already")
            if if_exists is IfExists.WARN:
                self._place.logger.warn("The namespace file '%s' is there already and is left as it is", path)
            return
        await folder.fill(path, self._control.read(self._job, file.uri))

    async def _resolve(self, uri: str) -> str:
        if uri.startswith(("file:", NAMESPACE_SCHEME)):
            return (await self._find(uri)).uri
        return uri

    async def _find(self, uri: str) -> FileInfo:
        if uri.startswith("file:"):
            raise SegueError(f"Files of the worker's machine are not open to tasks: {uri[:200]}")
        need, place = ValueNeed(ValueKind.FILE, uri), ""
        if uri.startswith(NAMESPACE_SCHEME):
            namespace, path = parse_namespace_uri(uri, self._job.flow.namespace)
            need, place = ValueNeed(ValueKind.FILE, path, namespace), f" in the namespace '{namespace}'"
        found = (await self._control.values(self._job, [need])).get(need)
        if isinstance(found, Refused):
            raise SegueError(found.reason)
        if not isinstance(found, FileInfo):
            raise NotFoundError(f"There is no file '{need.key[:200]}'{place}")
        return found


def stored_name(path: str) -> str:
    """The name under which a file of a working directory is stored: one for each path."""
    digest = blake2b(path.encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()
    name = path.rpartition("/")[2].replace(" ", "+")
    printable = "".join(char if char.isprintable() and char != "\\" else "_" for char in name)
    return f"{digest}-{printable.encode()[-_LONGEST_NAME:].decode('utf-8', 'ignore')}"


async def _each(items: Iterable[Item], work: Callable[[Item], Awaitable[None]]) -> None:
    """``work`` for every item, some at once. The first error ends all, and is raised as it is."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(item: Item) -> None:
        async with room:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(one(item))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _texts(render: Callable[[Any], Awaitable[Any]], value: Any) -> list[str]:
    return [] if value is None else list(await render(value) or [])


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
