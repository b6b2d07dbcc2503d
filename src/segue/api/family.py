"""The executions around one: those that started it and those it started, as they change (REST API 5.2)."""

from collections.abc import AsyncIterator

import msgspec

from segue.api.backend import Backend
from segue.api.follow import event
from segue.api.schemas.executions import ApiState, wire_state
from segue.domain.execution.model import Execution, ExecutionKind
from segue.ports.repositories.executions import ExecutionQuery

_MOST = 1_000
_BATCH = 200
_LOOK_EVERY = 1.0
_encoder = msgspec.json.Encoder()


class ExecutionStatus(msgspec.Struct, frozen=True, rename="camel"):
    """One execution of the family in its present state."""

    execution_id: str
    tenant_id: str
    namespace: str
    flow_id: str
    state: ApiState


class Family:
    """Finds the executions around ``execution_id`` again and again, up to a thousand of them."""

    def __init__(
        self, backend: Backend, tenant: str, execution_id: str, destination_only: bool, expand_all: bool
    ) -> None:
        self._backend = backend
        self._tenant = tenant
        self._root = execution_id
        self._destination_only = destination_only
        self._expand_all = expand_all
        self._seen: dict[str, int] = {}

    async def events(self) -> AsyncIterator[bytes]:
        """Server-sent events: ``start``, ``progress`` and ``end`` for each execution, ``end-all`` at last."""
        with self._backend.changes.watch(self._root) as watch:
            while True:
                members = await self._members()
                for item in [item for member in members for item in self._news(member)]:
                    yield item
                if all(member.is_finished for member in members):
                    if members:
                        yield event("end-all", self._data(members[0]))
                    return
                await watch.changed(_LOOK_EVERY)

    def _news(self, member: Execution) -> list[bytes]:
        """What to tell of one execution that has changed since the last look."""
        seen = self._seen.get(member.id)
        if seen == member.version:
            return []
        self._seen[member.id] = member.version
        kinds = ["start"] if seen is None else [] if member.is_finished else ["progress"]
        if member.is_finished:
            kinds.append("end")
        return [event(kind, self._data(member)) for kind in kinds]

    def _data(self, execution: Execution) -> bytes:
        flow = execution.flow
        state = wire_state(execution.status, self._backend.ports.clock.now())
        return _encoder.encode(ExecutionStatus(execution.id, flow.tenant, flow.namespace, flow.flow_id, state))

    async def _members(self) -> list[Execution]:
        """The execution itself, its ancestors unless left out, its children; all below with ``expandAll``."""
        root = await self._backend.find_execution(self._tenant, self._root)
        if root is None:
            return []
        found = {root.id: root}
        if not self._destination_only:
            await self._add_ancestors(root, found)
        waiting = [root.id]
        while waiting and len(found) < _MOST:
            children = await self._children(waiting.pop(0))
            new = [child for child in children if child.id not in found]
            found |= {child.id: child for child in new}
            if self._expand_all:
                waiting += [child.id for child in new]
        return list(found.values())[:_MOST]

    async def _add_ancestors(self, execution: Execution, found: dict[str, Execution]) -> None:
        current: Execution | None = execution
        while current is not None and current.caller is not None and len(found) < _MOST:
            current = await self._backend.find_execution(self._tenant, current.caller.execution_id)
            if current is None or current.id in found:
                return
            found[current.id] = current

    async def _children(self, execution_id: str) -> list[Execution]:
        query = ExecutionQuery(tenant=self._tenant, caller_id=execution_id, kinds=(ExecutionKind.NORMAL,))
        return await self._backend.ports.executions.scan(query, "", _BATCH)
