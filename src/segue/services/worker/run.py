"""One attempt of a task, from its job to its result (flow language 8)."""

import asyncio
import logging
import time
import traceback
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from segue.domain.durations import format_duration
from segue.domain.errors import SegueError
from segue.domain.execution.insights import InsightState
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.expr import ExpressionError
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import TaskFailed, TaskResult
from segue.services.worker.binding import Block, BoundTask, Evaluation
from segue.services.worker.config import WorkerConfig
from segue.services.worker.context import Journal, WorkerContext
from segue.services.worker.expressions import Kit
from segue.services.worker.folder import Folder
from segue.services.worker.frame import OUTPUTS_FILE, Beginning, End, Frame
from segue.services.worker.insights import InsightLimits, TaskInsights
from segue.services.worker.journal import FileLog, LogLimits, Masks, TaskLog, TaskMetrics, stamp
from segue.services.worker.outputs import outputs_json
from segue.services.worker.spool import Spool
from segue.services.worker.threads import Threads

logger = logging.getLogger(__name__)
LOG_FILE = "log.txt"
_GOOD = frozenset({State.SUCCESS, State.WARNING, State.SKIPPED})


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


class Owner(Protocol):
    """Who has an attempt, hears of it, and gives it what it works with."""

    @property
    def config(self) -> WorkerConfig:
        """The settings."""

    @property
    def kit(self) -> Kit:
        """What expressions and files need."""

    @property
    def spool(self) -> Spool:
        """Where reports go."""

    @property
    def threads(self) -> Threads:
        """Threads for code that blocks."""

    def run_block(self, run: "Run", bound: BoundTask, context: WorkerContext) -> Coroutine[Any, Any, TaskResult]:
        """Run the tasks of a WorkingDirectory."""

    def evaluate(self, run: "Run", bound: BoundTask, context: WorkerContext) -> Coroutine[Any, Any, TaskResult]:
        """Let a trigger look, or listen."""

    def began(self, started: pb.Started) -> None:
        """An attempt runs for some time already."""

    def ended(self, run: "Run", result: pb.Result) -> None:
        """An attempt has its result."""


