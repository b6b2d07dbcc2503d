"""What workers read through the controller: flows, outputs, values, files of internal storage."""

from collections.abc import AsyncIterator

import msgspec

from segue.domain.errors import IllegalPathError, LimitExceededError, NotFoundError, SegueError
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import FlowKey
from segue.domain.execution.places import cache_uri
from segue.domain.needs import ValueKind
from segue.ports.repositories.logs import LogQuery
from segue.ports.repositories.values import ValueScope, log_fields
from segue.proto.generated import worker_pb2 as pb
from segue.proto.values import read_needs, write_values
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.sessions import HeldJob, Session
from segue.services.controller.translate import flow_of

_PAGE = 1000
_LOG_PAGE = 500
_LEVELS = frozenset(level.value for level in LogLevel)
_lines = msgspec.json.Encoder()
_encode = _lines.encode
MAX_NEEDS = 200
"""Values asked for with one call."""


class Fetch:
    """The look-ups of one controller. A worker reaches what the jobs it holds may reach, and no more."""

    def __init__(self, ports: ControllerPorts, config: ControllerConfig) -> None:
        self._ports = ports
        self._config = config

    async def flow(self, session: Session, key: pb.FlowKey) -> pb.FetchFlowResponse:
        """The source of a revision the worker was given a job of, with the settings of its namespaces that were given
        with it. Raises ``NotFoundError``."""
        flow = flow_of(key)
        found = None
        if session.worker.knows(flow):
            found = await self._ports.flows.get(
                flow.tenant, flow.namespace, flow.flow_id, flow.revision, drafts=True, deleted=True
            )
        if found is None:
            raise NotFoundError(
                f"There is no flow '{flow.namespace}.{flow.flow_id}' revision {flow.revision} for this worker"
            )
        settings = await self._ports.settings(flow)
        return pb.FetchFlowResponse(
            source=self._ports.prepare_flow(found.source, settings),
            namespace_variables=_encode(settings.variables) if settings.variables else b"",
        )

    async def outputs(self, session: Session, request: pb.FetchOutputsRequest) -> AsyncIterator[bytes]:
        """The outputs of a task run of the same execution, or of one related to it, as JSON in chunks."""
        job = held_job(session, request.token)
        await self._ports.values.access.check_related(job.flow, job.execution_id, request.execution_id)
        if request.task_run_id.rpartition("-")[0] != request.execution_id:
            raise IllegalPathError(f"{request.task_run_id[:100]!r} is not of this execution")
        reference = job.remote.get(request.task_run_id)
        uri = reference.uri if reference else None
        if uri is None:
            inline = await self._ports.outputs.get_many([request.task_run_id])
            if request.task_run_id in inline:
                content = inline[request.task_run_id]
                size = self._config.chunk_bytes
                for start in range(0, len(content), size):
                    yield content[start : start + size]
                return
            uri = await self._stored_outputs(request)
        async for chunk in self._chunks(job.flow.tenant, uri, 0):
            yield chunk

    async def read(self, session: Session, request: pb.ReadFileRequest) -> AsyncIterator[bytes]:
        """A file that the job may read, in chunks. Raises ``IllegalPathError`` and ``NotFoundError``."""
        job = held_job(session, request.token)
        if request.tenant not in {"", job.flow.tenant}:
            raise IllegalPathError("The file is of another tenant")
        if request.HasField("cache"):
            uri = kept_uri(job, request.cache)
        else:
            uri = request.uri
            await self._ports.values.access.check_file(job.flow, job.execution_id, uri)
        async for chunk in self._chunks(job.flow.tenant, uri, request.offset):
            yield chunk

    async def files(self, session: Session, request: pb.ListFilesRequest) -> AsyncIterator[list[pb.FileEntry]]:
        """The files of a namespace, in pages. Raises ``IllegalPathError`` for one the flow may not use."""
        job = held_job(session, request.token)
        namespace = request.namespace or job.flow.namespace
        self._ports.values.access.check_namespace(job.flow, namespace)
        found = await self._ports.values.files.below(job.flow.tenant, namespace)
        entries = [
            pb.FileEntry(path=file.path, uri=file.uri, size=file.size, revision=file.revision)
            for file in found
            if not file.is_folder
        ]
        for start in range(0, len(entries), _PAGE):
            yield entries[start : start + _PAGE]

    async def logs(self, session: Session, request: pb.FetchLogsRequest) -> AsyncIterator[pb.LogsPart]:
        """Log lines in parts, the last of each page with a cursor.

        Raises ``NotFoundError`` when there is no such execution, ``IllegalPathError`` when its namespace is not open.
        """
        job = held_job(session, request.token)
        execution_id = await self._logged(job, request)
        if request.minimum_level not in _LEVELS:
            raise SegueError(f"{request.minimum_level[:50]!r} is no level of log lines")
        tasks = set(request.task_ids)
        query = LogQuery(
            tenant=job.flow.tenant,
            execution_id=execution_id,
            task_id=request.task_ids[0] if len(tasks) == 1 else None,
            minimum_level=LogLevel(request.minimum_level),
        )
        size, cursor, count = self._config.chunk_bytes, request.after, _LOG_PAGE
        while count == _LOG_PAGE:
            entries, cursor = await self._ports.values.logs.lines(query, cursor, _LOG_PAGE)
            count = len(entries)
            chosen = [log_fields(entry) for entry in entries if not tasks or entry.task_id in tasks]
            lines = _lines.encode_lines(chosen)
            for start in range(0, len(lines), size):
                yield pb.LogsPart(lines=lines[start : start + size])
            yield pb.LogsPart(cursor=cursor)

    async def values(self, session: Session, request: pb.FetchValuesRequest) -> list[pb.FetchedValue]:
        """What expressions of a job ask for. Raises ``LimitExceededError`` for too much at once."""
        job = held_job(session, request.token)
        if len(request.needs) > MAX_NEEDS:
            raise LimitExceededError(f"More than {MAX_NEEDS} values were asked for at once", "values")
        try:
            needs = read_needs(request.needs)
        except ValueError as error:
            raise SegueError(str(error)) from None
        if any(need.kind is ValueKind.CONTENT for need in needs):
            raise IllegalPathError("Contents of files are read with ReadFile")
        scope = ValueScope(job.flow, job.execution_id)
        return write_values(await self._ports.values.load(scope, needs))

    async def _logged(self, job: HeldJob, request: pb.FetchLogsRequest) -> str:
        """The id of the execution whose lines are asked for, once it is sure that the job may have them."""
        wanted = request.of_execution_id or job.execution_id
        flow: FlowKey | None = job.flow
        if wanted != job.execution_id:
            found = await self._ports.executions.get(job.flow.tenant, wanted)
            flow = None if found is None else found.flow
        if (
            flow is None
            or (request.namespace and request.namespace != flow.namespace)
            or (request.flow_id and request.flow_id != flow.flow_id)
        ):
            raise NotFoundError(f"There is no execution '{wanted[:100]}' of this namespace and flow")
        self._ports.values.access.check_namespace(job.flow, flow.namespace)
        return wanted

    async def _chunks(self, tenant: str, uri: str, offset: int) -> AsyncIterator[bytes]:
        size = self._config.chunk_bytes
        async for chunk in self._ports.storage.get(tenant, uri, offset):
            for start in range(0, len(chunk), size):
                yield chunk[start : start + size]

    async def _stored_outputs(self, request: pb.FetchOutputsRequest) -> str:
        for run in await self._ports.executions.task_runs(request.execution_id):
            if run.id == request.task_run_id and run.outputs and run.outputs.uri:
                return run.outputs.uri
        raise NotFoundError(f"The task run '{request.task_run_id[:100]}' has no outputs")


def kept_uri(job: HeldJob, cache: pb.CacheKey) -> str:
    """Where a task of the job keeps a file for its later runs. Raises ``SegueError``."""
    task_id = job.task_of(cache.task_run_id or job.task_run_id)
    if task_id is None:
        raise NotFoundError("The worker holds no job with this task run")
    return cache_uri(job.flow, task_id, cache.object_id, cache.name)


def held_job(session: Session, token: str) -> HeldJob:
    """The job with this token. Raises ``NotFoundError`` when the worker does not hold it."""
    job = session.worker.held.get(token)
    if job is None:
        raise NotFoundError("The worker holds no job with this token")
    return job
