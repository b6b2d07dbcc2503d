"""Triggers on the wire: a superset of the trigger of 1.x and the state of 2.0 (REST API 6.5)."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from segue.api.schemas.executions import ApiLabel, wire_labels
from segue.domain.trigger.state import Backfill, TriggerKey, TriggerKind, TriggerState

JsonObject = dict[str, Any]


class ApiTriggerKey(msgspec.Struct, frozen=True, rename="camel"):
    """Which trigger; what else a client sends of it is not read."""

    namespace: str
    flow_id: str
    trigger_id: str

    def key(self, tenant: str) -> TriggerKey:
        """The key in a tenant."""
        return TriggerKey(tenant, self.namespace, self.flow_id, self.trigger_id)


class ApiBackfill(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A backfill under way."""

    start: datetime
    end: datetime
    current_date: datetime | UnsetType = UNSET
    paused: bool
    inputs: dict[str, Any] | UnsetType = UNSET
    labels: list[ApiLabel] | UnsetType = UNSET
    previous_next_execution_date: datetime | UnsetType = UNSET


class ApiTriggerState(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A state with the names of 2.0, and those of 1.x beside them where they differ."""

    tenant_id: str
    namespace: str
    flow_id: str
    trigger_id: str
    kind: TriggerKind
    updated_at: datetime
    disabled: bool
    locked: bool
    evaluated_at: datetime | UnsetType = UNSET
    next_evaluation_date: datetime | UnsetType = UNSET
    last_triggered_date: datetime | UnsetType = UNSET
    execution_id: str | UnsetType = UNSET
    worker_id: str | UnsetType = UNSET
    backfill: ApiBackfill | UnsetType = UNSET
    stop_after: list[Any] | UnsetType = UNSET
    date: datetime
    """1.x: ``evaluatedAt``, or ``updatedAt`` before the first evaluation, since its clients require it."""
    next_execution_date: datetime | UnsetType = UNSET
    updated_date: datetime
    evaluate_running_date: datetime | UnsetType = UNSET


class ApiTriggerAndState(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A result of a search: the pair of 2.0, and that of 1.x."""

    trigger: JsonObject
    state: ApiTriggerState
    abstract_trigger: JsonObject
    trigger_context: ApiTriggerState


def wire_trigger_state(state: TriggerState, definition: Mapping[str, Any]) -> ApiTriggerState:
    """A state as clients read it; ``definition`` is what the flow says of the trigger."""
    key = state.key
    stop_after = definition.get("stopAfter")
    evaluated_at = _or_unset(state.evaluated_at)
    next_at = _or_unset(state.next_at or state.due_at)
    return ApiTriggerState(
        tenant_id=key.tenant,
        namespace=key.namespace,
        flow_id=key.flow_id,
        trigger_id=key.trigger_id,
        kind=state.kind,
        updated_at=state.updated_at,
        disabled=state.disabled,
        locked=state.is_locked,
        evaluated_at=evaluated_at,
        next_evaluation_date=next_at,
        last_triggered_date=_or_unset(state.triggered_at),
        execution_id=_or_unset(state.execution_id),
        worker_id=_or_unset(state.worker_id),
        backfill=UNSET if state.backfill is None else _wire_backfill(state.backfill),
        stop_after=stop_after if isinstance(stop_after, list) and stop_after else UNSET,
        date=state.evaluated_at or state.updated_at,
        next_execution_date=next_at,
        updated_date=state.updated_at,
        evaluate_running_date=evaluated_at if state.is_locked and state.execution_id is None else UNSET,
    )


def wire_trigger_and_state(state: TriggerState, definition: JsonObject) -> ApiTriggerAndState:
    """A result of a search. The trigger of 2.0 always says when it runs."""
    wire = wire_trigger_state(state, definition)
    return ApiTriggerAndState(
        trigger={"when": "true", **definition}, state=wire, abstract_trigger=definition, trigger_context=wire
    )


CSV_COLUMNS = (
    "namespace", "flowId", "triggerId", "kind", "disabled", "locked", "nextEvaluationDate", "lastTriggeredDate",
    "evaluatedAt", "executionId", "workerId", "backfill", "updatedAt",
)  # fmt: skip


def csv_line(values: Sequence[str]) -> str:
    """A line of an export, with CRLF as the standard has it."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()


def csv_of(state: TriggerState) -> str:
    """The line of a trigger."""
    key, backfill = state.key, state.backfill
    walk = "" if backfill is None else "PAUSED" if backfill.paused else "RUNNING"
    names = (key.namespace, key.flow_id, key.trigger_id, state.kind.value)
    flags = ("true" if state.disabled else "false", "true" if state.is_locked else "false")
    dates = (_moment(state.next_at), _moment(state.triggered_at), _moment(state.evaluated_at))
    ids = (state.execution_id or "", state.worker_id or "")
    return csv_line((*names, *flags, *dates, *ids, walk, _moment(state.updated_at)))


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.isoformat().replace("+00:00", "Z")


def _wire_backfill(backfill: Backfill) -> ApiBackfill:
    return ApiBackfill(
        start=backfill.start,
        end=backfill.end,
        current_date=_or_unset(backfill.current_at),
        paused=backfill.paused,
        inputs=backfill.inputs or UNSET,
        labels=wire_labels(backfill.labels) or UNSET,
        previous_next_execution_date=_or_unset(backfill.previous_at),
    )


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
