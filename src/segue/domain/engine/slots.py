"""What an execution asks for when its flow limits how many run at a time, and what the answer means to it."""

from segue.domain.engine.needs import SlotNeed
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.slots import SlotAnswer, SlotRequest, slot_scope
from segue.domain.flow.limits import Concurrency, ConcurrencyBehavior


def slot_request(state: ExecutionState, revision: int, limit: Concurrency, need: SlotNeed) -> SlotRequest:
    """The request of an execution under ``limit``, which ``revision`` of its flow says."""
    execution = state.execution
    return SlotRequest(
        execution_id=execution.id,
        version=execution.version,
        scope=slot_scope(execution.flow),
        revision=revision,
        limit=limit.limit,
        created_at=execution.created_at,
        queues=limit.behavior is ConcurrencyBehavior.QUEUE,
        is_forced=need.is_forced,
    )


def slot_answer(limit: Concurrency, *, held: bool, waits: bool) -> SlotAnswer:
    """What the execution is told when it holds a slot, waits for one, or was denied."""
    if held:
        return SlotAnswer.HELD
    if waits:
        return SlotAnswer.WAITING
    return SlotAnswer.CANCEL if limit.behavior is ConcurrencyBehavior.CANCEL else SlotAnswer.FAIL
