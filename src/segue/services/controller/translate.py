"""What workers say, checked field by field and turned into the control plane's terms.

Workers are not trusted: whose execution, flow and tenant something belongs to is taken from what the
control plane knows of the job, and what does not fit is dropped or, for a result, made a failure.
"""

import hashlib
import math
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from segue.domain.execution.facts import InnerTaskReported, TaskFinished, TaskStarted
from segue.domain.execution.insights import (
    LINK_SCHEMES,
    MAX_CONTENT,
    MAX_PER_ATTEMPT,
    Insight,
    InsightKind,
    InsightState,
)
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.model import FlowKey
from segue.domain.execution.places import run_folder
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputReference
from segue.ports.repositories.jobs import InnerResult, Metric, Result
from segue.ports.repositories.journal import InlineOutputs
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.sessions import HeldJob

MAX_MESSAGE = 65_536
_MAX_TOKEN = 128
_MAX_TAGS = 32
_MAX_NAME = 256
_PAST = 366 * 86_400
_FUTURE = 300
"""Seconds that a worker's clock may be away from ours, to either side."""
_RUN_ID = re.compile(r"([A-Za-z0-9_-]{1,200})-\d{1,12}")
_TASK_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,255}")
_LEVELS = {level.value: level for level in LogLevel}
_ENDS = {
    state.value: state
    for state in (
        State.SUCCESS,
        State.WARNING,
        State.FAILED,
        State.KILLED,
        State.CANCELLED,
        State.SKIPPED,
    )
}
_INSIGHTS = {kind.value: kind for kind in InsightKind}
_STEPS = {state.value: state for state in InsightState}
_METRICS = frozenset({"counter", "timer", "gauge"})
_content: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_object: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


def is_run(run: pb.TaskRunKey) -> bool:
    """Whether the ids of a run are well formed and fit together."""
    found = _RUN_ID.fullmatch(run.task_run_id)
    return (
        found is not None
        and found[1] == run.execution_id
        and 0 < len(run.token) <= _MAX_TOKEN
        and run.attempt < 1_000_000
        and _TASK_ID.fullmatch(run.task_id) is not None
    )


def flow_of(key: pb.FlowKey) -> FlowKey:
    """The key of a flow as it was sent."""
    return FlowKey(key.tenant, key.namespace, key.flow_id, key.revision, key.settings)


def log_entry(line: pb.LogLine, flow: FlowKey, now: datetime) -> LogEntry | None:
    """A log line of a run that belongs to ``flow``; None when it is malformed."""
    run, level = line.run, _LEVELS.get(line.level)
    if level is None or len(line.id) > _MAX_NAME or not line.id.startswith(f"{run.task_run_id}:"):
        return None
    message = bounded_text(line.message)
    return LogEntry(
        id=line.id,
        tenant=flow.tenant,
        namespace=flow.namespace,
        flow_id=flow.flow_id,
        at=moment(line.at, now),
        level=level,
        message=message,
        execution_id=run.execution_id,
        task_id=run.task_id,
        task_run_id=run.task_run_id,
        attempt=max(run.attempt - 1, 0),
        thread=bounded_text(line.thread, _MAX_NAME) or None,
    )


def metric(message: pb.Metric, flow: FlowKey, now: datetime) -> Metric | None:
    """A metric of a run that belongs to ``flow``; None when it is malformed."""
    run = message.run
    fits = (
        message.type in _METRICS
        and 0 < len(message.name) <= _MAX_NAME
        and math.isfinite(message.value)
        and len(message.tags) <= _MAX_TAGS
    )
    if not fits:
        return None
    return Metric(
        execution_id=run.execution_id,
        task_run_id=run.task_run_id,
        task_id=run.task_id,
        namespace=flow.namespace,
        flow_id=flow.flow_id,
        tenant=flow.tenant,
        type=message.type,
        name=bounded_text(message.name),
        value=message.value,
        at=moment(message.at, now),
        tags={bounded_text(key, _MAX_NAME): bounded_text(value, _MAX_NAME) for key, value in message.tags.items()},
    )


