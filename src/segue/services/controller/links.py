"""The life of a worker's connection: connect, resume, credits, heartbeats, good-bye."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from segue.domain.errors import UnavailableError
from segue.domain.execution.task_run import TaskRun
from segue.ports.queue import Channel, Topic
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.dispatch import Dispatcher
from segue.services.controller.kills import Kills
from segue.services.controller.sessions import LATE_SECONDS, HeldJob, Session, Sessions, Stream, held_job

logger = logging.getLogger(__name__)
_MAX_HELD = 100_000
_MAX_LATE = 100


class Links:
    """What happens to the sessions of one controller."""

    def __init__(
        self,
        ports: ControllerPorts,
        config: ControllerConfig,
        sessions: Sessions,
        dispatcher: Dispatcher,
        kills: Kills,
    ) -> None:
        self._ports = ports
        self._config = config
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._kills = kills
        self._renewed_at = 0.0

    async def begin(self, request: pb.ConnectRequest) -> Session:
        """A new session with its lease written. Raises ``UnavailableError`` when the database is away."""
        session = self._sessions.begin(request, _time())
        try:
            await self._ports.jobs.renew([session.lease(self._ports.clock.now(), self._config.lease)])
        except BaseException:
            self._sessions.end(session)
            raise
        logger.info("worker %s (%s) connected", session.worker.id, session.name)
        return session

    async def resume(self, session: Session, request: pb.Resume) -> Stream:
        """Open the stream: what the worker does not hold goes to others, what it lost it is told to stop."""
        worker, tokens = session.worker, request.tokens[:_MAX_HELD]
        if session.stream is not None:
            session.close(session.stream)
        async with self._dispatcher.lock:
            now = self._ports.clock.now()
            queues = await self._ports.jobs.release(worker.id, list(tokens), now)
            worker.drop(set(worker.held).difference(tokens))
            await self._adopt(session, tokens, request.task_run_ids)
            stream = session.open()
        if queues:
            await self._ports.queue.broadcast(Channel.JOBS, queues)
        session.is_resumed.set()
        self._kills.stop(stream, [token for token in tokens if token not in worker.held])
        await self._kills.check(session, settled=0)
        return stream

    async def _adopt(self, session: Session, tokens: Sequence[str], task_run_ids: Sequence[str]) -> None:
        """Get to know the jobs that another controller, or an earlier life of this one, handed out.

        What the worker says is believed as far as the database says the same.
        """
        worker = session.worker
        unknown = {
            run: token for run, token in zip(task_run_ids, tokens, strict=False) if worker.known(token, _time()) is None
        }
        if not unknown:
            return
        claimed = await self._ports.jobs.claimed_by(worker.id)
        held = [
            held_job(one.job, one.token, _time()) for one in claimed if unknown.get(one.job.task_run_id) == one.token
        ]
        worker.hold(held)
        for job in held:
            del unknown[job.task_run_id]
        worker.remember(await self._ended_jobs(worker.id, unknown), _time())

    async def _ended_jobs(self, worker_id: str, unknown: Mapping[str, str]) -> list[HeldJob]:
        """Those of the task runs (with tokens) of which the worker has run an attempt not long ago."""
        border = self._ports.clock.now() - timedelta(seconds=LATE_SECONDS)
        ids = list({run.rpartition("-")[0]: None for run in unknown})[:_MAX_LATE]
        executions = await self._ports.executions.get_many(ids)
        jobs = []
        for execution in executions.values():
            for run in await self._ports.executions.task_runs(execution.id):
                if run.id in unknown and _has_run(run, worker_id, border):
                    token = unknown[run.id]
                    jobs.append(HeldJob(token, run.id, execution.id, execution.flow, run.task_id, None, _time()))
        return jobs

    def heard(self, session: Session) -> None:
        """The worker is alive."""
        session.heard_at = _time()

    def grant(self, session: Session, stream: Stream, credits_: pb.Credits) -> None:
        """The worker can take so many jobs and streams more; never more jobs at once than its slots."""
        if session.stream is stream:
            session.credits = min(session.credits + credits_.slots, session.slots)
            session.streams = min(session.streams + credits_.streams, self._config.max_slots)
            if credits_.streams:
                session.may_have_streams = True
            if session.wants_jobs or session.wants_streams:
                self._dispatcher.wake()

    async def beat(self, session: Session, stream: Stream, beat: pb.Heartbeat) -> None:
        """Answer a heartbeat, and look whether a kill was missed or a job got lost on its way."""
        stream.send(pb.WorkResponse(heartbeat=pb.HeartbeatAck(at=beat.at)))
        with contextlib.suppress(UnavailableError):
            await self._kills.check(session)
            await self._give_back_strays(session)

    async def _give_back_strays(self, session: Session) -> None:
        """Give back jobs that are claimed for a worker and never reached it.

        A claim can be written after its session is over, by another controller too: the worker lives, its lease
        goes on, and nobody would ever miss these jobs. What is unknown at two looks in a row is such a one.
        """
        now = _time()
        if now - session.looked_at < self._config.stray_after:
            return
        session.looked_at = now
        worker = session.worker
        claimed = await self._ports.jobs.held_by(worker.id)
        unknown = {run for run in claimed if worker.token_of(run) is None}
        strays, session.strays = unknown & session.strays, unknown
        if not strays:
            return
        logger.warning("%d jobs never reached worker %s and are given back", len(strays), worker.id)
        async with self._dispatcher.lock:
            queues = await self._ports.jobs.release(worker.id, list(worker.held), self._ports.clock.now())
        if queues:
            await self._ports.queue.broadcast(Channel.JOBS, queues)

    async def goodbye(self, session: Session) -> None:
        """End a session for good: what the worker still holds is lost at once instead of after the lease."""
        session.is_leaving = True
        with contextlib.suppress(UnavailableError):
            async with self._dispatcher.lock:
                ids = await self._ports.jobs.end(session.worker.id, self._ports.clock.now())
            await self._ports.queue.publish(Topic.EXECUTIONS, ids)
        self._sessions.end(session)
        logger.info("worker %s (%s) said good-bye", session.worker.id, session.name)

    async def renew(self) -> None:
        """Prolong, in one call, the leases of all workers that spoke since the last time; end the sessions
        of those that are silent for longer than a lease."""
        began, now = _time(), self._ports.clock.now()
        leases = [
            session.lease(now, self._config.lease)
            for session in self._sessions
            if session.heard_at >= self._renewed_at and not session.is_leaving
        ]
        if leases:
            await self._ports.jobs.renew(leases)
        self._renewed_at = began
        self._sessions.end_silent(began - self._config.lease - self._config.heartbeat)


def _has_run(run: TaskRun, worker_id: str, border: datetime) -> bool:
    ends = [attempt.status.ended_at for attempt in run.attempts if attempt.worker_id == worker_id]
    return any(end is None or end >= border for end in ends)


def _time() -> float:
    return asyncio.get_running_loop().time()
