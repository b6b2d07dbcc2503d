"""Calls about log lines."""

from collections.abc import Iterable
from typing import Any

from segue.domain.errors import LimitExceededError, NotFoundError
from segue.domain.platform.logs import LARGEST_SLICE, LogsPurged, PurgeLogs
from segue.ports.repositories.logs import LogQuery
from segue.services.controller.config import ControllerPorts
from segue.services.controller.platform.reach import check_scope
from segue.services.controller.sessions import HeldJob


class LogCalls:
    """What is asked about log lines."""

    def __init__(self, ports: ControllerPorts) -> None:
        self._executions = ports.executions
        self._logs = ports.values.logs
        self._access = ports.values.access

    def handlers(self) -> Iterable[tuple[Any, Any]]:
        """Each call with who answers it."""
        return ((PurgeLogs, self.purge),)

    async def purge(self, job: HeldJob, call: PurgeLogs) -> LogsPurged:
        """See ``PurgeLogs``. Raises ``NotFoundError`` for an execution that is not there."""
        if not 1 <= call.limit <= LARGEST_SLICE:
            raise LimitExceededError(f"A slice has 1 to {LARGEST_SLICE} lines", "limit")
        if call.execution_id and not call.namespace:
            owner = await self._executions.get(job.flow.tenant, call.execution_id)
            if owner is None:
                raise NotFoundError(f"There is no execution '{call.execution_id[:100]}': give its `namespace` as well")
            self._access.check_namespace(job.flow, owner.flow.namespace)
        else:
            check_scope(self._access, job, call.namespace, call.flow_id)
        query = LogQuery(
            tenant=job.flow.tenant,
            execution_id=call.execution_id or None,
            namespace=call.namespace if call.flow_id and call.namespace else None,
            namespace_prefix=None if call.flow_id else call.namespace or None,
            flow_id=call.flow_id or None,
            levels=call.levels,
            of_executions=call.of_executions,
            after=call.after,
            before=call.before,
        )
        count = await self._logs.delete(query, call.limit)
        return LogsPurged(count, count == call.limit)
