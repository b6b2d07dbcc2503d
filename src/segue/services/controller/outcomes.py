"""What workers say of triggers, checked and turned into outcomes (flow language 12.8)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from segue.domain.execution.jobs import Job
from segue.domain.execution.logs import LogEntry
from segue.domain.execution.state import State
from segue.domain.trigger.evaluation import MAX_EVENTS, MAX_EVENTS_BYTES, MAX_MEMORY_BYTES, Outcome, OutcomeKind
from segue.domain.trigger.state import TriggerKey
from segue.ports.repositories.jobs import HeldOutcome
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.translate import bounded_text, moment

RunId = tuple[str, str, str, str]


class _Found(msgspec.Struct):
    events: list[dict[str, Any]] = []
    memory: dict[str, Any] | None = None


_found = msgspec.json.Decoder(_Found)
_variables = msgspec.json.Decoder(dict[str, Any])
_UNREADABLE = "What the trigger gave cannot be used: it is no JSON object, or too much at once"


def of_trigger(entry: LogEntry) -> LogEntry:
    """A line that an evaluation has logged, as one of its trigger: there is no execution yet."""
    return msgspec.structs.replace(
        entry, trigger_id=entry.task_id, execution_id=None, task_id=None, task_run_id=None, attempt=None
    )


def of_result(message: pb.Result, key: TriggerKey, now: datetime) -> HeldOutcome:
    """The end of an evaluation. One that cannot be taken as it is becomes a failure that says why."""
    kind = OutcomeKind.ENDED if message.state == State.SUCCESS else OutcomeKind.FAILED
    said, found = bounded_text(message.message) or None, _Found()
    if kind is OutcomeKind.ENDED and message.outputs:
        try:
            if len(message.outputs) > MAX_EVENTS_BYTES + MAX_MEMORY_BYTES:
                raise msgspec.DecodeError
            found = _found.decode(message.outputs)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            kind, said = OutcomeKind.FAILED, _UNREADABLE
    if len(found.events) > MAX_EVENTS:
        kind, said, found = OutcomeKind.FAILED, _UNREADABLE, _Found()
    told = _held(message.run, key, "end", kind, moment(message.ended_at, now), said, found.events)
    if found.memory is None:
        return told
    return HeldOutcome(told.job_id, told.token, msgspec.structs.replace(told.outcome, memory=found.memory))


def of_events(messages: Iterable[pb.Event], keys: Mapping[RunId, TriggerKey], now: datetime) -> Iterator[HeldOutcome]:
    """What streams gave, each event with an id of its own; those that are no objects are left out."""
    for message in messages:
        run = message.run
        key = keys[run.token, run.execution_id, run.task_run_id, run.task_id]
        try:
            if len(message.variables) > MAX_EVENTS_BYTES:
                continue
            variables = _variables.decode(message.variables)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            continue
        at = moment(message.at, now)
        yield _held(run, key, str(message.number), OutcomeKind.EVENTS, at, None, [variables], message.number)


def unreadable(message: pb.Result, key: TriggerKey, now: datetime) -> HeldOutcome:
    """The end of an evaluation whose report could not be made sense of, as a failure."""
    return _held(message.run, key, "end", OutcomeKind.FAILED, now, _UNREADABLE, [])


def refused(job: Job, reason: str, now: datetime) -> Outcome:
    """The end of an evaluation that could not even be sent."""
    key = TriggerKey(job.flow.tenant, job.flow.namespace, job.flow.flow_id, job.task_id)
    return _outcome(job.execution_id, key, "end", OutcomeKind.FAILED, now, reason, [])


def failure(told: HeldOutcome, reason: str) -> HeldOutcome:
    """The same outcome as a failure: when it cannot be stored as it is."""
    failed = msgspec.structs.replace(told.outcome, kind=OutcomeKind.FAILED, events=(), message=reason)
    return HeldOutcome(told.job_id, told.token, failed)


def _held(
    run: pb.TaskRunKey,
    key: TriggerKey,
    name: str,
    kind: OutcomeKind,
    at: datetime,
    said: str | None,
    events: list[dict[str, Any]],
    first: int = 0,
) -> HeldOutcome:
    return HeldOutcome(run.task_run_id, run.token, _outcome(run.execution_id, key, name, kind, at, said, events, first))


def _outcome(
    evaluation: str,
    key: TriggerKey,
    name: str,
    kind: OutcomeKind,
    at: datetime,
    said: str | None,
    events: list[dict[str, Any]],
    first: int = 0,
) -> Outcome:
    return Outcome(
        id=f"{evaluation}/{name}",
        key=key,
        evaluation_id=evaluation,
        kind=kind,
        at=at,
        events=tuple(events),
        first=first,
        message=said,
    )
