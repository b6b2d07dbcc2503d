"""Removing executions with all that hangs on them, files included: one way for the API and for purges."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from segue.domain.execution.model import Execution, execution_folder
from segue.ports.repositories.executions import ExecutionRepository, Purge
from segue.ports.storage import Storage

_LOOP_BATCH = 200
_FOLDERS_AT_ONCE = 8


class Removed(NamedTuple):
    """The executions that were asked for and there; the counts are of their loops' iterations too."""

    executions: list[Execution]
    logs: int
    metrics: int
    outputs: int
    files: int


class ExecutionRemoval:
    """Removes executions from repository and storage.

    One that still runs ends with it: its jobs are gone, so that a late result is refused, and its worker is told to
    stop with the next heartbeats.
    """

    def __init__(self, executions: ExecutionRepository, storage: Storage) -> None:
        self._executions = executions
        self._storage = storage

    async def remove(
        self, tenant: str, execution_ids: Sequence[str], purge: Purge | None = None, *, files: bool = True
    ) -> Removed:
        """Remove the parts chosen, rows before files; with the rows go the iterations of the executions' loops."""
        wanted = purge or Purge()
        purged = await self._executions.purge(tenant, execution_ids, wanted)
        logs, metrics, outputs = purged.logs, purged.metrics, purged.outputs
        count = await self._delete_files(purged.executions) if files else 0
        parents = [execution.id for execution in purged.executions] if wanted.rows else []
        while parents:
            ids = [child.id for child in await self._executions.loop_children(parents, _LOOP_BATCH)]
            if not ids:
                break
            below = await self.remove(tenant, ids, wanted, files=files)
            if not below.executions:
                break
            logs, metrics, outputs = logs + below.logs, metrics + below.metrics, outputs + below.outputs
            count += below.files
        return Removed(purged.executions, logs, metrics, outputs, count)

    async def _delete_files(self, executions: Iterable[Execution]) -> int:
        places = asyncio.Semaphore(_FOLDERS_AT_ONCE)

        async def delete(execution: Execution) -> int:
            async with places:
                return await self._storage.delete_below(execution.flow.tenant, execution_folder(execution))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(delete(execution)) for execution in executions]
        return sum(task.result() for task in tasks)
