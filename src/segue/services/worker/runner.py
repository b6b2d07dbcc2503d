"""All attempts of one worker: takes jobs, counts slots, asks for more, hands results to the spool."""

import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from segue.domain.errors import SegueError
from segue.expr import Engine, Services
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import PollingTrigger, RealtimeTrigger, TaskResult
from segue.services.worker.binding import BoundTask, Evaluation, Plugins
from segue.services.worker.config import WorkerConfig
from segue.services.worker.context import WorkerContext
from segue.services.worker.control import Control
from segue.services.worker.evaluation import REALTIME, Stream, poll
from segue.services.worker.expressions import Kit
from segue.services.worker.flows import FlowCache
from segue.services.worker.in_place import InPlace
from segue.services.worker.inner_runs import InnerRuns
from segue.services.worker.run import Run
from segue.services.worker.spool import Spool
from segue.services.worker.threads import Threads

logger = logging.getLogger(__name__)


class Runner:
    """What runs, what has run and is not acknowledged, and how many jobs more there is room for."""

    def __init__(
        self,
        config: WorkerConfig,
        control: Control,
        plugins: Plugins,
        engine: Engine,
        services: Services,
        wake_reporter: Callable[[], None],
    ) -> None:
        self.config = config
        self.threads = Threads()
        self.kit = Kit(engine, services, control, self.threads.submit, InPlace(plugins), config.plugin_configurations)
        self.spool = Spool(
            items=config.report_items,
            bytes_=config.report_bytes,
            limit=config.spool_bytes,
            wake=wake_reporter,
        )
        self.flows = FlowCache(control, plugins, config.flow_cache)
        self.is_draining = False
        self._held: dict[str, Run] = {}
        self._running: dict[str, Run] = {}
        self._granted = 0
        self._streams: dict[str, Stream] = {}
        self._granted_streams = 0
        self._ask: Callable[[int, int], None] | None = None
        self._is_taking = False

    @property
    def running(self) -> int:
        """How many attempts run, without streams: these never end."""
        return len(self._running) - len(self._streams)

    def held(self) -> tuple[list[str], list[str]]:
        """Tokens and task run ids of the jobs that run or whose results are not acknowledged."""
        return list(self._held), [run.job.task_run_id for run in self._held.values()]

    def connected(self, ask: Callable[[int, int], None]) -> None:
        """A connection is there, without any credits given: ask for jobs by ``ask(slots, streams)``."""
        self._ask, self._granted, self._granted_streams = ask, 0, 0
        self.top_up()

    def disconnected(self) -> None:
        """The connection is gone, and the credits with it."""
        self._ask, self._granted, self._granted_streams = None, 0, 0

    def take(self, jobs: Sequence[pb.Job]) -> None:
        """Begin jobs. Those held already are known: a job is never run twice by one worker."""
        streams = sum(job.trigger == REALTIME for job in jobs)
        self._granted = max(0, self._granted - (len(jobs) - streams))
        self._granted_streams = max(0, self._granted_streams - streams)
        self._is_taking = True
        for job in jobs:
            if job.token not in self._held:
                self._begin(job)
        self._is_taking = False
        self.top_up()

    def kill(self, tokens: Iterable[str]) -> None:
        """Stop the attempts with these tokens."""
        for token in tokens:
            run = self._running.get(token)
            if run is not None:
                run.kill()

    def run_block(self, run: Run, bound: BoundTask, context: WorkerContext) -> Coroutine[Any, Any, TaskResult]:
        """Run the tasks of a WorkingDirectory one after the other."""
        return InnerRuns(run, bound, context, self).work()

    def evaluate(self, run: Run, bound: BoundTask, context: WorkerContext) -> Coroutine[Any, Any, TaskResult]:
        """Let a trigger look, or listen."""
        assert isinstance(bound.plugin, Evaluation)
        trigger = bound.plugin.trigger
        if isinstance(trigger, PollingTrigger):
            return poll(trigger, context, self.threads.submit)
        assert isinstance(trigger, RealtimeTrigger)
        stream = Stream(run.key, self.spool, self.config.stream_window)
        self._streams[run.job.token] = stream
        context.when_stored = stream.stored
        return stream.follow(trigger, context)

    def began(self, started: pb.Started) -> None:
        """An attempt runs for some time already."""
        self.spool.add_started(started)

    def ended(self, run: Run, result: pb.Result) -> None:
        """An attempt has its result."""
        self._running.pop(run.job.token, None)
        self._streams.pop(run.job.token, None)
        self.spool.add_result(result)
        if not self._is_taking:
            self.top_up()

    def acknowledged(self, number: int) -> None:
        """Everything up to this batch is stored."""
        was_full = self.spool.is_full
        for token in self.spool.acknowledge(number):
            self._held.pop(token, None)
            self.spool.stored_events.pop(token, None)
        for stream in self._streams.values():
            stream.wake()
        if was_full:
            self.top_up()

    def abandon(self) -> None:
        """Stop everything that runs, without results."""
        for run in self._running.values():
            run.abandon()
        self._running.clear()
        self._streams.clear()
        self.threads.close()

    def top_up(self) -> None:
        """Ask for jobs once no more than half of the free slots are promised."""
        if self._ask is None or self.is_draining or self.spool.is_full:
            return
        free = _wanted(self.config.slots - self.running, self._granted)
        streams = _wanted(self.config.streams - len(self._streams), self._granted_streams)
        if free or streams:
            self._granted += free
            self._granted_streams += streams
            self._ask(free, streams)

    def _begin(self, job: pb.Job) -> None:
        run = Run(job, self)
        self._held[job.token] = self._running[job.token] = run
        try:
            bound = self.flows.find(job)
            if bound is None:
                run.wait_for(self.flows.load(job))
            else:
                run.begin(bound)
        except SegueError as error:
            run.refuse(error.message)
        except Exception:
            logger.exception("the job %s cannot be begun", job.task_run_id)
            run.refuse("The task cannot be begun: an error of the worker, see its log")


def _wanted(free: int, granted: int) -> int:
    """How many more to ask for, once no more than half of what is free is promised."""
    wanted = free - granted
    return wanted if wanted > 0 and wanted >= granted else 0
