"""Who is connected, which jobs each holds, and the stream on which it is told things."""

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from segue.domain.execution.jobs import POLLING_SUFFIX, REALTIME_SUFFIX, Job
from segue.domain.execution.model import FlowKey
from segue.domain.execution.task_run import OutputReference
from segue.domain.trigger.state import TriggerKey
from segue.ports.repositories.jobs import WorkerLease
from segue.ports.repositories.namespace_files import NamespaceFile
from segue.ports.storage import StoredFile
from segue.proto.generated import worker_pb2 as pb

TRIGGERS = "triggers"
"""The feature of workers that evaluate triggers."""
_REMEMBERED_FLOWS = 10_000
_REMEMBERED_JOBS = 10_000
LATE_SECONDS = 900.0
"""How long after the end of a job its worker may send what it still has to say: log lines, metrics."""


@dataclass(slots=True)
class HeldJob:
    """A job in a worker's hands."""

    token: str
    task_run_id: str
    execution_id: str
    flow: FlowKey
    task_id: str | None
    attempt: int | None
    since: float
    inner: dict[str, str] = field(default_factory=dict)
    """The tasks inside a WorkingDirectory: task run id to task id."""
    remote: dict[str, OutputReference] = field(default_factory=dict)
    """Outputs of other task runs that were not sent along, by task run id."""
    files: dict[str, StoredFile] = field(default_factory=dict)
    """Files the job has written, by URI."""
    written: dict[str, NamespaceFile] = field(default_factory=dict)
    """Namespace files the job has written, by the id of the write."""
    trigger: TriggerKey | None = None
    """Of an evaluation."""

    def task_of(self, task_run_id: str) -> str | None:
        """The id of the task whose run this is, None when the job has nothing to do with it."""
        return self.task_id if task_run_id == self.task_run_id else self.inner.get(task_run_id)


class Stream:
    """The downward side of one Work call: messages in, one reader out."""

    def __init__(self) -> None:
        self._messages: deque[pb.WorkResponse] = deque()
        self._news = asyncio.Event()
        self.is_closed = False

    def send(self, message: pb.WorkResponse) -> None:
        """Put a message on the way; dropped when the stream is closed."""
        if not self.is_closed:
            self._messages.append(message)
            self._news.set()

    def close(self) -> None:
        """End the call once everything sent so far is through."""
        self.is_closed = True
        self._news.set()

    async def next(self) -> pb.WorkResponse | None:
        """The next message; None when the stream was closed and is empty."""
        while not self._messages:
            if self.is_closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()


class Worker:
    """A worker over all of its connections."""

    def __init__(self, worker_id: str) -> None:
        self.id = worker_id
        self.held: dict[str, HeldJob] = {}
        self._tokens: dict[str, str] = {}
        self._flows: OrderedDict[FlowKey, None] = OrderedDict()
        self._ended: OrderedDict[str, tuple[HeldJob, float]] = OrderedDict()

    def known(self, token: str, now: float) -> HeldJob | None:
        """The job with this token when the worker holds it or has held it until a short while ago."""
        job = self.held.get(token)
        if job is None and token in self._ended:
            ended, at = self._ended[token]
            job = ended if now - at <= LATE_SECONDS else None
        return job

    def remember(self, jobs: Iterable[HeldJob], now: float) -> None:
        """Note jobs that the worker has held: what it still says of them is believed for a while."""
        for job in jobs:
            self._ended[job.token] = job, now
        while len(self._ended) > _REMEMBERED_JOBS:
            self._ended.popitem(last=False)

    def hold(self, jobs: Iterable[HeldJob]) -> None:
        """Note jobs that were handed to the worker."""
        for job in jobs:
            self.held[job.token] = job
            self._tokens[job.task_run_id] = job.token
            self._flows[job.flow] = None
        while len(self._flows) > _REMEMBERED_FLOWS:
            self._flows.popitem(last=False)

    def drop(self, tokens: Iterable[str]) -> None:
        """Note jobs that are not the worker's any more."""
        for token in tokens:
            job = self.held.pop(token, None)
            if job is None:
                continue
            self.remember([job], asyncio.get_running_loop().time())
            if self._tokens.get(job.task_run_id) == token:
                del self._tokens[job.task_run_id]

    def token_of(self, task_run_id: str) -> str | None:
        """The token under which the worker holds a task run, None if it does not."""
        return self._tokens.get(task_run_id)

    def knows(self, flow: FlowKey) -> bool:
        """Whether the worker was given a job of this revision."""
        return flow in self._flows


