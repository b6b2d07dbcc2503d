"""What a task asks of the platform beside files: implements the SDK's ``Platform``."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from segue.domain.execution.logs import LogLevel
from segue.proto.generated import worker_pb2 as pb
from segue.services.worker.control import Control


class TaskPlatform:
    """The platform as one run sees it."""

    def __init__(
        self,
        job: pb.Job,
        control: Control,
        run_task: Callable[[str], Awaitable[Mapping[str, Any] | None]],
    ) -> None:
        self._job = job
        self._control = control
        self._run_task = run_task

    def read_logs(
        self,
        execution_id: str = "",
        *,
        namespace: str = "",
        flow_id: str = "",
        task_ids: Iterable[str] = (),
        level: LogLevel = LogLevel.TRACE,
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Log lines of an execution, in pages."""
        wanted = pb.FetchLogsRequest(
            of_execution_id=execution_id,
            namespace=namespace,
            flow_id=flow_id,
            task_ids=task_ids,
            minimum_level=level,
        )
        return self._control.logs(self._job, wanted)

    async def run_task(self, text: str) -> Mapping[str, Any] | None:
        """Run the task of a YAML text in place of this one."""
        return await self._run_task(text)
