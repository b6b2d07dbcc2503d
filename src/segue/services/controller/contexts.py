"""From claimed jobs to what travels to the worker: context and outputs (expression language 10)."""

from collections.abc import Iterable, Mapping

import msgspec

from segue.domain.execution.context import execution_roots
from segue.domain.execution.jobs import Job
from segue.domain.execution.model import Execution
from segue.domain.trigger.state import TriggerKind
from segue.proto.generated import worker_pb2 as pb

_encode = msgspec.json.Encoder().encode


def common_context(execution: Execution) -> bytes:
    """The JSON object of the roots all jobs of an execution share; ``vars`` has what differs from the flow's."""
    roots = execution_roots(execution)
    if execution.variables is not None:
        roots["vars"] = execution.variables
    return _encode(roots)


def joined(common: bytes, own: bytes) -> bytes:
    """Two JSON objects as one; on equal keys the second wins in every reader."""
    if own == b"{}":
        return common
    if common == b"{}":
        return own
    return common if len(own) < 2 else common[:-1] + b"," + own[1:]


def fill_job(message: pb.Job, job: Job, token: str, context: bytes) -> None:
    """Write a job into its message, without outputs."""
    message.task_run_id = job.task_run_id
    message.attempt = job.attempt
    message.token = token
    message.execution_id = job.execution_id
    flow = message.flow
    flow.tenant, flow.namespace = job.flow.tenant, job.flow.namespace
    flow.flow_id, flow.revision, flow.settings = job.flow.flow_id, job.flow.revision, job.flow.settings
    message.task_id = job.task_id
    message.context = context
    message.values.extend(job.values)
    if job.trigger_uid is not None:
        message.trigger = (TriggerKind.REALTIME if job.is_stream else TriggerKind.POLLING).value
        message.memory = b"" if job.memory is None else _encode(job.memory)
    for item in job.inner:
        message.inner.add(task_id=item.task_id, task_run_id=item.task_run_id)


def fill_outputs(message: pb.Job, job: Job, inline: Mapping[str, bytes], room: int) -> None:
    """Write the outputs the job names: with their content as long as they fit into ``room`` bytes."""
    for need in job.outputs:
        entry = message.outputs.add(
            task_run_id=need.task_run_id, task_id=need.task_id, values=need.values, size=need.reference.size
        )
        content = inline.get(need.task_run_id)
        if content is not None and len(content) <= room:
            entry.inline = content
            room -= len(content)


def inline_owners(jobs: Iterable[Job], limit: int) -> list[str]:
    """Owners of the outputs that lie in the database and are small enough to travel with a job."""
    return list(
        {
            need.task_run_id: None
            for job in jobs
            for need in job.outputs
            if need.reference.uri is None and need.reference.size <= limit
        }
    )
