"""How an execution comes into being: what it takes over from its flow, its caller and its trigger.

Facts: flow language 2.4 (labels), 11.1 and 11.2 (fields), 2.10 (checks that fail it at once).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from segue.domain.execution.fixtures import Fixture
from segue.domain.execution.limits import DEFAULT_LIMITS, EngineLimits, check_inputs, check_labels
from segue.domain.execution.model import Breakpoint, Caller, Execution, ExecutionKind, ExecutionTrigger, FlowKey
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.ids import derived_id
from segue.domain.labels import CORRELATION_ID, SYSTEM_PREFIX, Label, merge_labels


class NewExecution(msgspec.Struct, frozen=True, kw_only=True):
    """An execution to be written together with its ``Created`` fact.

    One that goes on from another has ``task_runs`` from the beginning; their outputs are copied in the database,
    ``copied_outputs`` holding pairs of task runs: from, to. What the engine keeps for a task run (under owners that
    begin with its id and ``#``) is copied with them.
    """

    execution: Execution
    task_runs: tuple[TaskRun, ...] = ()
    copied_outputs: tuple[tuple[str, str], ...] = ()


def successor_id(execution: Execution) -> str:
    """The id of the execution that is started in place of one that is RETRIED (flow language 2.8)."""
    return derived_id(execution.created_at, execution.id, "retry")


class StartRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the one who starts an execution gives; ``inputs`` are resolved already.

    ``labels`` are those of the caller or the trigger, after rendering. ``original_id`` names the first
    execution of a chain of replays, ``parent_id`` the one this execution was made from or by.
    """

    inputs: dict[str, Any] = {}
    labels: tuple[Label, ...] = ()
    trigger: ExecutionTrigger | None = None
    kind: ExecutionKind = ExecutionKind.NORMAL
    scheduled_at: datetime | None = None
    parent_id: str | None = None
    caller: Caller | None = None
    original_id: str | None = None
    breakpoints: tuple[Breakpoint, ...] = ()
    fixtures: tuple[Fixture, ...] = ()
    depth: int = 0
    chain: int = 0
    asked_outputs: dict[str, Any] | None = None
    is_failed: bool = False
    """A check of the flow asks for an execution that is FAILED from the start (flow language 2.10).

    Its first step runs ``afterExecution``, tells its caller, and finishes it.
    """


def create_execution(
    flow: CompiledFlow,
    request: StartRequest,
    execution_id: str,
    now: datetime,
    limits: EngineLimits = DEFAULT_LIMITS,
) -> Execution:
    """The new execution of ``flow``, in state CREATED, not yet written anywhere.

    It pins the revision of ``flow`` and the settings of its namespaces. Labels are the flow's without ``system.*``,
    then the request's, the later of two with one key winning; a chain without a correlation id gets the
    execution's own.
    Raises ``LimitExceededError`` for inputs or labels that are too large.
    """
    check_inputs(request.inputs, limits)
    labels = execution_labels(flow.flow.labels, request.labels, execution_id)
    check_labels(labels, limits)
    status = Status.begin(now)
    return Execution(
        id=execution_id,
        flow=FlowKey(flow.tenant, flow.flow.namespace, flow.flow.id, flow.revision, flow.settings.pin),
        status=status.to(State.FAILED, now) if request.is_failed else status,
        created_at=now,
        labels=labels,
        inputs=request.inputs,
        trigger=request.trigger,
        parent_id=request.parent_id,
        caller=request.caller,
        original_id=request.original_id,
        kind=request.kind,
        breakpoints=request.breakpoints,
        fixtures=request.fixtures,
        scheduled_at=request.scheduled_at if request.scheduled_at and request.scheduled_at > now else None,
        depth=request.depth,
        chain=request.chain,
        asked_outputs=request.asked_outputs,
    )


def execution_labels(
    of_flow: Iterable[tuple[str, str]], given: Iterable[Label], execution_id: str
) -> tuple[Label, ...]:
    """Join the labels of a flow and those given at the start, and see to the correlation id."""
    own = [Label(key, value) for key, value in of_flow if not key.startswith(SYSTEM_PREFIX)]
    labels = merge_labels(own, given)
    if any(label.key == CORRELATION_ID for label in labels):
        return labels
    return (*labels, Label(CORRELATION_ID, execution_id))
