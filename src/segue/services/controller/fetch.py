"""What workers read and write through the controller: flows, outputs, files of internal storage."""

from collections.abc import AsyncIterable, AsyncIterator

from segue.domain.errors import IllegalPathError, LimitExceededError, NotFoundError
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.places import owner_of, run_folder
from segue.domain.ids import check_path_segment, slugify
from segue.ports.storage import StoredFile
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.sessions import HeldJob, Session
from segue.services.controller.translate import flow_of


class Fetch:
    """The look-ups of one controller. A worker reaches what the jobs it holds may reach, and no more."""

    def __init__(self, ports: ControllerPorts, config: ControllerConfig) -> None:
        self._ports = ports
        self._config = config

    async def flow(self, session: Session, key: pb.FlowKey) -> str:
        """The source of a revision the worker was given a job of. Raises ``NotFoundError``."""
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
        return self._ports.prepare_flow(found.source)

    async def outputs(self, session: Session, request: pb.FetchOutputsRequest) -> AsyncIterator[bytes]:
        """The outputs of a task run of the same execution, or of one related to it, as JSON in chunks."""
        job = _held(session, request.token)
        await self._check_related(job, request.execution_id)
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
        job = _held(session, request.token)
        if request.tenant not in {"", job.flow.tenant}:
            raise IllegalPathError("The file is of another tenant")
        owner = owner_of(request.uri)
        if owner.execution_id is None:
            if owner.namespace != job.flow.namespace:
                raise IllegalPathError("The file is of another namespace")
        else:
            related = await self._check_related(job, owner.execution_id)
            if related != (owner.namespace, owner.flow_slug):
                raise IllegalPathError("The file does not lie where its execution's files do")
        async for chunk in self._chunks(job.flow.tenant, request.uri, request.offset):
            yield chunk

    async def write(self, session: Session, target: pb.WriteTarget, content: AsyncIterable[bytes]) -> StoredFile:
        """Write a file into the folder of a task run that the worker holds.

        Raises ``LimitExceededError`` when it grows larger than allowed; then nothing is kept.
        """
        job = _held(session, target.run.token)
        folder = run_folder(job.flow, job.execution_id, job.task_id or target.run.task_id, job.task_run_id)
        uri = folder + check_path_segment(target.name)
        stored = await self._ports.storage.put(job.flow.tenant, uri, self._limited(content))
        job.files[stored.uri] = stored
        return stored

    async def _limited(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        size, limit = 0, self._config.max_file_bytes
        async for chunk in content:
            size += len(chunk)
            if size > limit:
                raise LimitExceededError(f"The file is larger than {limit} bytes", "max_file_bytes")
            yield chunk

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

    async def _check_related(self, job: HeldJob, execution_id: str) -> tuple[str, str]:
        """Namespace and flow slug of an execution. Raises ``IllegalPathError`` unless it is the job's own
        or one of the same chain (parents, children: they share the correlation id)."""
        if execution_id == job.execution_id:
            return _place(job.flow)
        found = await self._ports.executions.get_many([job.execution_id, execution_id])
        own, other = found.get(job.execution_id), found.get(execution_id)
        if own is None or other is None or not _are_related(own, other):
            raise IllegalPathError(f"The execution '{execution_id[:100]}' is not related to the task's own")
        return _place(other.flow)


def _held(session: Session, token: str) -> HeldJob:
    job = session.worker.held.get(token)
    if job is None:
        raise NotFoundError("The worker holds no job with this token")
    return job


def _are_related(one: Execution, other: Execution) -> bool:
    return one.flow.tenant == other.flow.tenant and one.correlation_id == other.correlation_id


def _place(flow: FlowKey) -> tuple[str, str]:
    return flow.namespace, slugify(flow.flow_id)
