"""Executor, controller and worker together in one process, over real gRPC, SQLite and local storage."""

import contextlib

import worker_plugins
from stage import open_stage

from segue.expr import Dialect, Engine
from segue.plugins.registry import PluginRegistry
from segue.ports.queue import Topic
from segue.ports.rendering import system_renderer
from segue.ports.repositories.catalog import FlowCatalog
from segue.services.executor import Executor, ExecutorPorts


class Whole:
    """A stage with an executor."""

    def __init__(self, stage):
        self.stage = stage

    async def run(self, tasks, head="", **fields):
        execution = await self.begin(tasks, head, **fields)
        return await self.ended(execution.id)

    async def begin(self, tasks, head="", **fields):
        execution = await self.stage.execution(await self.stage.flow(tasks, head=head), **fields)
        await self.stage.queue.publish(Topic.EXECUTIONS, [execution.id])
        return execution

    async def ended(self, id_):
        async def finished():
            row = await self.stage.database.executions.get("main", id_)
            return row if row.is_finished else None

        row = await self.stage.until(finished)
        runs = {run.task_id: run for run in await self.stage.database.executions.task_runs(id_)}
        return row, runs


@contextlib.asynccontextmanager
async def open_whole(folder, dialect=Dialect.V2):
    worker_plugins.RELEASE.clear()
    async with open_stage(folder, dialect=dialect) as stage:
        clock, types = stage.ports.clock, PluginRegistry(installed=False)
        executor = Executor(
            ExecutorPorts(
                journal=stage.database.journal,
                queue=stage.queue,
                catalog=FlowCatalog(stage.database.flows, types),
                storage=stage.storage,
                slots=stage.database.slots,
                followers=stage.database.followers,
                clock=clock,
                renderer=system_renderer(Engine(dialect=dialect), clock),
                values=stage.values,
            )
        )
        await executor.start()
        await stage.add_worker()
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(worker_plugins.RELEASE.set)
            yield Whole(stage)
        await executor.stop()
