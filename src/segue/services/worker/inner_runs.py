"""The tasks of a WorkingDirectory: one after the other in one directory (flow language 7.15).

What happens inside is told task by task, under the token of the block's job. Outputs of earlier tasks are kept in
memory for the expressions of later ones.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec

from segue.domain.engine.retry import next_attempt_at
from segue.domain.errors import SegueError
from segue.domain.execution.context import format_instant
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import Attempt, TaskRun
from segue.domain.flow.retry import RetryBehavior
from segue.expr import Dialect, is_truthy
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import TaskFailed, TaskResult
from segue.services.worker.binding import BoundTask
from segue.services.worker.config import WorkerConfig
from segue.services.worker.context import WorkerContext
from segue.services.worker.expressions import Expressions, Kit
from segue.services.worker.journal import stamp
from segue.services.worker.run import Owner, Run
from segue.services.worker.spool import Spool
from segue.services.worker.threads import Threads

_GOES_ON = frozenset({State.SUCCESS, State.WARNING, State.SKIPPED})
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class InnerRuns:
    """The inside of one attempt of a WorkingDirectory. Implements ``Owner`` for the attempts inside."""

    def __init__(self, block: Run, bound: BoundTask, context: WorkerContext, owner: Owner) -> None:
        self._block = block
        self._bound = bound
        self._context = context
        self._owner = owner
        self._entries = list(block.job.outputs)
        self._roots = _decode(block.job.context)
        self._ended: asyncio.Future[pb.Result] | None = None

    @property
    def config(self) -> WorkerConfig:
        """The worker's."""
        return self._owner.config

    @property
    def kit(self) -> Kit:
        """The worker's."""
        return self._owner.kit

    @property
    def spool(self) -> Spool:
        """The worker's."""
        return self._owner.spool

    @property
    def threads(self) -> Threads:
        """The worker's."""
        return self._owner.threads

    async def work(self) -> None:
        """Run all tasks; the first that fails for good ends it.

        Raises ``TaskFailed`` then, without a message: the task has told. Errors of a ``when`` are the block's.
        """
        for item in self._block.job.inner:
            bound = self._bound.inner.get(item.task_id)
            if bound is None:
                raise SegueError(f"The task '{item.task_id}' is not in the WorkingDirectory '{self._bound.task_id}'")
            if not await self._is_wanted(item, bound):
                self._tell(item, 1, State.SKIPPED)
                continue
            state = await self._run(item, bound)
            if state not in _GOES_ON and not (state is State.FAILED and bound.task.allow_failure):
                raise TaskFailed("", state)

    def run_block(self, run: Run, bound: BoundTask, context: WorkerContext) -> Coroutine[Any, Any, TaskResult]:
        """There are none inside one another."""
        raise NotImplementedError

    def evaluate(self, run: Run, bound: BoundTask, context: WorkerContext) -> Coroutine[Any, Any, TaskResult]:
        """There are no triggers among tasks."""
        raise NotImplementedError

    def began(self, started: pb.Started) -> None:
        """Tell that an attempt runs for some time already."""
        run = started.run
        report = pb.InnerReport(run=run, block_id=self._block.key.task_run_id, state=State.RUNNING)
        report.started_at.CopyFrom(started.at)
        self.spool.add_inner(report)

    def ended(self, run: Run, result: pb.Result) -> None:  # noqa: ARG002  the owner's
        """The attempt that runs has its result."""
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(result)

    async def _is_wanted(self, item: pb.InnerTask, bound: BoundTask) -> bool:
        if bound.task.when is None:
            return True
        expressions = Expressions(self._job(item, 1), bound, self.kit, self._block.masks)
        return is_truthy(await expressions.render(bound.task.when) or "")

    async def _run(self, item: pb.InnerTask, bound: BoundTask) -> State:
        """Run a task, again as often as its retry says; the state of the last attempt."""
        run = TaskRun(
            id=item.task_run_id,
            execution_id=self._block.key.execution_id,
            task_id=item.task_id,
            status=Status.begin(datetime.now(UTC)),
        )
        while True:
            result, outputs = await self._attempt(item, bound, len(run.attempts) + 1)
            state = State(result.state)
            started, ended = _moment(result.started_at), _moment(result.ended_at)
            status = Status.begin(started).to(State.RUNNING, started).to(state, ended)
            run = msgspec.structs.replace(run, attempts=(*run.attempts, Attempt(status)))
            due = _next_at(bound, run, ended) if state is State.FAILED else None
            self._report(result, is_retried=due is not None)
            if due is None:
                if outputs is not None:
                    self._remember(item, outputs)
                return state
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))

    async def _attempt(self, item: pb.InnerTask, bound: BoundTask, number: int) -> tuple[pb.Result, bytes | None]:
        self._ended = asyncio.get_running_loop().create_future()
        run = Run(self._job(item, number), self, masks=self._block.masks, shared=self._context.folder)
        run.begin(bound)
        try:
            return await asyncio.shield(self._ended), run.outputs
        except asyncio.CancelledError:
            if self._block.is_done:
                run.abandon()
            else:
                run.kill()
                with contextlib.suppress(asyncio.CancelledError):
                    self._report(await self._ended)
            raise

    def _job(self, item: pb.InnerTask, number: int) -> pb.Job:
        """The block's job as that of a task inside it."""
        block = self._block.job
        own = {name: value for name, value in self._roots["taskrun"].items() if name in {"value", "iteration"}}
        task_run = {
            "id": item.task_run_id,
            "startDate": format_instant(datetime.now(UTC)),
            "attemptsCount": number - 1,
            "parentId": block.task_run_id,
            **own,
        }
        roots = {**self._roots, "taskrun": task_run, "workerTaskrun": self._roots["taskrun"]}
        roots["workingDir"] = str(self._context.working_dir)
        if "parents" in roots:
            around = self._around(own.get("value"))
            roots["parents"] = [*around, *roots["parents"]]
            if around:
                roots["parent"] = around[0]
        return pb.Job(
            task_run_id=item.task_run_id,
            attempt=number,
            token=block.token,
            execution_id=block.execution_id,
            flow=block.flow,
            task_id=item.task_id,
            context=msgspec.json.encode(roots),
            outputs=self._entries,
        )

    def _around(self, value: str | None) -> list[dict[str, Any]]:
        """The block among the ``parents`` of a task inside it; flows of 1.x leave it out outside loops."""
        block = {"id": self._block.job.task_id}
        if value is not None:
            return [{"task": block, "taskrun": {"value": value}}]
        return [] if self._bound.dialect is Dialect.V1 else [{"task": block}]

    def _remember(self, item: pb.InnerTask, outputs: bytes) -> None:
        self._entries.append(
            pb.OutputEntry(
                task_run_id=item.task_run_id,
                task_id=item.task_id,
                values=self._block.job.values,
                inline=outputs,
                size=len(outputs),
            )
        )

    def _tell(self, item: pb.InnerTask, number: int, state: State) -> None:
        """Tell of an attempt that was none."""
        report = pb.InnerReport(run=self._block.key, block_id=self._block.key.task_run_id, state=state)
        report.run.task_run_id, report.run.task_id, report.run.attempt = item.task_run_id, item.task_id, number
        stamp(report.started_at)
        report.ended_at.CopyFrom(report.started_at)
        self.spool.add_inner(report)

    def _report(self, result: pb.Result, *, is_retried: bool = False) -> None:
        report = pb.InnerReport(
            run=result.run,
            block_id=self._block.key.task_run_id,
            state=result.state,
            started_at=result.started_at,
            ended_at=result.ended_at,
            message=result.message,
            is_retried=is_retried,
            log_file=result.log_file,
        )
        if result.HasField("outputs"):
            report.outputs = result.outputs
        if result.HasField("stored_outputs"):
            report.stored_outputs.CopyFrom(result.stored_outputs)
        self.spool.add_inner(report)


def _next_at(bound: BoundTask, run: TaskRun, ended_at: datetime) -> datetime | None:
    """When the next attempt begins; a retry that makes a new execution is the engine's."""
    retry = bound.retry
    if retry is None or retry.behavior is RetryBehavior.CREATE_NEW_EXECUTION:
        return None
    return next_attempt_at(retry, run, ended_at)


def _moment(at: Any) -> datetime:
    return datetime.fromtimestamp(at.seconds + at.nanos / 1e9, UTC)