class Run:
    """An attempt in this worker's hands. It ends exactly once, by ``_conclude``."""

    def __init__(self, job: pb.Job, runner: Owner, *, masks: Masks | None = None, shared: Folder | None = None) -> None:
        """``masks`` and ``shared`` are those of the WorkingDirectory around."""
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
        self.masks = masks or Masks()
        self.outputs: bytes | None = None
        """What the task gave as outputs, once it has ended."""
        self._shared = shared
        self._frame: Frame | None = None
        self._log: TaskLog | None = None
        self._started_ns = time.time_ns()
        self._bound: BoundTask | None = None
        self._context: WorkerContext | None = None
        self._work: asyncio.Future[Any] | None = None
        self._timers = Timers()
        self._stopped: tuple[State, str] | None = None
        self.is_done = False
        """Whether it has ended or was given up."""

    def begin(self, bound: BoundTask) -> None:
        """Run the plugin: at once, in the loop, or in a thread."""
        runner = self._runner
        self._bound = bound
        log = self._log = open_log(self, runner, bound)
        limits = InsightLimits(runner.config.insights, runner.config.insight_bytes)
        insights = TaskInsights(self.key, runner.spool.add_insight, self.masks, limits)
        journal = Journal(log, TaskMetrics(self.key, runner.spool), insights, self.masks)
        context = self._context = WorkerContext(
            self.job, self.key, bound, runner.kit, journal=journal, shared=self._shared
        )
        if bound.is_instant:
            self._run_at_once(bound.plugin.run(context))  # type: ignore[arg-type]  # is_instant: a coroutine
        elif bound.has_frame:
            self._frame = Frame(self.job, self.key, bound, context, runner.kit.control)
            self._watch(asyncio.create_task(self._frame.before()), self._begun)
        else:
            assert not isinstance(bound.timeout, str)
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
        self.is_done = True
        self._timers.cancel()
        self._notify()
        if self._context is not None:
            self._context.close()
        if isinstance(self._log, FileLog):
            self._log.discard()

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

    def _begun(self, beginning: Beginning) -> None:
        if beginning.is_known:
            self._conclude(State.SUCCESS, outputs=beginning.outputs)
        else:
            self._launch(beginning.timeout)

    def _launch(self, timeout: timedelta | None) -> None:
        bound, context = self._bound, self._context
        assert bound is not None
        assert context is not None
        if isinstance(bound.plugin, Block):
            work: asyncio.Future[Any] = asyncio.ensure_future(self._runner.run_block(self, bound, context))
        elif isinstance(bound.plugin, Evaluation):
            work = asyncio.ensure_future(self._runner.evaluate(self, bound, context))
        elif bound.is_async:
            work = asyncio.ensure_future(bound.plugin.run(context))  # type: ignore[arg-type]  # is_async: a coroutine
        else:
            work = self._runner.threads.submit(lambda: bound.plugin.run(context))
        self._watch(work, self._succeed)
        self._timers.later(self._runner.config.started_after, self._announce)
        if timeout is not None:
            reason = f"Timeout after {format_duration(timeout)}"
            self._timers.later(timeout.total_seconds(), lambda: self._stop(State.FAILED, reason))

    def _watch(self, work: "asyncio.Future[Any]", then: Callable[[Any], None]) -> None:
        self._work = work
        work.add_done_callback(lambda done: self._settle(done, then))

    def _settle(self, work: "asyncio.Future[Any]", then: Callable[[Any], None]) -> None:
        error = None if work.cancelled() else work.exception()
        if self.is_done:
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
        if self.is_done or self._stopped is not None:
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
        if not self.is_done and self._stopped is not None:
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
        control = self._runner.kit.control
        try:
            if self._frame is not None:
                self._timers.cancel()  # the timeout is for the task's code only
                self._store(self._frame.after(state, result), state, message)
                return
            outputs = outputs_json(result)
        except Exception as error:  # whatever a plugin returned that is no JSON
            self._conclude(State.FAILED, f"The outputs cannot be stored: {error}")
            return
        if outputs is None or self.job.trigger or len(outputs) <= control.terms.inline_output_bytes:
            self._conclude(state, message, outputs)
            return
        self._timers.cancel()
        self._store(_stored(control.write(self.key, OUTPUTS_FILE, outputs), outputs), state, message)

    def _store(self, storing: Coroutine[Any, Any, End], state: State, message: str | None) -> None:
        def stored(end: End) -> None:
            self._conclude(state, message, end.outputs, end.stored)

        self._watch(asyncio.ensure_future(storing), stored)

    def _conclude(
        self,
        state: State,
        message: str | None = None,
        outputs: bytes | None = None,
        stored: pb.StoredOutputs | None = None,
    ) -> None:
        if self.is_done:
            return
        self.is_done = True
        self._timers.cancel()
        self.outputs = outputs
        result = pb.Result(run=self.key, state=state, stored_outputs=stored)
        if outputs is not None and stored is None:
            result.outputs = outputs
        result.started_at.seconds, result.started_at.nanos = divmod(self._started_ns, 1_000_000_000)
        if message:
            result.message = self.masks.hide(message)
            log = self._log or open_log(self, self._runner, None)
            is_error = state is State.FAILED and not self.job.trigger
            log.log(LogLevel.ERROR if is_error else LogLevel.WARN, "%s", message)
        if self._context is not None:
            self._context.insights.close(InsightState.SUCCESS if state in _GOOD else InsightState.FAILED)
            self._context.close()
        stamp(result.ended_at)
        if isinstance(self._log, FileLog):
            self._work = asyncio.ensure_future(_send_log(self, self._runner, self._log, result))
        else:
            self._runner.ended(self, result)

    def _announce(self) -> None:
        started = pb.Started(run=self.key)
        started.at.seconds, started.at.nanos = divmod(self._started_ns, 1_000_000_000)
        self._runner.began(started)


def open_log(run: Run, owner: Owner, bound: BoundTask | None) -> TaskLog:
    """The log of an attempt: lines that are reported, or kept in a file."""
    limits = LogLimits(owner.config.log_lines, owner.config.log_bytes)
    minimum = LogLevel.TRACE if bound is None else bound.log_level
    if bound is not None and bound.task.log_to_file:
        return FileLog(run.key, owner.spool, run.masks, minimum=minimum, limits=limits)
    blocks = bound is not None and not bound.is_async
    return TaskLog(run.key, owner.spool, run.masks, minimum=minimum, limits=limits, blocks=blocks)


async def _send_log(run: Run, owner: Owner, log: FileLog, result: pb.Result) -> None:
    """Store the log of an attempt that has ended, and then tell of its end."""
    try:
        log.close()
        result.log_file = (await owner.kit.control.write(run.key, LOG_FILE, log.path)).uri
    except (SegueError, OSError) as error:
        logger.warning("the log of %s cannot be stored: %s", run.key.task_run_id, error)
    finally:
        log.discard()
        owner.ended(run, result)


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


async def _stored(writing: Awaitable[pb.StoredOutputs], outputs: bytes) -> End:
    return End(outputs, await writing)


async def _go_on(coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> Any:
    return await _resume(coroutine, waits_for)
