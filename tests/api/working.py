"""The application with a real executor beside it, and a worker that answers by what a task's message says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from segue.api import ApiConfig
from segue.domain.execution.facts import TaskFinished
from segue.domain.execution.state import State
from segue.expr import Services
from segue.ports.queue import Topic
from segue.ports.rendering import Renderer
from segue.ports.repositories.jobs import Report, Result, WorkerLease
from segue.services.executor import Executor, ExecutorPorts
from tests.api.conftest import LOG, Server, serving

EXECUTIONS = "/api/v1/main/executions"


class Working:
    """A server whose flows run. Tasks with the message ``fail`` fail, those with ``wait`` wait to be let go."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.held = {"wait"}
        self.failing = {"fail"}

    async def work(self) -> None:
        """Answer jobs until cancelled."""
        jobs, clock = self.server.database.jobs, self.server.ports.clock
        waiting: list[Any] = []
        while True:
            waiting += await jobs.claim("w", ["default"], 50, clock.now())
            answered = [claimed for claimed in waiting if await self._message(claimed.job) not in self.held]
            waiting = [claimed for claimed in waiting if claimed not in answered]
            results = [await self._result(claimed) for claimed in answered]
            if results:
                woken = await jobs.accept(Report(results=results))
                await self.server.queue.publish(Topic.EXECUTIONS, woken)
            await asyncio.sleep(0.01)

    async def _message(self, job: Any) -> str:
        flow = await self.server.ports.catalog.by_key(job.flow)
        return str(getattr(flow.get_task(job.task_id), "properties", {}).get("message"))

    async def _result(self, claimed: Any) -> Result:
        now = self.server.ports.clock.now()
        failed = await self._message(claimed.job) in self.failing
        state = State.FAILED if failed else State.SUCCESS
        fact = TaskFinished(claimed.job.task_run_id, claimed.job.attempt, "w", state, now, now)
        return Result(claimed.job.execution_id, claimed.token, fact)

    async def act(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """A call that must be answered with ``status``; its body, None without one."""
        answer = await self.server.client.request(method, f"{EXECUTIONS}{path}", **options)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def get(self, execution_id: str) -> dict[str, Any]:
        """An execution as it is now."""
        return dict(await self.act("GET", f"/{execution_id}"))

    async def until(self, execution_id: str, *states: str) -> dict[str, Any]:
        """An execution once it is in one of the states."""
        async with asyncio.timeout(10):
            while (found := await self.get(execution_id))["state"]["current"] not in states:  # noqa: ASYNC110  polls as a client
                await asyncio.sleep(0.01)
        return found

    async def run(self, flow: str, *states: str, **parameters: Any) -> dict[str, Any]:
        """Start an execution and wait for a state."""
        created = await self.server.run(f"company.team/{flow}", params=parameters)
        return await self.until(created["id"], *states)


@asynccontextmanager
async def working(folder: Path) -> AsyncIterator[Working]:
    """A server with its executor and worker."""
    async with serving(folder, ApiConfig(operation_wait=5.0)) as server:
        renderer = Renderer(server.ports.engine, Services)
        assert server.ports.values is not None
        executor = Executor(
            ExecutorPorts(
                journal=server.database.journal,
                queue=server.queue,
                catalog=server.ports.catalog,
                storage=server.storage,
                clock=server.ports.clock,
                renderer=renderer,
                slots=server.database.slots,
                followers=server.database.followers,
                values=server.ports.values,
            )
        )
        one = Working(server)
        lease = WorkerLease(
            worker_id="w", name="w", worker_queues=("default",), slots=50, expires_at=server.ports.clock.now()
        )
        await server.database.jobs.renew([lease])
        await executor.start()
        task = asyncio.create_task(one.work())
        try:
            yield one
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await executor.stop()


def text(flow_id: str, **messages: str) -> str:
    """A flow with a Log task for each name."""
    tasks = "".join(
        f"  - {{id: {task_id}, type: {LOG}, message: {message}}}\n" for task_id, message in messages.items()
    )
    return f"id: {flow_id}\nnamespace: company.team\ntasks:\n{tasks}"


def states(execution: dict[str, Any]) -> dict[str, str]:
    """State by task id."""
    return {run["taskId"]: run["state"]["current"] for run in execution["taskRunList"]}
