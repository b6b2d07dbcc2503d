"""Calls that do something to one execution."""

import logging
from collections.abc import Iterable
from typing import Any

from segue.domain.errors import NotFoundError, SegueError, UnavailableError
from segue.domain.execution.facts import Fact, KillRequested
from segue.domain.execution.model import Execution
from segue.domain.execution.operations import Operation, check_legal
from segue.domain.execution.requests import ResumeRequested
from segue.domain.execution.state import State
from segue.domain.platform.executions import DeleteExecution, Done, KillExecution, ResumeExecution
from segue.ports.queue import Topic
from segue.ports.repositories.execution_removal import ExecutionRemoval
from segue.ports.repositories.executions import Purge
from segue.services.controller.config import ControllerPorts
from segue.services.controller.sessions import HeldJob

logger = logging.getLogger(__name__)
_KILL_KEY = "kill"


class OperatingCalls:
    """Kill, resume, delete."""

    def __init__(self, ports: ControllerPorts) -> None:
        self._ports = ports

    def handlers(self) -> Iterable[tuple[Any, Any]]:
        """Each call with who answers it."""
        return ((KillExecution, self.kill), (ResumeExecution, self.resume), (DeleteExecution, self.delete))

    async def kill(self, job: HeldJob, call: KillExecution) -> Done:
        """See ``KillExecution``. Raises ``NotFoundError``, and ``IllegalStateError`` for one that has ended."""
        execution = await self._find(job, call.execution_id)
        if execution.state in {State.KILLING, State.KILLED}:
            return Done()
        check_legal(Operation.KILL, execution.state)
        fact = KillRequested(self._ports.clock.now(), call.cascade, _who(job))
        return await self._submit(execution, fact, _KILL_KEY)

    async def resume(self, job: HeldJob, call: ResumeExecution) -> Done:
        """See ``ResumeExecution``. Raises ``NotFoundError``, and ``IllegalStateError`` for one that is not paused."""
        execution = await self._find(job, call.execution_id)
        flow = execution.flow
        if call.namespace not in {"", flow.namespace} or call.flow_id not in {"", flow.flow_id}:
            raise NotFoundError(f"There is no execution '{call.execution_id[:100]}' of this namespace and flow")
        key = f"resume:{job.token}"
        if await self._ports.executions.is_unread(execution.id, key):
            return Done()
        check_legal(Operation.RESUME, execution.state)
        return await self._submit(
            execution, ResumeRequested(self._ports.clock.now(), inputs=call.inputs, by=_who(job)), key
        )

    async def delete(self, job: HeldJob, call: DeleteExecution) -> Done:
        """See ``DeleteExecution``. Raises ``NotFoundError``, and ``SegueError`` for the execution that asks."""
        if call.execution_id == job.execution_id:
            raise SegueError("A task cannot delete the execution it belongs to")
        execution = await self._find(job, call.execution_id)
        removal = ExecutionRemoval(self._ports.executions, self._ports.storage)
        purge = Purge(logs=call.logs, metrics=call.metrics)
        await removal.remove(job.flow.tenant, [execution.id], purge, files=call.files)
        logger.info("execution %s deleted by %s (%s)", execution.id, _who(job), job.execution_id)
        return Done()

    async def _find(self, job: HeldJob, execution_id: str) -> Execution:
        found = await self._ports.executions.get(job.flow.tenant, execution_id)
        if found is None:
            raise NotFoundError(f"There is no execution '{execution_id[:100]}'")
        self._ports.values.access.check_namespace(job.flow, found.flow.namespace)
        return found

    async def _submit(self, execution: Execution, fact: Fact, key: str) -> Done:
        """Write the fact once; without a queue the reconciler finds it."""
        await self._ports.executions.submit([(execution.id, fact, key)])
        try:
            await self._ports.queue.publish(Topic.EXECUTIONS, [execution.id])
        except UnavailableError as error:
            logger.warning("execution %s waits for the reconciler: %s", execution.id, error)
        return Done()


def _who(job: HeldJob) -> str:
    return f"{job.flow.namespace}.{job.flow.flow_id}"
