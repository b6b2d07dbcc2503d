"""Hands ready jobs to workers that have room: claimed in batches, read in bulk, sent in frames."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from segue.domain.errors import UnavailableError
from segue.ports.queue import Channel
from segue.ports.repositories.jobs import ClaimedJob
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.contexts import (
    common_context,
    fill_job,
    fill_outputs,
    inline_owners,
    joined,
)
from segue.services.controller.sessions import Session, Sessions, Stream, held_job

logger = logging.getLogger(__name__)
Read = TypeVar("Read")
_PAUSE = 0.2

Refuse = Callable[[Session, ClaimedJob, str], Awaitable[None]]
"""Fail a job that cannot be sent, with the reason."""


class Handout(NamedTuple):
    """Jobs claimed for one session, to be sent on the stream that was open when they were claimed."""

    session: Session
    stream: Stream
    jobs: list[ClaimedJob]


class Dispatcher:
    """One per controller. ``lock`` is held while jobs are between the database and a stream."""

    def __init__(self, ports: ControllerPorts, config: ControllerConfig, sessions: Sessions, refuse: Refuse) -> None:
        self.lock = asyncio.Lock()
        self._ports = ports
        self._config = config
        self._sessions = sessions
        self._refuse = refuse
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Look for jobs soon: a session got credits."""
        self._news.set()

    async def listen(self) -> None:
        """A duty: hear of ready jobs."""
        async with self._ports.queue.listen(Channel.JOBS) as news:
            async for queues in news:
                self._tell(queues)

    async def look_regularly(self) -> None:
        """A duty: look for jobs that no news came of."""
        while True:
            await asyncio.sleep(self._config.fallback)
            self._tell(())

    async def run(self) -> None:
        """A duty: hand out jobs whenever there is a reason to look."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                async with self.lock:
                    await self._hand_out()
            except UnavailableError as error:
                logger.warning("jobs cannot be claimed: %s", error)
                await asyncio.sleep(_PAUSE)
                self._news.set()

    async def _hand_out(self) -> None:
        """Claim and deliver. What was claimed is delivered too when a later claim fails."""
        handouts: list[Handout] = []
        try:
            async for handout in self._claim():
                handouts.append(handout)  # noqa: PERF401  # those before a failure are to be kept
        finally:
            if handouts:
                await self._deliver(handouts)

    def _tell(self, queues: Sequence[str]) -> None:
        names = set(queues)
        for session in self._sessions:
            if not names or not names.isdisjoint(session.queues):
                session.tell()
            if not names or not names.isdisjoint(session.stream_queues):
                session.may_have_streams = True
        self._news.set()

    async def _claim(self) -> AsyncIterator[Handout]:
        """One claim for each session with room, those with the largest share of free slots first."""
        hungry = [session for session in self._sessions if session.wants_jobs]
        hungry.sort(key=lambda session: session.credits / session.slots, reverse=True)
        for session in hungry:
            stream = session.stream
            if stream is None:
                continue
            news, limit = session.news, min(session.credits, self._config.claim_limit)
            jobs = await self._claim_for(session, session.queues, limit)
            if len(jobs) < limit:
                session.found_none(news)
            else:
                self._news.set()
            if jobs:
                session.credits -= len(jobs)
                yield Handout(session, stream, jobs)
        async for handout in self._claim_streams():
            yield handout

    async def _claim_streams(self) -> AsyncIterator[Handout]:
        """Claim realtime triggers, which have room of their own: they stay for ever."""
        for session in self._sessions:
            stream = session.stream
            if stream is None or not session.wants_streams:
                continue
            limit = min(session.streams, self._config.claim_limit)
            session.may_have_streams = False
            jobs = await self._claim_for(session, session.stream_queues, limit)
            if len(jobs) == limit:
                session.may_have_streams = True
                self._news.set()
            if jobs:
                session.streams -= len(jobs)
                yield Handout(session, stream, jobs)

    async def _claim_for(self, session: Session, queues: Sequence[str], limit: int) -> list[ClaimedJob]:
        """Claim jobs. After a claim that broke off, which may have been written all the same, those that were
        claimed and never came here are given back first."""
        now = self._ports.clock.now()
        if session.is_unsure:
            await self._ports.jobs.release(session.worker.id, list(session.worker.held), now)
        session.is_unsure = True
        jobs = await self._ports.jobs.claim(session.worker.id, queues, limit, now)
        session.is_unsure = False
        return jobs

    async def _deliver(self, handouts: Sequence[Handout]) -> None:
        """Send what was claimed; when that fails for what one of the jobs holds, only that one fails."""
        try:
            await self._send(handouts)
        except Exception as error:
            logger.exception("claimed jobs cannot be sent")
            singles = [(session, stream, one) for session, stream, jobs in handouts for one in jobs]
            if len(singles) == 1:
                session, _, one = singles[0]
                await self._give_back(session, one, f"The task cannot be sent: {type(error).__name__}")
                return
            for session, stream, one in singles:
                await self._deliver([Handout(session, stream, [one])])

    async def _send(self, handouts: Sequence[Handout]) -> None:
        jobs = [claimed.job for handout in handouts for claimed in handout.jobs]
        ids = list({job.execution_id: None for job in jobs if job.trigger_uid is None})
        owners = inline_owners(jobs, self._config.inline_output_bytes)
        executions, inline = await asyncio.gather(
            _read(lambda: self._ports.executions.get_many(ids)), _read(lambda: self._ports.outputs.get_many(owners))
        )
        contexts = {id_: common_context(execution) for id_, execution in executions.items()}
        contexts |= {job.execution_id: b"{}" for job in jobs if job.trigger_uid is not None}
        now = asyncio.get_running_loop().time()
        for session, stream, claimed in handouts:
            known = [one for one in claimed if one.job.execution_id in contexts]
            gone = [one.job for one in claimed if one.job.execution_id not in contexts]  # their executions were deleted
            session.credits += len(gone)
            session.worker.hold(held_job(one.job, one.token, now) for one in known)
            async for frame in self._frames(session, known, contexts, inline):
                stream.send(frame)

    async def _frames(
        self,
        session: Session,
        claimed: Sequence[ClaimedJob],
        contexts: Mapping[str, bytes],
        inline: Mapping[str, bytes],
    ) -> AsyncIterator[pb.WorkResponse]:
        frame, size, room = pb.WorkResponse(), 0, self._config.max_message_bytes // 2
        for one in claimed:
            context = joined(contexts[one.job.execution_id], one.job.context)
            if len(context) > room:
                reason = f"The context of the task is larger than {room} bytes"
                await self._give_back(session, one, reason)
                continue
            if len(frame.jobs.jobs) >= self._config.frame_jobs or size > self._config.frame_bytes:
                yield frame
                frame, size = pb.WorkResponse(), 0
            message = frame.jobs.jobs.add()
            fill_job(message, one.job, one.token, context)
            if one.job.outputs:
                fill_outputs(message, one.job, inline, room - len(context))
                size += sum(len(entry.inline) for entry in message.outputs)
            size += len(context)
        if size:
            yield frame

    async def _give_back(self, session: Session, claimed: ClaimedJob, reason: str) -> None:
        """Fail a job that cannot be sent; the worker can take another in its place."""
        if claimed.job.is_stream:
            session.streams += 1
        else:
            session.credits += 1
        await self._refuse(session, claimed, reason)


async def _read(read: Callable[[], Awaitable[Read]]) -> Read:
    """Read for jobs that are claimed already: wait for the database as long as it is away."""
    while True:
        try:
            return await read()
        except UnavailableError:
            await asyncio.sleep(_PAUSE)
