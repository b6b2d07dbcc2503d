"""Calls about flows and namespaces."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from segue.domain.errors import LimitExceededError, NotFoundError, SegueError
from segue.domain.execution.state import TERMINATED, State
from segue.domain.namespaces import check_namespace, lineage
from segue.domain.platform.flows import (
    LARGEST_PAGE,
    GetFlows,
    ListNamespaces,
    NamespacesListed,
    PurgeRevisions,
    RevisionsPurged,
    SearchFlows,
    SelectNamespaces,
)
from segue.domain.wildcards import fits
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.flows import FlowQuery, StoredFlow
from segue.ports.repositories.paging import PageRequest
from segue.services.controller.config import ControllerPorts
from segue.services.controller.platform.reach import check_scope
from segue.services.controller.sessions import HeldJob

_ORDER = (("namespace", True), ("id", True))
_OPEN = tuple(state for state in State if state not in TERMINATED)
_SCAN = 500


class _Page(msgspec.Struct, frozen=True):
    results: list[Any]
    total: int


class _Found(msgspec.Struct, frozen=True):
    flows: list[Any]


class FlowCalls:
    """What is asked about flows and namespaces."""

    def __init__(self, ports: ControllerPorts) -> None:
        self._flows = ports.flows
        self._executions = ports.executions
        self._documents = ports.documents
        self._access = ports.values.access

    def handlers(self) -> Iterable[tuple[Any, Any]]:
        """Each call with who answers it."""
        return (
            (PurgeRevisions, self.purge_revisions),
            (SearchFlows, self.search),
            (GetFlows, self.get),
            (ListNamespaces, self.namespaces),
            (SelectNamespaces, self.select),
        )

    async def purge_revisions(self, job: HeldJob, call: PurgeRevisions) -> RevisionsPurged:
        """See ``PurgeRevisions``. Raises ``SegueError`` for a flow id without a namespace, or nothing to go by."""
        if call.flow_id and not call.namespace:
            raise SegueError("`namespace` is required when `flowId` is set")
        if (call.keep is None) == (call.before is None) or (call.keep is not None and call.keep < 1):
            raise SegueError("Either `keepAmount`, 1 or more, or `before` is needed")
        check_scope(self._access, job, call.namespace, call.flow_id)
        query = FlowQuery(
            tenant=job.flow.tenant,
            namespaces=(call.namespace,) if call.flow_id else (),
            namespace_prefix=None if call.flow_id else call.namespace or None,
            flow_ids=(call.flow_id,) if call.flow_id else (),
            page=PageRequest(max(call.page, 1), LARGEST_PAGE, _ORDER),
        )
        found = (await self._flows.search(query)).items
        count = 0
        for flow in found:
            old = _old(await self._flows.revisions(flow.tenant, flow.namespace, flow.id), call)
            if old:
                used = await self._revisions_in_use(flow)
                old = [revision for revision in old if revision not in used]
            if old:
                count += await self._flows.delete_revisions(flow.tenant, flow.namespace, flow.id, old)
        return RevisionsPurged(count, max(call.page, 1) + 1 if len(found) == LARGEST_PAGE else None)

    async def _revisions_in_use(self, flow: StoredFlow) -> set[int]:
        """The revisions of executions that have not ended."""
        query = ExecutionQuery(
            tenant=flow.tenant, namespaces=(flow.namespace,), flow_id=flow.id, states=_OPEN, kinds=()
        )
        used: set[int] = set()
        after = ""
        while found := await self._executions.scan(query, after, _SCAN):
            used |= {execution.flow.revision for execution in found}
            after = found[-1].id
        return used

    async def search(self, job: HeldJob, call: SearchFlows) -> _Page:
        """See ``SearchFlows``. Raises ``LimitExceededError`` for a page that is too large."""
        if not 1 <= call.size <= LARGEST_PAGE or call.page < 1:
            raise LimitExceededError(f"Pages begin with 1 and have 1 to {LARGEST_PAGE} flows", "page")
        check_scope(self._access, job, call.namespace, "exact" if call.is_exact else "")
        query = FlowQuery(
            tenant=job.flow.tenant,
            namespaces=(call.namespace,) if call.is_exact else (),
            namespace_prefix=None if call.is_exact else call.namespace or None,
            labels=call.labels,
            page=PageRequest(call.page, call.size, _ORDER),
        )
        found = await self._flows.search(query)
        return _Page([self._documents.flow(flow) for flow in found.items], found.total)

    async def get(self, job: HeldJob, call: GetFlows) -> _Found:
        """See ``GetFlows``. Raises ``NotFoundError``, and ``LimitExceededError`` for too many."""
        if len(call.names) > LARGEST_PAGE:
            raise LimitExceededError(f"At most {LARGEST_PAGE} flows are read at once", "names")
        flows = []
        for name in call.names:
            self._access.check_namespace(job.flow, name.namespace)
            flow = await self._flows.get(job.flow.tenant, name.namespace, name.flow_id)
            if flow is None:
                raise NotFoundError(f"There is no flow '{name.namespace[:150]}.{name.flow_id[:100]}'")
            flows.append(self._documents.flow(flow))
        return _Found(flows)

    async def namespaces(self, job: HeldJob, call: ListNamespaces) -> NamespacesListed:
        """See ``ListNamespaces``."""
        names = set(await self._flows.namespaces(job.flow.tenant))
        if call.with_ancestors:
            names |= {above for name in names for above in lineage(name)}
        begun = sorted(name for name in names if name.startswith(call.prefix))
        return NamespacesListed([name for name in begun if self._access.is_open(job.flow, name)])

    async def select(self, job: HeldJob, call: SelectNamespaces) -> NamespacesListed:
        """See ``SelectNamespaces``. Raises ``IllegalPathError`` when one of them is not open."""
        if call.names is not None and call.pattern:
            raise SegueError("`namespaces` and `namespacePattern` can't be used at the same time")
        there = list(await self._flows.namespaces(job.flow.tenant))
        if call.names is not None:
            named = [check_namespace(name) for name in call.names]
            below = [name for name in there if call.is_prefix and name.startswith(tuple(named))]
            there = [*named, *below]
        elif call.pattern:
            there = [name for name in there if fits(call.pattern, name)]
        chosen = sorted(set(there))
        for name in chosen:
            self._access.check_namespace(job.flow, name)
        return NamespacesListed(chosen)


def _old(revisions: Sequence[StoredFlow], call: PurgeRevisions) -> list[int]:
    """The revisions that go; neither the newest nor the newest that is no draft."""
    newest = revisions[-1:]
    proper = [flow for flow in revisions if not flow.draft][-1:]
    kept = {flow.revision for flow in (*newest, *proper)}
    if call.keep is not None:
        kept |= {flow.revision for flow in revisions[-call.keep :]}
    before = call.before
    return [
        flow.revision
        for flow in revisions
        if flow.revision not in kept and (before is None or flow.updated_at < before)
    ]
