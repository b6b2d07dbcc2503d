"""From executions that triggers start to what is written for them, whoever evaluated the trigger."""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from segue.domain.errors import UnavailableError
from segue.domain.execution.creation import NewExecution, create_execution
from segue.domain.execution.limits import EngineLimits
from segue.domain.execution.logs import MASK, LogEntry, LogLevel
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.ids import derived_id
from segue.domain.trigger.starting import Start
from segue.domain.trigger.state import TriggerKey, TriggerState
from segue.ports.queue import Channel, Queue, Topic
from segue.ports.repositories.triggers import TriggerTurn

logger = logging.getLogger(__name__)


class Begun(NamedTuple):
    """An execution that a trigger starts, unless ``start`` refuses; ``date`` is the one it was planned for."""

    execution_id: str
    start: Start
    date: datetime | None = None


def turn_of(
    state: TriggerState,
    flow: CompiledFlow,
    begun: Iterable[Begun],
    now: datetime,
    *,
    secrets: frozenset[str],
    limits: EngineLimits,
) -> TriggerTurn:
    """The rows: executions, and log lines without secrets."""
    executions, lines = [], []
    for execution_id, start, date in begun:
        said: list[tuple[LogLevel, str, str | None]] = [(LogLevel.WARN, warning, None) for warning in start.warnings]
        if start.request is not None:
            execution = create_execution(flow, start.request, execution_id, now, limits)
            executions.append(NewExecution(execution=msgspec.structs.replace(execution, scheduled_at=date)))
            if start.error is not None:
                said.append((LogLevel.ERROR, start.error, execution_id))
        for number, (level, message, about) in enumerate(said):
            lines.append(line_of(state.key, now, level, hidden(message, secrets), f"{execution_id}/{number}", about))
    if executions:
        state = msgspec.structs.replace(state, triggered_at=now)
    return TriggerTurn(state=state, executions=executions, logs=lines)


async def publish(queue: Queue, turns: Sequence[TriggerTurn]) -> None:
    """Wake executors and controllers for turns that are written; what is not heard is found later (design D2)."""
    started = [new.execution.id for turn in turns for new in turn.executions]
    queues = sorted({job.worker_queue for turn in turns for job in turn.jobs})
    try:
        await queue.publish(Topic.EXECUTIONS, started)
        if queues:
            await queue.broadcast(Channel.JOBS, queues)
    except UnavailableError as error:
        logger.warning("%d executions wait for the reconciler: %s", len(started), error)


def locked(turn: TriggerTurn) -> TriggerTurn:
    """The same turn, with the trigger locked by the execution that it starts last (flow language 12.2)."""
    if not turn.executions:
        return turn
    state = msgspec.structs.replace(turn.state, execution_id=turn.executions[-1].execution.id)
    return msgspec.structs.replace(turn, state=state)


def hidden(message: str, secrets: Collection[str]) -> str:
    """The message without secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        message = message.replace(secret, MASK)
    return message


def line_of(
    key: TriggerKey, at: datetime, level: LogLevel, message: str, what: str | int, execution_id: str | None = None
) -> LogEntry:
    """A line of the trigger's log, or of an execution that it starts."""
    return LogEntry(
        id=derived_id(at, key.uid, what),
        tenant=key.tenant,
        namespace=key.namespace,
        flow_id=key.flow_id,
        trigger_id=key.trigger_id,
        execution_id=execution_id,
        at=at,
        level=level,
        message=message,
    )
