"""Executions and task runs on the wire: a superset of 1.x and 2.0 (REST API 6.2, 6.3)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from segue.domain.durations import format_duration
from segue.domain.execution.fixtures import Fixture
from segue.domain.execution.model import Execution, ExecutionKind, ExecutionTrigger
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import TaskRun
from segue.domain.labels import Label


class ApiLabel(msgspec.Struct, frozen=True):
    """A label as an object."""

    key: str
    value: str


class ApiMoment(msgspec.Struct, frozen=True):
    """An entry of a history."""

    state: State
    date: datetime


class ApiState(msgspec.Struct, frozen=True, rename="camel"):
    """A state with its history; ``duration`` is ISO-8601."""

    current: State
    histories: list[ApiMoment]
    start_date: datetime
    duration: str
    end_date: datetime | UnsetType = UNSET


class ApiAttempt(msgspec.Struct, frozen=True, rename="camel"):
    """One try of a task run."""

    state: ApiState
    worker_id: str | UnsetType = UNSET
    log_file: str | UnsetType = UNSET


class ApiTaskRun(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A task run, without its outputs: those are at ``outputs/{executionId}/{taskRunId}``."""

    id: str
    execution_id: str
    namespace: str
    flow_id: str
    task_id: str
    state: ApiState
    tenant_id: str
    parent_task_run_id: str | UnsetType = UNSET
    value: str | UnsetType = UNSET
    iteration: int | UnsetType = UNSET
    attempts: list[ApiAttempt] | UnsetType = UNSET


class ApiTrigger(msgspec.Struct, frozen=True):
    """What started an execution."""

    id: str
    type: str
    variables: dict[str, Any]


class ApiMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """Which attempt this is, when the first one was made, and where it took or waited for a slot."""

    attempt_number: int
    original_created_date: datetime
    concurrency_scopes: list[str] | UnsetType = UNSET


class ApiLoopParent(msgspec.Struct, frozen=True):
    """The item of a loop around."""

    index: int
    value: str
    key: str | UnsetType = UNSET


class ApiLoopRun(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Which iteration of which Loop an execution of kind LOOP is; ``parents`` has the nearest loop first."""

    task_id: str
    task_run_id: str
    index: int
    value: str
    key: str | UnsetType = UNSET
    parents: list[ApiLoopParent]


class ApiBreakpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an execution is to be suspended."""

    id: str
    value: str | None = None


class ApiExecution(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An execution. ``task_run_list`` and ``variables`` are left out of search results."""

    tenant_id: str
    id: str
    namespace: str
    flow_id: str
    flow_revision: int
    state: ApiState
    original_id: str
    metadata: ApiMetadata
    labels: list[ApiLabel]
    kind: ExecutionKind
    deleted: bool = False
    task_run_list: list[ApiTaskRun] | UnsetType = UNSET
    inputs: dict[str, Any] | UnsetType = UNSET
    outputs: dict[str, Any] | UnsetType = UNSET
    variables: dict[str, Any] | UnsetType = UNSET
    parent_id: str | UnsetType = UNSET
    trigger: ApiTrigger | UnsetType = UNSET
    schedule_date: datetime | UnsetType = UNSET
    breakpoints: list[ApiBreakpoint] | UnsetType = UNSET
    fixtures: tuple[Fixture, ...] | UnsetType = UNSET
    url: str | UnsetType = UNSET
    loop_run: ApiLoopRun | UnsetType = UNSET


class LastExecution(msgspec.Struct, frozen=True, rename="camel"):
    """The newest execution of a flow."""

    id: str
    flow_id: str
    namespace: str
    start_date: datetime
    status: State


class TaskOutput(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """That a task run has outputs; ``inline`` is false when they lie in internal storage (REST API 6.4)."""

    task_id: str
    task_run_id: str
    inline: bool
    value: str | UnsetType = UNSET
    iteration: int | UnsetType = UNSET


def wire_state(status: Status, now: datetime) -> ApiState:
    """A status as clients read it."""
    return ApiState(
        current=status.current,
        histories=[ApiMoment(moment.state, moment.at) for moment in status.histories],
        start_date=status.started_at,
        duration=format_duration(status.duration(now)),
        end_date=_or_unset(status.ended_at),
    )


def wire_labels(labels: Iterable[Label]) -> list[ApiLabel]:
    """Labels as a list of objects."""
    return [ApiLabel(label.key, label.value) for label in labels]


def wire_trigger(trigger: ExecutionTrigger | None) -> ApiTrigger | UnsetType:
    """A trigger, if there is one."""
    return ApiTrigger(trigger.id, trigger.type, trigger.variables) if trigger else UNSET


def wire_task_run(run: TaskRun, execution: Execution, now: datetime) -> ApiTaskRun:
    """A task run with the keys of its execution, which strict clients require."""
    return ApiTaskRun(
        id=run.id,
        execution_id=execution.id,
        namespace=execution.flow.namespace,
        flow_id=execution.flow.flow_id,
        task_id=run.task_id,
        tenant_id=execution.flow.tenant,
        state=wire_state(run.status, now),
        parent_task_run_id=_or_unset(run.parent_id),
        value=_or_unset(run.value),
        iteration=_or_unset(run.iteration),
        attempts=[
            ApiAttempt(wire_state(attempt.status, now), _or_unset(attempt.worker_id), _or_unset(attempt.log_file))
            for attempt in run.attempts
        ]
        or UNSET,
    )


def wire_execution(
    execution: Execution,
    now: datetime,
    *,
    task_runs: Iterable[TaskRun] | None = None,
    outputs: dict[str, Any] | None = None,
    url: str | None = None,
) -> ApiExecution:
    """An execution as clients read it; without ``task_runs`` it is a light one, as in search results."""
    is_full = task_runs is not None
    return ApiExecution(
        tenant_id=execution.flow.tenant,
        id=execution.id,
        namespace=execution.flow.namespace,
        flow_id=execution.flow.flow_id,
        flow_revision=execution.flow.revision,
        state=wire_state(execution.status, now),
        original_id=execution.origin_id,
        metadata=ApiMetadata(
            execution.attempt_number, execution.first_created_at, list(execution.concurrency_scopes) or UNSET
        ),
        labels=wire_labels(execution.labels),
        kind=execution.kind,
        task_run_list=[wire_task_run(run, execution, now) for run in task_runs or ()] if is_full else UNSET,
        inputs=execution.inputs or UNSET,
        outputs=_or_unset(outputs),
        variables=(execution.variables or UNSET) if is_full else UNSET,
        parent_id=_or_unset(execution.parent_id),
        trigger=wire_trigger(execution.trigger),
        schedule_date=_or_unset(execution.scheduled_at),
        breakpoints=[ApiBreakpoint(point.task_id, point.value) for point in execution.breakpoints] or UNSET,
        fixtures=(execution.fixtures or UNSET) if is_full else UNSET,
        url=_or_unset(url),
        loop_run=wire_loop_run(execution),
    )


def wire_loop_run(execution: Execution) -> ApiLoopRun | UnsetType:
    """Which iteration the execution is, if it is one."""
    loop, caller = execution.loop, execution.caller
    if loop is None or caller is None:
        return UNSET
    return ApiLoopRun(
        task_id=loop.task_id,
        task_run_id=caller.task_run_id,
        index=loop.item.index,
        value=loop.item.value,
        key=_or_unset(loop.item.key),
        parents=[ApiLoopParent(parent.index, parent.value, _or_unset(parent.key)) for parent in loop.parents],
    )


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
