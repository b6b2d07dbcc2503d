"""The executor: takes wake-ups as they come and steps the executions they name."""

from segue.ports.queue import Topic
from segue.services.executor.config import ExecutorConfig, ExecutorPorts
from segue.services.executor.step import Step
from segue.services.lifecycle import Service


class Executor(Service):
    """Any number of executors may run on one database; the version of each execution keeps them apart."""

    name = "executor"

    def __init__(self, ports: ExecutorPorts, config: ExecutorConfig | None = None) -> None:
        super().__init__()
        self._ports = ports
        self._config = config or ExecutorConfig()
        self._step = Step(ports, self._config)

    async def on_start(self) -> None:
        """Begin to consume."""
        self.spawn(self._consume, "consume")

    async def on_stop(self) -> None:
        """Break off what is fetched beside the batches."""
        await self._step.stop()

    async def _consume(self) -> None:
        async with self._ports.queue.consume(Topic.EXECUTIONS, self._config.batch_size) as batches:
            async for execution_ids in batches:
                await self._step.run(execution_ids)
                self.recovered()
