"""Starting executions: back-pressure, one transaction for many callers, a wake-up for the executor."""

import logging
import time
from collections.abc import Sequence

from segue.api.config import ApiConfig
from segue.api.ports import ApiPorts
from segue.api.problems import CONFLICT, TOO_MANY_REQUESTS, ProblemError
from segue.domain.errors import DefinitionError, NotFoundError, UnavailableError
from segue.domain.execution.creation import StartRequest, create_execution
from segue.domain.execution.model import Execution
from segue.domain.flow.compiled import CompiledFlow
from segue.ports.batching import GroupCommit
from segue.ports.queue import Topic
from segue.ports.repositories.executions import ExecutionRepository

logger = logging.getLogger(__name__)

_LOOK_EVERY = 1.0
_RETRY_AFTER = "5"


class Pressure:
    """Refuses new work while too many facts wait (design D10); looks at most once a second."""

    def __init__(self, executions: ExecutionRepository, limit: int) -> None:
        self._executions = executions
        self._limit = limit
        self._depth = 0
        self._looked_at = -_LOOK_EVERY

    async def check(self) -> None:
        """Raise ``ProblemError`` (429) while the backlog is over the limit."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            self._depth = await self._executions.backlog()
        if self._depth > self._limit:
            raise ProblemError(
                TOO_MANY_REQUESTS,
                f"{self._depth} events wait to be processed, more than max_backlog ({self._limit})",
                headers={"Retry-After": _RETRY_AFTER},
            )


class Starter:
    """Creates executions; what arrives while one batch is written goes into the next."""

    def __init__(self, ports: ApiPorts, config: ApiConfig) -> None:
        self._ports = ports
        self._limits = config.limits
        self._pressure = Pressure(ports.executions, config.max_backlog)
        self._commit: GroupCommit[Execution, None] = GroupCommit(self._write)

    async def runnable(self, tenant: str, namespace: str, flow_id: str, revision: int | None = None) -> CompiledFlow:
        """The flow, if new executions are taken at all and it may have one.

        Raises ``NotFoundError``, and ``ProblemError`` for flows that are disabled or broken and for a
        backlog over the limit.
        """
        await self._pressure.check()
        if revision is not None and await self._ports.flows.get(tenant, namespace, flow_id, drafts=True) is None:
            raise NotFoundError(f"Flow {namespace}.{flow_id} not found")
        try:
            flow = await self._ports.catalog.latest(tenant, namespace, flow_id, revision)
        except DefinitionError as error:
            raise ProblemError(CONFLICT, f"Cannot execute an invalid flow: {error.message}") from None
        if flow.flow.disabled:
            raise ProblemError(CONFLICT, f"Cannot execute the disabled flow {namespace}.{flow_id}")
        return flow

    async def check_pressure(self) -> None:
        """Raise ``ProblemError`` (429) while the backlog is over the limit."""
        await self._pressure.check()

    def new_id(self) -> str:
        """The id of an execution to come, for files that are stored before it."""
        return self._ports.ids.new()

    async def start(self, flow: CompiledFlow, request: StartRequest, execution_id: str) -> Execution:
        """Write the execution and wake an executor. Raises ``LimitExceededError``."""
        execution = create_execution(flow, request, execution_id, self._ports.clock.now(), self._limits)
        await self._commit.submit(execution)
        return execution

    async def _write(self, batch: list[Execution]) -> Sequence[None]:
        await self._ports.executions.create(batch)
        try:
            await self._ports.queue.publish(Topic.EXECUTIONS, [execution.id for execution in batch])
        except UnavailableError as error:
            logger.warning("%d executions wait for the reconciler: %s", len(batch), error)
        return [None] * len(batch)
