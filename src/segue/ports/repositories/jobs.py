"""The controller's side of the database: jobs, leases and results (design D5)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from segue.domain.execution.facts import InnerTaskReported, TaskFinished, TaskStarted
from segue.domain.execution.insights import Insight
from segue.domain.execution.jobs import Job
from segue.domain.execution.logs import LogEntry
from segue.domain.trigger.evaluation import Outcome
from segue.ports.repositories.journal import InlineOutputs


class WorkerLease(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's right to hold jobs, renewed for all of them by one row."""

    worker_id: str
    name: str
    worker_queues: tuple[str, ...]
    slots: int
    expires_at: datetime


class ClaimedJob(msgspec.Struct, frozen=True):
    """A job in a worker's hands; ``token`` must come back with its result."""

    job: Job
    token: str


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A figure a task measured (REST API 6.6); a timer's value is in milliseconds."""

    execution_id: str
    task_run_id: str
    task_id: str
    namespace: str
    flow_id: str
    tenant: str
    type: str
    name: str
    value: float
    at: datetime
    tags: dict[str, str] = {}


class Result(msgspec.Struct, frozen=True):
    """The end of an attempt as its worker tells it."""

    execution_id: str
    token: str
    fact: TaskFinished
    outputs: InlineOutputs | None = None


class InnerResult(msgspec.Struct, frozen=True):
    """What a worker tells of a task inside the WorkingDirectory whose job has this token."""

    token: str
    fact: InnerTaskReported
    outputs: InlineOutputs | None = None


class HeldOutcome(msgspec.Struct, frozen=True):
    """What a worker says of the evaluation whose job has this id and token. All but ``EVENTS`` end the job."""

    job_id: str
    token: str
    outcome: Outcome


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of what workers say, written in one transaction."""

    logs: Sequence[LogEntry] = ()
    metrics: Sequence[Metric] = ()
    started: Sequence[tuple[str, str, TaskStarted]] = ()
    """``(execution id, token, fact)``; dropped when the token is not the job's."""
    results: Sequence[Result] = ()
    inner: Sequence[InnerResult] = ()
    """Come before the results; dropped when the token is not the job's, or the job has no such task inside."""
    insights: Sequence[Insight] = ()
    """Kept whatever the token; of two with one id the one with the higher revision."""
    outcomes: Sequence[HeldOutcome] = ()
    """Of evaluations of triggers; dropped when the token is not the job's. Kept until a scheduler settles them."""


class JobRepository(Protocol):
    """Jobs and the workers that hold them."""

    async def claim(self, worker_id: str, queues: Sequence[str], limit: int, now: datetime) -> list[ClaimedJob]:
        """Give up to ``limit`` ready jobs of these worker queues to the worker, highest priority and
        then oldest first, each with a new token. No job is given to two (``SKIP LOCKED``)."""
        ...

    async def accept(self, report: Report) -> list[str]:
        """Store a report in one transaction and return the ids of the executions to wake up.

        A result whose token is not the one of its job is dropped, outputs and all; a right one removes
        the job and becomes a ``TaskFinished`` fact. Log lines are kept whatever the token, each id once.
        Storing the same report again changes nothing.
        """
        ...

    async def renew(self, leases: Sequence[WorkerLease]) -> None:
        """Insert or prolong leases."""
        ...

    async def release(self, worker_id: str, held: Sequence[str], now: datetime) -> list[str]:
        """Make every job of the worker ready again that it does not hold (``held``: tokens): it was
        claimed but never reached the worker. The worker queues that now have ready jobs."""
        ...

    async def expire(self, now: datetime) -> list[str]:
        """Remove leases that ran out and their jobs, leaving a ``JobLost`` fact for each job and the outcome ``LOST``
        for each evaluation of a trigger, in one transaction; the ids of executions to wake up."""
        ...

    async def end(self, worker_id: str, now: datetime) -> list[str]:
        """As if the lease of this worker had just run out: it said good-bye."""
        ...

    async def held_by(self, worker_id: str) -> list[str]:
        """Task run ids of the jobs the worker holds: what is not among them any more was killed."""
        ...

    async def claimed_by(self, worker_id: str) -> list[ClaimedJob]:
        """The jobs the worker holds, with their tokens."""
        ...

    async def ready(self) -> list[str]:
        """Worker queues that have ready jobs."""
        ...

    async def workers(self) -> list[WorkerLease]:
        """All leases, in order of their ids."""
        ...
