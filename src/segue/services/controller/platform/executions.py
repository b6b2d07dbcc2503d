"""Calls about executions: counting and searching."""

import logging
from collections.abc import Iterable
from typing import Any

import msgspec

from segue.domain.errors import LimitExceededError, NotFoundError
from segue.domain.execution.model import ExecutionKind
from segue.domain.platform.executions import (
    LARGEST_PAGE,
    LARGEST_SLICE,
    MOST_COUNTS,
    ChildFilter,
    CountExecutions,
    ExecutionCount,
    ExecutionCounts,
    ExecutionsPurged,
    PurgeExecutions,
    Scope,
    SearchExecutions,
)
from segue.ports.repositories.execution_removal import ExecutionRemoval
from segue.ports.repositories.executions import ExecutionQuery, Purge
from segue.ports.repositories.filters import All, Comparison, ExecutionField, Filter, Match, Present
from segue.ports.repositories.paging import PageRequest
from segue.services.controller.config import ControllerConfig, ControllerPorts
from segue.services.controller.platform.reach import check_scope
from segue.services.controller.sessions import HeldJob

logger = logging.getLogger(__name__)
_TOP_LEVEL = tuple(kind for kind in ExecutionKind if kind is not ExecutionKind.LOOP)
"""Iterations of loops go with the execution around them."""


class _Page(msgspec.Struct, frozen=True):
    results: list[Any]
    total: int


class ExecutionCalls:
    """What is asked about executions."""

    def __init__(self, ports: ControllerPorts, config: ControllerConfig) -> None:
        self._ports = ports
        self._config = config
        self._access = ports.values.access

    def handlers(self) -> Iterable[tuple[Any, Any]]:
        """Each call with who answers it."""
        return ((CountExecutions, self.count), (SearchExecutions, self.search), (PurgeExecutions, self.purge))

    async def count(self, job: HeldJob, call: CountExecutions) -> ExecutionCounts:
        """See ``CountExecutions``. Raises ``LimitExceededError`` for too many at once."""
        if len(call.flows) + len(call.namespaces) > MOST_COUNTS:
            raise LimitExceededError(f"At most {MOST_COUNTS} flows and namespaces are counted at once", "counts")
        wanted = [(name.namespace, name.flow_id) for name in call.flows]
        places: list[tuple[str, str | None]] = [*wanted, *((name, None) for name in call.namespaces)]
        for namespace, _ in places:
            self._access.check_namespace(job.flow, namespace)
        query = ExecutionQuery(
            tenant=job.flow.tenant,
            states=call.states,
            started_after=call.started_after,
            started_before=call.started_before,
        )
        counts = []
        for namespace, flow_id in places:
            here = msgspec.structs.replace(query, namespaces=(namespace,), flow_id=flow_id)
            counts.append(ExecutionCount(namespace, flow_id, await self._ports.executions.count(here)))
        return ExecutionCounts(counts)

    async def search(self, job: HeldJob, call: SearchExecutions) -> _Page:
        """See ``SearchExecutions``. Raises ``LimitExceededError`` for a page that is too large."""
        if not 1 <= call.size <= LARGEST_PAGE or call.page < 1:
            raise LimitExceededError(f"Pages begin with 1 and have 1 to {LARGEST_PAGE} executions", "page")
        for namespace in call.namespaces:
            self._access.check_namespace(job.flow, namespace)
        if not call.namespaces:
            self._access.check_tree(job.flow, call.namespace)
        query = ExecutionQuery(
            tenant=job.flow.tenant,
            namespaces=call.namespaces,
            namespace_prefix=call.namespace or None,
            flow_id=call.flow_id or None,
            states=call.states,
            labels=call.labels,
            started_after=call.started_after,
            started_before=call.started_before,
            caller_id=call.caller_id or None,
            where=All(tuple(self._filters(call))),
            page=PageRequest(call.page, call.size),
        )
        found = await self._ports.executions.search(query)
        now = self._ports.clock.now()
        return _Page([self._ports.documents.execution(row, now) for row in found.items], found.total)

    async def purge(self, job: HeldJob, call: PurgeExecutions) -> ExecutionsPurged:
        """See ``PurgeExecutions``. Raises ``LimitExceededError`` for a slice that is too large."""
        if not 1 <= call.limit <= LARGEST_SLICE:
            raise LimitExceededError(f"A slice has 1 to {LARGEST_SLICE} executions", "limit")
        check_scope(self._access, job, call.namespace, call.flow_id)
        query = ExecutionQuery(
            tenant=job.flow.tenant,
            namespaces=(call.namespace,) if call.flow_id and call.namespace else (),
            namespace_prefix=None if call.flow_id else call.namespace or None,
            flow_id=call.flow_id or None,
            states=call.states,
            kinds=_TOP_LEVEL if call.rows else (),
            started_after=call.started_after,
            started_before=call.started_before,
        )
        found = await self._ports.executions.scan(query, call.after, call.limit)
        chain = await self._chain(job) if found else ""
        chosen = [row.id for row in found if row.state.is_terminated or row.correlation_id != chain]
        removed = await ExecutionRemoval(self._ports.executions, self._ports.storage).remove(
            job.flow.tenant, chosen, Purge(call.rows, call.logs, call.metrics), files=call.files
        )
        if removed.executions and call.rows:
            logger.info(
                "%d executions purged by %s.%s (%s)",
                len(removed.executions),
                job.flow.namespace,
                job.flow.flow_id,
                job.execution_id,
            )
        return ExecutionsPurged(
            executions=len(removed.executions) if call.rows else 0,
            logs=removed.logs,
            metrics=removed.metrics,
            outputs=removed.outputs,
            files=removed.files,
            after=found[-1].id if len(found) == call.limit else None,
        )

    async def _chain(self, job: HeldJob) -> str:
        """The correlation id of the execution that asks."""
        own = await self._ports.executions.get(job.flow.tenant, job.execution_id)
        if own is None:
            raise NotFoundError(f"The execution '{job.execution_id}' is not there any more")
        return own.correlation_id

    def _filters(self, call: SearchExecutions) -> Iterable[Filter]:
        if call.child_filter is not None:
            yield Present(ExecutionField.CALLER_ID, call.child_filter is ChildFilter.CHILD)
        if len(set(call.scopes)) == 1:
            comparison = Comparison.EQUALS if Scope.SYSTEM in call.scopes else Comparison.NOT_EQUALS
            yield Match(ExecutionField.NAMESPACE, comparison, (self._config.system_namespace,))
