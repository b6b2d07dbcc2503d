"""Tells workers which of their jobs are not wanted any more."""

import asyncio
from collections.abc import Iterable, Sequence

from segue.ports.queue import Channel
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.config import ControllerPorts
from segue.services.controller.sessions import Session, Sessions, Stream

_SETTLED = 5.0
"""Seconds a job is held before its row is looked for: broadcasts are nearly always faster."""


class Kills:
    """Kill intents, heard of by broadcast and, when that is lost, found in the database (design D5)."""

    def __init__(self, ports: ControllerPorts, sessions: Sessions) -> None:
        self._ports = ports
        self._sessions = sessions

    async def listen(self) -> None:
        """A duty: pass broadcast kills on."""
        async with self._ports.queue.listen(Channel.KILLS) as news:
            async for task_run_ids in news:
                if task_run_ids:
                    self.send(task_run_ids)
                else:
                    for session in self._sessions:
                        await self.check(session)

    def send(self, task_run_ids: Iterable[str]) -> None:
        """Tell the workers that hold these task runs to stop them."""
        ids = list(task_run_ids)
        for session in self._sessions:
            tokens = [token for id_ in ids if (token := session.worker.token_of(id_)) is not None]
            self._tell(session, tokens)

    async def check(self, session: Session, *, settled: float = _SETTLED) -> None:
        """Tell a worker to stop what it holds and the database does not know as its own any more.

        Only jobs held for ``settled`` seconds are looked at; nothing is read when there are none.
        """
        border = asyncio.get_running_loop().time() - settled
        old = {job.task_run_id: job.token for job in session.worker.held.values() if job.since <= border}
        if not old:
            return
        for task_run_id in await self._ports.jobs.held_by(session.worker.id):
            old.pop(task_run_id, None)
        gone = [token for token in old.values() if token in session.worker.held]
        self._tell(session, gone)

    @staticmethod
    def stop(stream: Stream, tokens: Sequence[str]) -> None:
        """Tell a worker to stop jobs that are not its own, or not any more."""
        if tokens:
            stream.send(pb.WorkResponse(kill=pb.Kill(tokens=tokens)))

    def _tell(self, session: Session, tokens: list[str]) -> None:
        if tokens and session.stream is not None:
            runs = [session.worker.held[token].task_run_id for token in tokens]
            session.stream.send(pb.WorkResponse(kill=pb.Kill(tokens=tokens, task_run_ids=runs)))
