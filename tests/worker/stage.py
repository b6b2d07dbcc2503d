"""A controller and workers in one process over real gRPC, and a way to give them jobs."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from memory import MemoryExecutions, MemoryFlows, MemoryJobs, MemoryOutputs, MemoryQueue, MemoryStorage

from segue.domain.execution.facts import TaskFinished
from segue.domain.execution.jobs import Job, OutputNeed
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.state import Status
from segue.plugins.registry import PluginRegistry
from segue.ports.clock import SystemClock
from segue.ports.queue import Channel
from segue.services.controller import Controller, ControllerConfig, ControllerPorts
from segue.services.worker import Worker, WorkerConfig

PLUGINS = {
    f"test.{name}": f"worker_plugins:{name}"
    for name in ("Block", "Big", "Chatty", "Stubborn", "Raise", "Wait", "Store", "Context", "Copy")
}


class Stage:
    def __init__(self, **controller: Any) -> None:
        self.jobs = MemoryJobs()
        self.executions = MemoryExecutions()
        self.flows = MemoryFlows()
        self.storage = MemoryStorage()
        self.queue = MemoryQueue()
        self.ports = ControllerPorts(
            jobs=self.jobs,
            executions=self.executions,
            outputs=MemoryOutputs(self.jobs),
            flows=self.flows,
            storage=self.storage,
            queue=self.queue,
            clock=SystemClock(),
        )
        settings = {"heartbeat": 0.1, "lease": 2.0, "fallback": 0.2} | controller
        self.config = ControllerConfig(**settings)
        self.controller = Controller(self.ports, self.config)
        self.workers: list[Worker] = []
        self._numbers = itertools.count(1)

    async def start_controller(self, port: int = 0) -> None:
        self.controller = Controller(self.ports, msgspec_replace(self.config, port=port))
        await self.controller.start()

    async def add_worker(self, **settings: Any) -> Worker:
        config = {"endpoints": (self.controller.address,), "slots": 8, "kill_grace": 0.2, "stop_grace": 2.0}
        worker = Worker(WorkerConfig(**(config | settings)), PluginRegistry(PLUGINS, installed=False))
        await worker.start()
        self.workers.append(worker)
        await asyncio.wait_for(worker.wait_connected(), 5)
        return worker

    async def stop(self) -> None:
        for worker in self.workers:
            await worker.stop()
        await self.controller.stop()

    def flow(self, tasks: str, name: str = "f", head: str = "") -> FlowKey:
        key = FlowKey("main", "io.test", name, 1)
        self.flows.put(key, f"id: {name}\nnamespace: io.test\n{head}\ntasks:\n{tasks}")
        return key

    def execution(self, flow: FlowKey, **fields: Any) -> Execution:
        now = datetime.now(UTC)
        id_ = f"execution{next(self._numbers)}"
        row = Execution(id=id_, flow=flow, status=Status.begin(now), created_at=now, **fields)
        self.executions.rows[id_] = row
        return row

    async def submit(
        self,
        execution: Execution,
        task_id: str,
        context: dict[str, Any] | None = None,
        outputs: tuple[OutputNeed, ...] = (),
        quiet: bool = False,
    ) -> str:
        job = Job(
            task_run_id=f"{execution.id}-{next(self._numbers)}",
            execution_id=execution.id,
            flow=execution.flow,
            task_id=task_id,
            attempt=0,
            created_at=datetime.now(UTC),
            context=msgspec.json.encode(context or {}),
            outputs=outputs,
        )
        self.jobs.ready_jobs.append(job)
        if not quiet:
            await self.queue.broadcast(Channel.JOBS, ["default"])
        return job.task_run_id

    async def run(self, flow: FlowKey, task_id: str = "t", **fields: Any) -> TaskFinished:
        run = await self.submit(self.execution(flow, **fields), task_id)
        return await self.finished(run)

    async def finished(self, run: str, seconds: float = 10) -> TaskFinished:
        found = await self.until(
            lambda: [f for f in self.jobs.facts if f.task_run_id == run and isinstance(f, TaskFinished)], seconds
        )
        return found[0]

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                await asyncio.sleep(0.005)
        return found

    def lines(self, run: str) -> list[str]:
        own = [line for line in self.jobs.logs.values() if line.task_run_id == run]
        own.sort(key=lambda line: int(line.id.rpartition(":")[2]))
        return [f"{line.level} {line.message}" for line in own]

    def outputs(self, run: str) -> Any:
        return msgspec.json.decode(self.jobs.outputs[run])


def msgspec_replace(config: ControllerConfig, **changes: Any) -> ControllerConfig:
    import dataclasses

    return dataclasses.replace(config, **changes)


@contextlib.asynccontextmanager
async def open_stage(**controller: Any):
    stage = Stage(**controller)
    await stage.start_controller()
    try:
        yield stage
    finally:
        await stage.stop()
