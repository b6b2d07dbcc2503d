"""One attempt of a task, from its job to its result (flow language 8)."""

import asyncio
import logging
import time
import traceback
import types
from collections.abc import Callable, Coroutine, Generator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from segue.domain.errors import SegueError
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.expr import ExpressionError
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import Duration, Property, TaskFailed, TaskResult
from segue.sdk.property import converter_of
from segue.services.worker.context import WorkerContext
from segue.services.worker.flows import BoundTask
from segue.services.worker.journal import LogLimits, Masks, TaskLog, TaskMetrics, stamp
from segue.services.worker.outputs import outputs_json

if TYPE_CHECKING:
    from segue.services.worker.runner import Runner

logger = logging.getLogger(__name__)
OUTPUTS_FILE = "outputs.json"


class Timers:
    """What is to be done later, unless the run ends before."""

    def __init__(self) -> None:
        self._handles: list[asyncio.TimerHandle] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call ``call`` after so many seconds."""
        self._handles.append(asyncio.get_running_loop().call_later(seconds, call))

    def cancel(self) -> None:
        """Forget everything."""
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()


class Run:
    """An attempt in this worker's hands. It ends exactly once, by ``_conclude``."""

    def __init__(self, job: pb.Job, runner: "Runner") -> None:
        self.job = job
        self.key = pb.TaskRunKey(
            execution_id=job.execution_id,
            task_run_id=job.task_run_id,
            attempt=job.attempt,
            token=job.token,
            task_id=job.task_id,
            flow=job.flow,
        )
        self._runner = runner
        self._masks = Masks()
        self._started_ns = time.time_ns()
        self._bound: BoundTask | None = None
        self._context: WorkerContext | None = None
        self._work: asyncio.Future[Any] | None = None
        self._timers = Timers()
        self._stopped: tuple[State, str] | None = None
        self._is_done = False

    def begin(self, bound: BoundTask) -> None:
        """Run the plugin: at once, in the loop, or in a thread."""
        runner = self._runner
        self._bound = bound
        config = runner.config
        log = TaskLog(
            self.key,
            runner.spool,
            self._masks,
            minimum=bound.log_level,
            limits=LogLimits(config.log_lines, config.log_bytes),
            blocks=not bound.is_async,
        )
        self._context = WorkerContext(
            self.job,
            self.key,
            bound,
            runner.kit,
            log=log,
            metrics=TaskMetrics(self.key, runner.spool),
            masks=self._masks,
        )
        if bound.is_instant:
            self._run_at_once(bound.plugin.run(self._context))  # type: ignore[arg-type]  # is_instant: a coroutine
        elif bound.timeout is None:
            self._launch(None)
        elif isinstance(bound.timeout, str):
            self._watch(asyncio.create_task(self._render_timeout(bound.timeout)), self._launch)
        else:
            self._launch(bound.timeout)

    def wait_for(self, loading: Coroutine[Any, Any, BoundTask]) -> None:
        """Begin once the flow is there."""
        self._watch(asyncio.create_task(loading), self.begin)

    def refuse(self, reason: str) -> None:
        """Fail without having begun."""
        self._conclude(State.FAILED, reason)

    def kill(self) -> None:
        """End it now, as KILLED."""
        self._stop(State.KILLED, "The task was killed")

    def abandon(self) -> None:
        """Stop without a result: the worker goes away, the job will be given to another."""
        self._is_done = True
        self._timers.cancel()
        self._notify()

    def _run_at_once(self, coroutine: Coroutine[Any, Any, TaskResult]) -> None:
        try:
            waits_for = coroutine.send(None)
        except StopIteration as end:
            self._succeed(end.value)
        except Exception as error:
            self._fail(error)
        else:  # it fetches something: goes on as a task
            self._watch(asyncio.create_task(_go_on(coroutine, waits_for)), self._succeed)
            self._timers.later(self._runner.config.started_after, self._announce)

    def _launch(self, timeout: timedelta | None) -> None:
        bound, context = self._bound, self._context
        assert bound is not None
        assert context is not None
        if bound.is_async:
            work: asyncio.Future[Any] = asyncio.ensure_future(bound.plugin.run(context))  # type: ignore[arg-type]  # is_async: a coroutine
        else:
            work = self._runner.threads.submit(lambda: bound.plugin.run(context))
        self._watch(work, self._succeed)
        self._timers.later(self._runner.config.started_after, self._announce)
        if timeout is not None:
            reason = f"Timeout after {timeout}"
            self._timers.later(timeout.total_seconds(), lambda: self._stop(State.FAILED, reason))

    async def _render_timeout(self, text: str) -> timedelta | None:
        assert self._context is not None
        timeout: Property[timedelta] = Property(text, converter_of(Duration))
        rendered: timedelta | None = await self._context.render(timeout)
        return rendered

    def _watch(self, work: "asyncio.Future[Any]", then: Callable[[Any], None]) -> None:
        self._work = work
        work.add_done_callback(lambda done: self._settle(done, then))

    def _settle(self, work: "asyncio.Future[Any]", then: Callable[[Any], None]) -> None:
        error = None if work.cancelled() else work.exception()
        if self._is_done:
            return
        if self._stopped is not None:
            self._conclude(*self._stopped)
        elif work.cancelled():
            self._conclude(State.FAILED, "The task cancelled itself")
        elif error is not None:
            self._fail(error)
        else:
            try:
                then(work.result())
            except Exception as problem:
                self._fail(problem)

    def _stop(self, state: State, reason: str) -> None:
        if self._is_done or self._stopped is not None:
            return
        self._stopped = (state, reason)
        self._notify()
        self._timers.later(self._runner.config.kill_grace, self._give_up)

    def _notify(self) -> None:
        if self._context is not None:
            self._context.stop()
        if isinstance(self._work, asyncio.Task):
            self._work.cancel()

    def _give_up(self) -> None:
        if not self._is_done and self._stopped is not None:
            self._conclude(*self._stopped)

    def _succeed(self, result: TaskResult) -> None:
        self._finish(State.SUCCESS, None, result)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, TaskFailed):
            self._finish(error.state, error.message, error.outputs)
            return
        message = str(error) or type(error).__name__
        if not isinstance(error, SegueError | ExpressionError) and self._context is not None:
            trace = "".join(traceback.format_exception(error))
            self._context.logger.debug(trace)
        self._conclude(State.FAILED, message)

    def _finish(self, state: State, message: str | None, result: TaskResult) -> None:
        try:
            outputs = outputs_json(result)
        except Exception as error:  # whatever a plugin returned that is no JSON
            self._conclude(State.FAILED, f"The outputs cannot be stored: {error}")
            return
        if outputs is None or len(outputs) <= self._runner.kit.control.terms.inline_output_bytes:
            self._conclude(state, message, outputs)
            return
        self._timers.cancel()  # the timeout is for the task's code only
        storing = self._runner.kit.control.write(self.key, OUTPUTS_FILE, outputs)
        self._watch(asyncio.ensure_future(storing), lambda stored: self._conclude(state, message, stored=stored))

    def _conclude(
        self,
        state: State,
        message: str | None = None,
        outputs: bytes | None = None,
        stored: pb.StoredOutputs | None = None,
    ) -> None:
        if self._is_done:
            return
        self._is_done = True
        self._timers.cancel()
        result = pb.Result(run=self.key, state=state, outputs=outputs, stored_outputs=stored)
        result.started_at.seconds, result.started_at.nanos = divmod(self._started_ns, 1_000_000_000)
        if message:
            result.message = self._masks.hide(message)
            self._log_end(state, message)
        if self._context is not None:
            self._context.close()
        stamp(result.ended_at)
        self._runner.ended(self, result)

    def _log_end(self, state: State, message: str) -> None:
        context = self._context
        if context is not None:
            write = context.logger.error if state is State.FAILED else context.logger.warn
            write(message)
            return
        limits = LogLimits(self._runner.config.log_lines, self._runner.config.log_bytes)
        log = TaskLog(self.key, self._runner.spool, self._masks, minimum=LogLevel.TRACE, limits=limits, blocks=False)
        log.error(message)

    def _announce(self) -> None:
        started = pb.Started(run=self.key)
        started.at.seconds, started.at.nanos = divmod(self._started_ns, 1_000_000_000)
        self._runner.spool.add_started(started)


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """Go on, inside a task, with a coroutine that was begun outside of one and waits for something."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:
            step: Callable[[], Any] = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, sent)
        try:
            waits_for = step()
        except StopIteration as end:
            return end.value


async def _go_on(coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> Any:
    return await _resume(coroutine, waits_for)
