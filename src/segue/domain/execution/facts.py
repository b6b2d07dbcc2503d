"""What can happen to an execution. Each fact is one row of its inbox (design D1)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from segue.domain.execution.requests import Request
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputReference


class Created(msgspec.Struct, frozen=True, tag="created"):
    """The execution row was written; it may start."""


class TaskStarted(msgspec.Struct, frozen=True, tag="started"):
    """A worker has begun an attempt. Left out by workers for tasks that end at once."""

    task_run_id: str
    attempt: int
    worker_id: str
    at: datetime


class TaskFinished(msgspec.Struct, frozen=True, tag="finished"):
    """An attempt ended with a result that was accepted (its token was the right one)."""

    task_run_id: str
    attempt: int
    worker_id: str
    state: State
    started_at: datetime
    ended_at: datetime
    outputs: OutputReference | None = None
    message: str | None = None
    """The error's text, when there is one."""
    log_file: str | None = None
    """Where the log of the attempt lies, when it is kept in a file (flow language 6)."""


class InnerTaskReported(msgspec.Struct, frozen=True, tag="inner", kw_only=True, omit_defaults=True):
    """A worker has begun or ended an attempt of a task inside the WorkingDirectory that it runs (7.15).

    ``state`` is RUNNING, or the end of the attempt; SKIPPED without an attempt when its ``when`` does not hold.
    ``is_retried``: the worker will try it again.
    """

    block_id: str
    task_run_id: str
    attempt: int
    worker_id: str
    state: State
    started_at: datetime
    ended_at: datetime | None = None
    is_retried: bool = False
    outputs: OutputReference | None = None
    message: str | None = None
    log_file: str | None = None


class JobLost(msgspec.Struct, frozen=True, tag="lost"):
    """The worker that held the attempt is gone; the attempt had begun unless ``started_at`` is None."""

    task_run_id: str
    attempt: int
    worker_id: str
    started_at: datetime | None
    lost_at: datetime


class TimerDue(msgspec.Struct, frozen=True, tag="timer"):
    """A timer of the execution has come due."""

    timer_id: str


class KillRequested(msgspec.Struct, frozen=True, tag="kill"):
    """Somebody wants the execution to end now."""

    requested_at: datetime
    cascade: bool = True
    by: str | None = None


class SlotGranted(msgspec.Struct, frozen=True, tag="slot"):
    """A slot has become free for a queued execution (flow language 2.7)."""


class ChildChanged(msgspec.Struct, frozen=True, tag="child"):
    """An execution that this one waits for has changed its state, or has ended for good.

    ``task_run_id`` is the task run that waits, ``index`` its number for this execution; ``outputs`` are the flow
    outputs, whose owner is ``child_id``. ``previous`` is the state it was told before. ``successor_id`` is the
    execution that goes on in place of a RETRIED one. What the caller asked to be evaluated at the end
    (``Execution.asked_outputs``) has ``asked_owner`` as its owner, or could not be evaluated for ``error``.
    """

    child_id: str
    task_run_id: str
    state: State
    at: datetime
    is_finished: bool
    outputs: OutputReference | None = None
    index: int | None = None
    previous: State | None = None
    successor_id: str | None = None
    asked_owner: str | None = None
    error: str | None = None


class Continued(msgspec.Struct, frozen=True, tag="continued"):
    """A step left something for the next one, so that none grows too large. An execution tells it itself."""


class Verdict(StrEnum):
    """The answer to an Approval (flow language 7.14); EXPIRED is given by nobody."""

    APPROVED = "APPROVED"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"


class Reviewed(msgspec.Struct, frozen=True, tag="reviewed"):
    """Somebody has answered an Approval; ``inputs`` are resolved and typed."""

    reviewed_at: datetime
    task_run_id: str
    verdict: Verdict
    inputs: dict[str, Any] = {}
    comment: str | None = None
    by: str | None = None


Fact = (
    Created
    | Continued
    | TaskStarted
    | TaskFinished
    | InnerTaskReported
    | JobLost
    | TimerDue
    | KillRequested
    | ChildChanged
    | SlotGranted
    | Request
    | Reviewed
)


class OutgoingFact(msgspec.Struct, frozen=True):
    """A fact on its way to another execution. While one with ``key`` lies unread in that inbox, it is dropped."""

    execution_id: str
    fact: Fact
    key: str | None = None


class InboxFact(msgspec.Struct, frozen=True):
    """A fact as read from the inbox; ``seq`` orders the facts of one execution."""

    seq: int
    execution_id: str
    fact: Fact


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)


def encode_fact(fact: Fact) -> bytes:
    """A fact as JSON."""
    return _encoder.encode(fact)


def decode_fact(payload: bytes) -> Fact:
    """The fact in ``payload``. Raises ``msgspec.ValidationError`` when it holds none."""
    return _decoder.decode(payload)
