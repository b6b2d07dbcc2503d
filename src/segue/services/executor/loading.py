"""Finds what a step needs to know and puts it into the state (design D1, D4)."""

import asyncio
from collections.abc import Collection
from typing import Any

import msgspec

from segue.domain.engine.needs import (
    ChildrenNeed,
    ExecutionNeed,
    FailedChildrenNeed,
    FlowNeed,
    LineCountNeed,
    LinesNeed,
    Need,
    OutputsNeed,
    RecordsNeed,
    SlotNeed,
)
from segue.domain.engine.state import ExecutionState
from segue.domain.errors import NotFoundError, SegueError, UnavailableError
from segue.domain.execution.task_run import OutputReference
from segue.services.executor.config import ExecutorPorts
from segue.services.executor.loop_files import LoopFiles
from segue.services.executor.slots import take_slot


class Loading:
    """One way in for each kind of need."""

    def __init__(self, ports: ExecutorPorts) -> None:
        self._ports = ports
        self._loops = LoopFiles(ports)

    async def load(self, state: ExecutionState, needs: Collection[Need]) -> None:
        """Load all that is needed.

        Raises ``UnavailableError`` when the database is away, ``NotFoundError`` for outputs that are gone.
        """
        outputs = [need for need in needs if isinstance(need, OutputsNeed)]
        if outputs:
            await self._outputs(state, outputs)
        for need in needs:
            if not isinstance(need, OutputsNeed):
                state.found[need] = await self._find(state, need)

    async def _find(self, state: ExecutionState, need: Need) -> Any:
        match need:
            case FlowNeed():
                tenant = state.execution.flow.tenant
                try:
                    return await self._ports.catalog.latest(tenant, need.namespace, need.flow_id, need.revision)
                except UnavailableError:
                    raise
                except SegueError as error:
                    return error
            case ChildrenNeed():
                return await self._ports.journal.open_children(need.execution_id)
            case FailedChildrenNeed():
                return await self._ports.journal.failed_children(need.execution_id)
            case ExecutionNeed():
                return (await self._ports.journal.executions([need.execution_id])).get(need.execution_id)
            case LineCountNeed() | LinesNeed() | RecordsNeed():
                return await self._loops.find(state.execution, need)
            case SlotNeed():
                return await take_slot(self._ports, state, need)
        raise AssertionError(need)

    async def _outputs(self, state: ExecutionState, needs: Collection[OutputsNeed]) -> None:
        stored = {need.owner_id: uri for need in needs if (uri := _uri(state, need)) is not None}
        inline = {need.owner_id for need in needs} - stored.keys()
        found = await self._ports.journal.outputs(sorted(inline)) if inline else {}
        for owner in inline:
            if owner not in found:
                raise NotFoundError(f"Outputs of {owner} are gone from the database")
            state.outputs[owner] = msgspec.json.decode(found[owner])
        for owner, uri in stored.items():
            content = self._ports.storage.get(state.execution.flow.tenant, uri)
            payload = b"".join([chunk async for chunk in content])
            state.outputs[owner] = await asyncio.to_thread(msgspec.json.decode, payload)


def reference_of(state: ExecutionState, owner_id: str) -> OutputReference | None:
    """Where the outputs of the execution itself or of one of its task runs lie, None for other owners."""
    if owner_id == state.execution.id:
        return state.execution.outputs
    run = state.runs.get(owner_id)
    return None if run is None else run.outputs


def _uri(state: ExecutionState, need: OutputsNeed) -> str | None:
    if need.uri is not None:
        return need.uri
    reference = reference_of(state, need.owner_id)
    return None if reference is None else reference.uri
