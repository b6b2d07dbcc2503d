"""The unary side of the protocol: what tasks fetch and store, over whichever controller is connected."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias, TypeVar

import grpc
import msgspec

from segue.domain.errors import AlreadyExistsError, IllegalPathError, NotFoundError, SegueError, UnavailableError
from segue.domain.fetched_values import Fetched, Refused
from segue.domain.needs import ValueNeed
from segue.domain.platform.call import Call
from segue.expr import Dialect
from segue.proto.generated import worker_pb2 as pb
from segue.proto.generated import worker_pb2_grpc as rpc
from segue.proto.values import read_values, write_needs
from segue.services.worker.folder import FolderFile

Answer = TypeVar("Answer")
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.CANCELLED})
_KINDS = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.PERMISSION_DENIED: IllegalPathError,
}
_PAUSE = 0.2
_TIMEOUT = 60.0
_decode_lines = msgspec.json.Decoder(dict[str, Any]).decode_lines


Content: TypeAlias = bytes | Path | FolderFile | AsyncIterator[bytes]
"""What is stored. Only what can be read again is sent again."""


class Terms(NamedTuple):
    """What the controller said when the worker connected."""

    inline_output_bytes: int = 65_536
    chunk_bytes: int = 256 * 1024
    globals: bytes = b"{}"
    dialect: Dialect | None = None


class Connected(NamedTuple):
    """An open session."""

    stub: rpc.WorkerGatewayStub
    metadata: tuple[tuple[str, str], ...]


class Control:
    """Calls that wait for a connection and are made again when it breaks."""

    def __init__(self) -> None:
        self.terms = Terms()
        self._connected: Connected | None = None
        self._is_there = asyncio.Event()

    def attach(self, connected: Connected, terms: Terms) -> None:
        """A session was opened."""
        self._connected, self.terms = connected, terms
        self._is_there.set()

    def detach(self) -> None:
        """The session is gone."""
        self._connected = None
        self._is_there.clear()

    async def flow(self, key: pb.FlowKey) -> pb.FetchFlowResponse:
        """The source of a revision, and the variables of its namespaces. Raises ``SegueError`` when there is none
        for this worker."""

        async def fetch(to: Connected) -> pb.FetchFlowResponse:
            request = pb.FetchFlowRequest(flow=key)
            answer: pb.FetchFlowResponse = await to.stub.FetchFlow(request, metadata=to.metadata, timeout=_TIMEOUT)
            return answer

        return await self._call(fetch)

    async def outputs(self, job: pb.Job, task_run_id: str) -> bytes:
        """Outputs of another task run as JSON."""
        request = pb.FetchOutputsRequest(
            execution_id=task_run_id.rpartition("-")[0], task_run_id=task_run_id, token=job.token
        )

        async def fetch(to: Connected) -> bytes:
            return b"".join([chunk.data async for chunk in to.stub.FetchOutputs(request, metadata=to.metadata)])

        return await self._call(fetch)

    async def values(self, job: pb.Job, needs: Iterable[ValueNeed]) -> dict[ValueNeed, Fetched | Refused]:
        """What expressions of a job ask for; maybe more than that."""
        request = pb.FetchValuesRequest(execution_id=job.execution_id, token=job.token, needs=write_needs(needs))

        async def fetch(to: Connected) -> dict[ValueNeed, Fetched | Refused]:
            answer = await to.stub.FetchValues(request, metadata=to.metadata, timeout=_TIMEOUT)
            return read_values(answer.values)

        return await self._call(fetch)

    async def logs(self, job: pb.Job, wanted: pb.FetchLogsRequest) -> AsyncIterator[list[dict[str, Any]]]:
        """Log lines of an execution in pages; goes on with the next page when the connection breaks."""
        request = pb.FetchLogsRequest()
        request.CopyFrom(wanted)
        request.execution_id, request.token = job.execution_id, job.token
        while True:
            to = await self._connection()
            lines = bytearray()
            try:
                async for part in to.stub.FetchLogs(request, metadata=to.metadata):
                    lines += part.lines
                    if part.HasField("cursor"):
                        request.after = part.cursor
                        yield _decode_lines(lines)
                        lines.clear()
                return
            except (grpc.aio.AioRpcError, asyncio.CancelledError) as error:
                _judge(error)
            await asyncio.sleep(_PAUSE)

    async def call_kv(self, job: pb.Job, request: pb.CallKvRequest) -> list[str]:
        """Write, remove or list keys of the KV store. Raises ``SegueError``."""
        request.execution_id, request.token = job.execution_id, job.token

        async def call(to: Connected) -> list[str]:
            return list((await to.stub.CallKv(request, metadata=to.metadata, timeout=_TIMEOUT)).keys)

        return await self._call(call)

    async def ask(self, job: pb.Job, call: Call[Answer]) -> Answer:
        """What a task asks of the platform. Raises ``SegueError``."""
        request = pb.AskRequest(
            execution_id=job.execution_id, token=job.token, verb=call.verb, arguments=msgspec.json.encode(call)
        )

        async def fetch(to: Connected) -> Answer:
            content = b"".join([chunk.data async for chunk in to.stub.Ask(request, metadata=to.metadata)])
            answer: Answer = msgspec.json.decode(content, type=call.answer)
            return answer

        return await self._call(fetch)

    async def namespace_files(self, job: pb.Job, namespace: str) -> list[pb.FileEntry]:
        """The files of a namespace. Raises ``SegueError`` when the flow may not use it."""
        request = pb.ListFilesRequest(execution_id=job.execution_id, token=job.token, namespace=namespace)

        async def fetch(to: Connected) -> list[pb.FileEntry]:
            return [file async for page in to.stub.ListFiles(request, metadata=to.metadata) for file in page.files]

        return await self._call(fetch)

    async def read(
        self, job: pb.Job, uri: str = "", offset: int = 0, *, cache: pb.CacheKey | None = None
    ) -> AsyncGenerator[bytes, None]:
        """A file, or what was kept under a key, in chunks; goes on where it was when the connection breaks."""
        while True:
            to = await self._connection()
            request = pb.ReadFileRequest(
                execution_id=job.execution_id,
                token=job.token,
                tenant=job.flow.tenant,
                uri=uri,
                offset=offset,
                cache=cache,
            )
            call = to.stub.ReadFile(request, metadata=to.metadata)
            try:
                async for chunk in call:
                    offset += len(chunk.data)
                    yield chunk.data
                return
            except (grpc.aio.AioRpcError, asyncio.CancelledError) as error:
                _judge(error)
            finally:
                call.cancel()  # a reader that has enough leaves: the rest must not be sent
            await asyncio.sleep(_PAUSE)

    async def write(
        self,
        run: pb.TaskRunKey,
        name: str,
        content: Content,
        *,
        cache: pb.CacheKey | None = None,
    ) -> pb.StoredOutputs:
        """Store a file of the run, or under a key. Bytes and files are sent again when the connection breaks."""
        return (await self._send(pb.WriteTarget(run=run, name=name, cache=cache), content)).file

    async def write_namespace_file(
        self, run: pb.TaskRunKey, target: pb.NamespaceTarget, content: Content
    ) -> pb.WriteFileResponse:
        """Store a file of a namespace. Raises ``AlreadyExistsError`` and other ``SegueError``."""
        return await self._send(pb.WriteTarget(run=run, namespace_file=target), content)

    async def delete_files(self, job: pb.Job, request: pb.DeleteFilesRequest) -> list[str]:
        """Delete files: those there were. Raises ``SegueError``."""
        request.execution_id, request.token = job.execution_id, job.token

        async def call(to: Connected) -> list[str]:
            return list((await to.stub.DeleteFiles(request, metadata=to.metadata, timeout=_TIMEOUT)).deleted)

        return await self._call(call)

    async def _send(self, target: pb.WriteTarget, content: Content) -> pb.WriteFileResponse:
        faults: list[Exception] = []

        async def requests(size: int) -> AsyncIterator[pb.WriteFileRequest]:
            yield pb.WriteFileRequest(target=target)
            try:
                async for part in _parts(content, size):
                    yield pb.WriteFileRequest(data=part)
            except Exception as error:
                faults.append(error)  # the call is only cancelled by it
                raise

        async def send(to: Connected) -> pb.WriteFileResponse:
            try:
                answer: pb.WriteFileResponse = await to.stub.WriteFile(
                    requests(self.terms.chunk_bytes), metadata=to.metadata
                )
            except (grpc.aio.AioRpcError, asyncio.CancelledError):
                if faults:
                    raise faults[0] from None
                raise
            return answer

        return await self._call(send, once=not isinstance(content, bytes | Path | FolderFile))

    async def _call(self, call: Callable[[Connected], Awaitable[Answer]], *, once: bool = False) -> Answer:
        while True:
            to = await self._connection()
            try:
                return await call(to)
            except (grpc.aio.AioRpcError, asyncio.CancelledError) as error:
                _judge(error)
                if once:
                    raise UnavailableError("The controller went away while a file was sent") from error
            await asyncio.sleep(_PAUSE)

    async def _connection(self) -> Connected:
        while self._connected is None:
            await self._is_there.wait()
        return self._connected


def _judge(error: grpc.aio.AioRpcError | asyncio.CancelledError) -> None:
    """Return when the connection broke. Raises ``SegueError`` when the controller said no, and the
    cancellation of who calls; one that nobody asked for comes from the channel, closed under its calls."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise error
    elif error.code() not in _AWAY:
        raise _KINDS.get(error.code(), SegueError)(
            error.details() or f"the controller refused: {error.code().name}"
        ) from error


def _opened(file: Path | FolderFile) -> BinaryIO:
    return file.open("rb") if isinstance(file, Path) else file.open()


async def _parts(content: Any, size: int) -> AsyncIterator[bytes]:
    if isinstance(content, bytes):
        for start in range(0, len(content), size):
            yield content[start : start + size]
    elif isinstance(content, Path | FolderFile):
        with await asyncio.to_thread(_opened, content) as file:
            while part := await asyncio.to_thread(file.read, size):
                yield part
    else:
        async for chunk in content:
            for start in range(0, len(chunk), size):
                yield chunk[start : start + size]