def insight(message: pb.Insight, flow: FlowKey, now: datetime) -> Insight | None:
    """An insight of a run that belongs to ``flow``; None when it is malformed."""
    run, kind = message.run, _INSIGHTS.get(message.kind)
    content = _insight_content(message)
    if kind is None or content is None or message.number >= MAX_PER_ATTEMPT or not _is_shape(kind, content):
        return None
    at = moment(message.at, now)
    return Insight(
        tenant=flow.tenant,
        namespace=flow.namespace,
        flow_id=flow.flow_id,
        execution_id=run.execution_id,
        task_id=run.task_id,
        task_run_id=run.task_run_id,
        attempt=max(run.attempt - 1, 0),
        number=message.number,
        revision=message.revision,
        kind=kind,
        name=bounded_text(message.name, _MAX_NAME),
        at=at,
        parent=message.parent if message.HasField("parent") and message.parent < message.number else None,
        state=_STEPS.get(message.state) if kind is InsightKind.STEP else None,
        ended_at=max(moment(message.ended_at, now), at) if message.HasField("ended_at") else None,
        content=content,
    )


def _is_shape(kind: InsightKind, content: dict[str, Any]) -> bool:
    """Whether the content is what clients expect of its kind."""
    if kind is InsightKind.LINK:
        url = content.get("url")
        return isinstance(url, str) and url.startswith(LINK_SCHEMES)
    if kind is InsightKind.TEXT:
        return isinstance(content.get("markdown"), str)
    if kind is InsightKind.TABLE:
        rows = content.get("rows")
        return (
            isinstance(content.get("columns"), list)
            and isinstance(rows, list)
            and all(isinstance(row, list) for row in rows)
        )
    return True


