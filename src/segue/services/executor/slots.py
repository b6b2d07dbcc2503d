"""Slots for executions of flows that limit how many of them run at a time (flow language 2.7)."""

from segue.domain.engine.needs import SlotNeed
from segue.domain.engine.slots import slot_answer, slot_request
from segue.domain.engine.state import ExecutionState
from segue.domain.errors import SegueError, UnavailableError
from segue.domain.execution.slots import SlotAnswer
from segue.domain.flow.compiled import CompiledFlow
from segue.ports.queue import Topic
from segue.services.executor.config import ExecutorPorts


async def take_slot(ports: ExecutorPorts, state: ExecutionState, need: SlotNeed) -> SlotAnswer:
    """Ask for a slot under the limit of the flow's latest revision. Raises ``UnavailableError``."""
    flow = await _latest(ports, state)
    limit = flow.flow.concurrency
    if limit is None:
        return SlotAnswer.FREE
    taken = await ports.slots.take(slot_request(state, flow.revision, limit, need))
    if taken.woken:
        await ports.queue.publish(Topic.EXECUTIONS, taken.woken)
    return slot_answer(limit, held=taken.held, waits=taken.waits)


async def _latest(ports: ExecutorPorts, state: ExecutionState) -> CompiledFlow:
    """The latest revision; the execution's own when there is none, or none that can be read."""
    key = state.execution.flow
    try:
        return await ports.catalog.latest(key.tenant, key.namespace, key.flow_id)
    except UnavailableError:
        raise
    except SegueError:
        return state.flow
