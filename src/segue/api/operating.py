"""Requests to executions: checked, written as facts, and waited for until an executor has read them (design D1)."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from litestar import Request as HttpRequest

from segue.api.auth import caller_name
from segue.api.config import ApiConfig
from segue.api.follow import ChangeHub, Watch
from segue.api.ports import ApiPorts
from segue.domain.errors import NotFoundError, UnavailableError
from segue.domain.execution.facts import Fact
from segue.domain.execution.model import Execution
from segue.domain.execution.operations import Operation, check_legal
from segue.ports.queue import Topic
from segue.ports.repositories.execution_removal import ExecutionRemoval
from segue.ports.repositories.executions import Purge

logger = logging.getLogger(__name__)

KILL_KEY = "kill"
_LOOK_EVERY = 0.25
_NAMED = 10


class Operating:
    """What the routers use to ask something of executions."""

    def __init__(self, ports: ApiPorts, config: ApiConfig, changes: ChangeHub) -> None:
        self._ports = ports
        self._config = config
        self._changes = changes

    async def ask(self, execution: Execution, operation: Operation, fact: Fact, key: str | None = None) -> Execution:
        """Write a request and wait a moment for its effect; the execution as it is then.

        Raises ``IllegalStateError`` when the operation does not fit the state of ``execution``.
        """
        check_legal(operation, execution.state)
        key = key or f"{operation.value}:{self._ports.ids.new()}"
        with self._changes.watch(execution.id) as watch:
            await self.submit([(execution.id, fact, key)])
            await self._read(execution.id, key, watch)
        found = await self._ports.executions.get(execution.flow.tenant, execution.id)
        if found is None:
            raise NotFoundError(f"Execution {execution.id} not found")
        return found

    async def submit(self, facts: Sequence[tuple[str, Fact, str | None]]) -> None:
        """Write requests and wake an executor; without a queue the reconciler finds them."""
        await self._ports.executions.submit(facts)
        try:
            await self._ports.queue.publish(Topic.EXECUTIONS, [execution_id for execution_id, _, _ in facts])
        except UnavailableError as error:
            logger.warning("%d executions wait for the reconciler: %s", len(facts), error)

    async def _read(self, execution_id: str, key: str, watch: Watch) -> None:
        """Return once the fact is read, and after ``operation_wait`` seconds at the latest."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.operation_wait
        while (left := deadline - loop.time()) > 0:
            await watch.changed(min(left, _LOOK_EVERY))
            if not await self._ports.executions.is_unread(execution_id, key):
                return

    async def delete(
        self,
        tenant: str,
        execution_ids: Sequence[str],
        *,
        logs: bool,
        metrics: bool,
        files: bool,
        by: str | None = None,
    ) -> list[Execution]:
        """Remove executions, their rows first, with the iterations of their loops; those that there were.

        Who did it stands in the server's log, as that of the executions goes with them.
        """
        removal = ExecutionRemoval(self._ports.executions, self._ports.storage)
        wanted = Purge(logs=logs, metrics=metrics)
        removed = (await removal.remove(tenant, execution_ids, wanted, files=files)).executions
        if removed:
            named = ", ".join(execution.id for execution in removed[:_NAMED])
            logger.info("%d executions deleted by %s: %s", len(removed), by or "an unnamed user", named)
        return removed


def asked_by(request: HttpRequest[Any, Any, Any]) -> str | None:
    """Who asks, for the log of the execution."""
    return caller_name(request.scope["headers"])