def _insight_content(message: pb.Insight) -> dict[str, Any] | None:
    if len(message.content) > MAX_CONTENT:
        return None
    try:
        return _content.decode(message.content or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def started(message: pb.Started, worker_id: str, now: datetime) -> tuple[str, str, TaskStarted]:
    """The beginning of an attempt."""
    run = message.run
    fact = TaskStarted(run.task_run_id, run.attempt, worker_id, moment(message.at, now))
    return run.execution_id, run.token, fact


class OutputsRefused(Exception):  # noqa: N818 - handled here: the result becomes a failure with this reason
    """Outputs that cannot be taken."""


def result(message: pb.Result, held: HeldJob | None, worker_id: str, *, inline_limit: int, now: datetime) -> Result:
    """The end of an attempt. One that cannot be taken as it is becomes a failure that says why."""
    run, state = message.run, _ENDS.get(message.state)
    ended_at = moment(message.ended_at, now)
    text = bounded_text(message.message) or None
    reference, inline = None, None
    if state is None:
        state, text = State.FAILED, "The worker reported a state that no attempt can end in"
    else:
        try:
            reference, inline = _outputs(message, held, inline_limit)
        except OutputsRefused as error:
            state, text = State.FAILED, str(error)
    fact = TaskFinished(
        task_run_id=run.task_run_id,
        attempt=run.attempt,
        worker_id=worker_id,
        state=state,
        started_at=min(moment(message.started_at, ended_at), ended_at),
        ended_at=ended_at,
        outputs=reference,
        message=text,
        log_file=_log_file(message.log_file, held, run),
    )
    return Result(run.execution_id, run.token, fact, inline)


def inner(message: pb.InnerReport, held: HeldJob, worker_id: str, *, inline_limit: int, now: datetime) -> InnerResult:
    """The beginning or the end of an attempt inside a WorkingDirectory; one that cannot be taken is a failure."""
    run, state = message.run, _ENDS.get(message.state)
    started_at = moment(message.started_at, now)
    text = bounded_text(message.message) or None
    reference, inline = None, None
    if message.state == State.RUNNING:
        state = State.RUNNING
    elif state is None:
        state, text = State.FAILED, "The worker reported a state that no attempt can end in"
    else:
        try:
            reference, inline = _outputs(message, held, inline_limit)
        except OutputsRefused as error:
            state, text = State.FAILED, str(error)
    fact = InnerTaskReported(
        block_id=held.task_run_id,
        task_run_id=run.task_run_id,
        attempt=run.attempt,
        worker_id=worker_id,
        state=state,
        started_at=started_at,
        ended_at=None if state is State.RUNNING else max(moment(message.ended_at, now), started_at),
        is_retried=message.is_retried and state is State.FAILED,
        outputs=reference,
        message=text,
        log_file=_log_file(message.log_file, held, run),
    )
    return InnerResult(run.token, fact, inline)


def failure(failed: Result, reason: str) -> Result:
    """The same end as a failure without outputs: when a result cannot be stored as it is."""
    fact = msgspec.structs.replace(failed.fact, state=State.FAILED, outputs=None, message=reason)
    return Result(failed.execution_id, failed.token, fact)


def unreadable(message: pb.Result, worker_id: str, now: datetime) -> Result:
    """The end of an attempt whose report could not be made sense of, as a failure."""
    run = message.run
    fact = TaskFinished(
        task_run_id=run.task_run_id,
        attempt=run.attempt,
        worker_id=worker_id,
        state=State.FAILED,
        started_at=now,
        ended_at=now,
        message="The result of the task could not be read",
    )
    return Result(run.execution_id, run.token, fact)


def _outputs(
    message: pb.Result | pb.InnerReport, held: HeldJob | None, inline_limit: int
) -> tuple[OutputReference | None, InlineOutputs | None]:
    run = message.run
    if message.HasField("outputs"):
        payload = message.outputs
        if len(payload) > inline_limit:
            raise OutputsRefused(f"The outputs are larger than {inline_limit} bytes and were not stored first")
        _check_object(payload)
        digest = hashlib.sha256(payload).hexdigest()
        inline = InlineOutputs(run.task_run_id, run.execution_id, payload, digest)
        return OutputReference(len(payload), digest), inline
    if message.HasField("stored_outputs"):
        return _stored(message.stored_outputs, held, run), None
    return None, None


def _check_object(payload: bytes) -> None:
    try:
        _object.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise OutputsRefused("The outputs are no JSON object") from None


def _stored(stored: pb.StoredOutputs, held: HeldJob | None, run: pb.TaskRunKey) -> OutputReference:
    if held is None:
        raise OutputsRefused("The outputs belong to a job that the worker does not hold")
    written = held.files.get(stored.uri)
    if written is not None:
        return OutputReference(written.size, written.digest, written.uri)
    if not _is_own(stored.uri, held, run):
        raise OutputsRefused("The outputs were stored outside of the folder of the task run")
    return OutputReference(stored.size, stored.digest[:64], stored.uri)


def _log_file(uri: str, held: HeldJob | None, run: pb.TaskRunKey) -> str | None:
    return uri if uri and held is not None and _is_own(uri, held, run) else None


def _is_own(uri: str, held: HeldJob, run: pb.TaskRunKey) -> bool:
    """Whether a file lies directly in the folder of the task run."""
    folder = run_folder(held.flow, held.execution_id, held.task_of(run.task_run_id) or "", run.task_run_id)
    return uri.startswith(folder) and "/" not in uri[len(folder) :]


def bounded_text(text: str, limit: int = MAX_MESSAGE) -> str:
    """A text no longer than ``limit``, without NUL characters: not every database can hold them."""
    return (text if len(text) <= limit else text[:limit]).replace("\0", "")


def moment(at: Any, default: datetime) -> datetime:
    """A time as sent, ``default`` when it is missing or far from now."""
    if not at.seconds:
        return default
    now = default.timestamp()
    if not now - _PAST <= at.seconds <= now + _FUTURE or not 0 <= at.nanos < 1_000_000_000:
        return default
    return datetime.fromtimestamp(at.seconds, UTC).replace(microsecond=at.nanos // 1000)