class Session:
    """One connection of a worker, from Connect to the end of its stream."""

    def __init__(self, worker: Worker, request: pb.ConnectRequest, heard_at: float) -> None:
        self.id = secrets.token_urlsafe(24)
        self.worker = worker
        self.name = request.name
        self.worker_queues = tuple(request.worker_queues)
        evaluates = TRIGGERS in request.features
        polls = [name + POLLING_SUFFIX for name in self.worker_queues] if evaluates else []
        self.queues = (*self.worker_queues, *polls)
        """Where its slots are filled from."""
        self.stream_queues = tuple(name + REALTIME_SUFFIX for name in self.worker_queues) if evaluates else ()
        self.slots = request.slots
        self.credits = 0
        self.streams = 0
        """Realtime triggers that it has room for."""
        self.may_have_streams = True
        self.heard_at = heard_at
        self.stream: Stream | None = None
        self.is_leaving = False
        self.is_over = False
        self.is_unsure = False
        """Whether a claim broke off, so that jobs may be claimed that are not known here."""
        self.is_resumed = asyncio.Event()
        """Set once it is known what the worker holds, and at the end of the session."""
        self.looked_at = heard_at
        self.strays: set[str] = set()
        """Task runs whose jobs were claimed for the worker and unknown here at the last look."""
        self._news = 0
        self._dry_at = -1

    @property
    def wants_jobs(self) -> bool:
        """Whether it can take jobs and there may be some."""
        return self._is_open and self.credits > 0 and self._dry_at != self._news

    @property
    def wants_streams(self) -> bool:
        """Whether it can take realtime triggers and there may be some."""
        return self._is_open and self.streams > 0 and self.may_have_streams

    @property
    def _is_open(self) -> bool:
        return self.stream is not None and not self.stream.is_closed and not self.is_leaving

    @property
    def news(self) -> int:
        """Counts the news of ready jobs; hand it back to ``found_none``."""
        return self._news

    def tell(self) -> None:
        """There may be jobs for it."""
        self._news += 1

    def found_none(self, news: int) -> None:
        """A claim begun after ``news`` got all there was: ask again only when there is news."""
        self._dry_at = news

    def open(self) -> Stream:
        """Begin a stream; an earlier one ends. That of a session that is over is closed from the beginning."""
        if self.stream is not None:
            self.stream.close()
        self.stream = Stream()
        if self.is_over:
            self.stream.close()
        self.credits = self.streams = 0
        self.may_have_streams = True
        self._dry_at = -1
        return self.stream

    def close(self, stream: Stream) -> None:
        """End a stream."""
        stream.close()
        if self.stream is stream:
            self.stream = None
            self.credits = self.streams = 0

    def lease(self, now: datetime, seconds: float) -> WorkerLease:
        """The lease to write for it."""
        return WorkerLease(
            worker_id=self.worker.id,
            name=self.name,
            worker_queues=self.worker_queues,
            slots=self.slots,
            expires_at=now + timedelta(seconds=seconds),
        )


class Sessions:
    """All sessions of one controller."""

    def __init__(self) -> None:
        self._by_id: dict[str, Session] = {}
        self._by_worker: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def begin(self, request: pb.ConnectRequest, heard_at: float) -> Session:
        """Begin a session; an earlier one of the same worker ends, its jobs pass over."""
        earlier = self._by_worker.get(request.worker_id)
        worker = earlier.worker if earlier else Worker(request.worker_id)
        if earlier is not None:
            self.end(earlier)
        session = Session(worker, request, heard_at)
        self._by_id[session.id] = session
        self._by_worker[worker.id] = session
        return session

    def end(self, session: Session) -> None:
        """Forget a session."""
        session.is_over = True
        session.is_resumed.set()
        if session.stream is not None:
            session.stream.close()
        self._by_id.pop(session.id, None)
        if self._by_worker.get(session.worker.id) is session:
            del self._by_worker[session.worker.id]

    def find(self, session_id: str) -> Session | None:
        """The session of this id."""
        return self._by_id.get(session_id)

    def end_silent(self, since: float) -> None:
        """End sessions not heard of after ``since``: no job may go to a worker whose lease ran out."""
        for session in self:
            if session.heard_at < since:
                self.end(session)


def held_job(job: Job, token: str, since: float) -> HeldJob:
    """What is remembered of a job that is handed out."""
    remote = {need.task_run_id: need.reference for need in job.outputs}
    inner = {item.task_run_id: item.task_id for item in job.inner}
    held = HeldJob(token, job.task_run_id, job.execution_id, job.flow, job.task_id, job.attempt, since, inner, remote)
    if job.trigger_uid is not None:
        held.trigger = TriggerKey(job.flow.tenant, job.flow.namespace, job.flow.flow_id, job.task_id)
    return held
