"""The RPC methods: who calls is checked here, the work is done by the controller's parts."""

import asyncio
import contextlib
import hmac
import logging
import re
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, NoReturn, TypeAlias

import grpc
import msgspec

from segue.domain.errors import (
    AlreadyExistsError,
    IllegalPathError,
    LimitExceededError,
    NotFoundError,
    SegueError,
    UnavailableError,
)
from segue.proto.generated import worker_pb2 as pb
from segue.proto.generated import worker_pb2_grpc as rpc
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.fetch import Fetch
from segue.services.controller.file_writes import FileWrites
from segue.services.controller.key_values import KeyValues
from segue.services.controller.links import Links
from segue.services.controller.platform import Desk
from segue.services.controller.reports import Reports
from segue.services.controller.sessions import TRIGGERS, Session, Sessions, Stream

logger = logging.getLogger(__name__)
PROTOCOL = 1
_WORKER_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_MAX_QUEUES = 100
_CODES = {
    AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    IllegalPathError: grpc.StatusCode.PERMISSION_DENIED,
    LimitExceededError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
}
Context: TypeAlias = grpc.aio.ServicerContext


class Stores(NamedTuple):
    """What workers reach beside their jobs."""

    fetch: Fetch
    writes: FileWrites
    key_values: KeyValues
    desk: Desk

    @classmethod
    def over(cls, ports: ControllerPorts, config: ControllerConfig) -> "Stores":
        """All of them."""
        return cls(Fetch(ports, config), FileWrites(ports, config), KeyValues(ports), Desk(ports, config))


class Gateway(rpc.WorkerGatewayServicer):
    """The servicer of the worker protocol."""

    def __init__(
        self,
        config: ControllerConfig,
        sessions: Sessions,
        links: Links,
        reports: Reports,
        stores: Stores,
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._links = links
        self._reports = reports
        self._fetch, self._writes, self._key_values, self._desk = stores
        self._globals = msgspec.json.encode(dict(config.globals), enc_hook=str)

    async def Connect(self, request: pb.ConnectRequest, context: Context) -> pb.ConnectResponse:  # noqa: N802 - named by the protocol
        """Begin a session."""
        if fault := self._fault(request):
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, fault)
        token = self._config.registration_token
        if token and not hmac.compare_digest(request.registration_token.encode(), token.encode()):
            await _abort(context, grpc.StatusCode.PERMISSION_DENIED, "The registration token is wrong")
        if len(self._sessions) >= self._config.max_workers:
            await _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many workers are connected")
        try:
            session = await self._links.begin(request)
        except SegueError as error:
            await _abort(context, _code(error), error.message)
        return pb.ConnectResponse(
            protocol=PROTOCOL,
            features=[TRIGGERS],
            session_id=session.id,
            heartbeat_ms=int(self._config.heartbeat * 1000),
            lease_ms=int(self._config.lease * 1000),
            inline_output_bytes=self._config.inline_output_bytes,
            chunk_bytes=self._config.chunk_bytes,
            globals=self._globals,
            expression_dialect=self._config.dialect.value,
        )

    async def Work(  # noqa: N802 - named by the protocol
        self, requests: AsyncIterator[pb.WorkRequest], context: Context
    ) -> AsyncIterator[pb.WorkResponse]:
        """Jobs down; credits and heartbeats up."""
        session = await self._session(context)
        first = await anext(requests, None)
        if first is None or first.WhichOneof("message") != "resume":
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "The first message must be `resume`")
        try:
            stream = await self._links.resume(session, first.resume)
        except SegueError as error:
            await _abort(context, _code(error), error.message)
        reader = asyncio.create_task(self._follow(session, stream, requests))
        try:
            while (message := await stream.next()) is not None:
                yield message
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await reader
            session.close(stream)

    async def Report(  # noqa: N802 - named by the protocol
        self, requests: AsyncIterator[pb.ReportBatch], context: Context
    ) -> AsyncIterator[pb.ReportAck]:
        """Batches up, acknowledgements down."""
        session = await self._session(context)
        await session.is_resumed.wait()
        async for batch in requests:
            self._links.heard(session)
            try:
                await self._reports.take(session, batch)
            except SegueError as error:
                await _abort(context, _code(error), error.message)
            yield pb.ReportAck(number=batch.number)

    async def FetchFlow(self, request: pb.FetchFlowRequest, context: Context) -> pb.FetchFlowResponse:  # noqa: N802 - named by the protocol
        """The source of a flow."""
        session = await self._session(context)
        try:
            return await self._fetch.flow(session, request.flow)
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def FetchOutputs(  # noqa: N802 - named by the protocol
        self, request: pb.FetchOutputsRequest, context: Context
    ) -> AsyncIterator[pb.Chunk]:
        """Outputs of another task run."""
        session = await self._session(context)
        try:
            async for chunk in self._fetch.outputs(session, request):
                yield pb.Chunk(data=chunk)
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def FetchValues(self, request: pb.FetchValuesRequest, context: Context) -> pb.FetchValuesResponse:  # noqa: N802 - named by the protocol
        """What expressions ask for."""
        session = await self._session(context)
        try:
            return pb.FetchValuesResponse(values=await self._fetch.values(session, request))
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def CallKv(self, request: pb.CallKvRequest, context: Context) -> pb.CallKvResponse:  # noqa: N802 - named by the protocol
        """Write, remove or list keys of the KV store."""
        session = await self._session(context)
        try:
            return pb.CallKvResponse(keys=await self._key_values.call(session, request))
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def FetchLogs(  # noqa: N802 - named by the protocol
        self, request: pb.FetchLogsRequest, context: Context
    ) -> AsyncIterator[pb.LogsPart]:
        """Log lines of an execution."""
        session = await self._session(context)
        try:
            async for part in self._fetch.logs(session, request):
                yield part
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def Ask(self, request: pb.AskRequest, context: Context) -> AsyncIterator[pb.Chunk]:  # noqa: N802 - named by the protocol
        """What a task asks of the platform."""
        session = await self._session(context)
        try:
            async for chunk in self._desk.answer(session, request):
                yield pb.Chunk(data=chunk)
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def ListFiles(  # noqa: N802 - named by the protocol
        self, request: pb.ListFilesRequest, context: Context
    ) -> AsyncIterator[pb.FilesPage]:
        """The files of a namespace."""
        session = await self._session(context)
        try:
            async for entries in self._fetch.files(session, request):
                yield pb.FilesPage(files=entries)
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def ReadFile(  # noqa: N802 - named by the protocol
        self, request: pb.ReadFileRequest, context: Context
    ) -> AsyncIterator[pb.Chunk]:
        """A file of internal storage."""
        session = await self._session(context)
        try:
            async for chunk in self._fetch.read(session, request):
                yield pb.Chunk(data=chunk)
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def WriteFile(  # noqa: N802 - named by the protocol
        self, requests: AsyncIterator[pb.WriteFileRequest], context: Context
    ) -> pb.WriteFileResponse:
        """Store a file of a task run or of a namespace."""
        session = await self._session(context)
        first = await anext(requests, None)
        if first is None or first.WhichOneof("part") != "target":
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "The first message must be `target`")
        try:
            return await self._writes.write(session, first.target, _data(requests))
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def DeleteFiles(self, request: pb.DeleteFilesRequest, context: Context) -> pb.DeleteFilesResponse:  # noqa: N802 - named by the protocol
        """Delete files of executions or namespaces."""
        session = await self._session(context)
        try:
            return pb.DeleteFilesResponse(deleted=await self._writes.delete(session, request))
        except SegueError as error:
            await _abort(context, _code(error), error.message)

    async def _session(self, context: Context) -> Session:
        sent: Any = next((v for k, v in context.invocation_metadata() or () if k == "segue-session"), "")
        session = self._sessions.find(sent)
        if session is None:
            await _abort(context, grpc.StatusCode.UNAUTHENTICATED, "There is no such session: connect again")
        self._links.heard(session)
        return session

    async def _follow(self, session: Session, stream: Stream, requests: AsyncIterator[pb.WorkRequest]) -> None:
        """Take what the worker says until it ends its side; then this side ends too."""
        try:
            async for request in requests:
                self._links.heard(session)
                kind = request.WhichOneof("message")
                if kind == "credits":
                    self._links.grant(session, stream, request.credits)
                elif kind == "heartbeat":
                    await self._links.beat(session, stream, request.heartbeat)
                elif kind == "goodbye":
                    await self._links.goodbye(session)
                    return
        except Exception:
            logger.exception("the stream of worker %s ended badly", session.worker.id)
        finally:
            stream.close()

    def _fault(self, request: pb.ConnectRequest) -> str | None:
        if request.protocol != PROTOCOL:
            return f"This control plane speaks protocol {PROTOCOL}, the worker {request.protocol}"
        if not _WORKER_ID.fullmatch(request.worker_id):
            return "The worker id must have 16 to 64 letters, digits, underscores or hyphens"
        if not 0 < len(request.name) <= 200:
            return "The worker needs a name of at most 200 characters"
        if not 0 < request.slots <= self._config.max_slots:
            return f"The worker must have 1 to {self._config.max_slots} slots"
        queues = request.worker_queues
        if not 0 < len(queues) <= _MAX_QUEUES or not all(_QUEUE.fullmatch(queue) for queue in queues):
            return f"The worker must name 1 to {_MAX_QUEUES} worker queues"
        return None


async def _data(requests: AsyncIterator[pb.WriteFileRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request.data


async def _abort(context: Context, code: grpc.StatusCode, message: str) -> NoReturn:
    await context.abort(code, message)
    raise AssertionError("abort always raises")


def _code(error: SegueError) -> grpc.StatusCode:
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return grpc.StatusCode.INVALID_ARGUMENT
