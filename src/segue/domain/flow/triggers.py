"""Triggers as they stand in a flow (flow language 12). `segue.domain.trigger` evaluates them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segue.domain.cron import CronExpression
from segue.domain.flow.fields import (
    TAG_MARK,
    Definition,
    Duration,
    DynamicInt,
    DynamicLabels,
    Labels,
    Level,
    TaskId,
    Text,
    TypeName,
    is_expression,
    tag,
)
from segue.domain.flow.flowables import FetchType
from segue.domain.flow.preconditions import Preconditions
from segue.domain.flow.routing import WorkerSelector
from segue.domain.flow.type_names import canonical_trigger


def _zone(value: str) -> str:
    if not is_expression(value):
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"'{value}' is not a valid time-zone ID") from None
    return value


def _cron(value: str, info: ValidationInfo) -> str:
    CronExpression(value, with_seconds=info.data.get("with_seconds") is True)
    return value


Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]


class Condition(Definition):
    """A 1.x condition: its type and the properties of that type (flow language 13)."""

    model_config = ConfigDict(extra="allow")

    type: TypeName

    @property
    def properties(self) -> Mapping[str, Any]:
        """The properties of the type, by their names in YAML. Not to be changed."""
        return MappingProxyType(self.__pydantic_extra__ or {})


class Trigger(Definition):
    """The properties common to all triggers. `type` is kept as it was written."""

    id: TaskId
    type: TypeName
    version: Text | None = None
    description: Text | None = None
    disabled: bool = False
    when: Text | None = None
    conditions: tuple[Condition, ...] = ()
    labels: DynamicLabels = ()
    inputs: Any = None
    stop_after: tuple[Text, ...] = ()
    allow_concurrent: bool = False
    fail_on_trigger_error: bool = False
    log_level: Level | None = None
    log_to_file: bool = False
    worker_selector: WorkerSelector | None = None
    policy_refs: tuple[str, ...] = ()
    assets: Any = None
    plugin_defaults_ref: Text | None = None


class PluginTrigger(Trigger):
    """A trigger of a plugin. Its own properties are unknown here and kept as they are in the YAML."""

    model_config = ConfigDict(extra="allow")

    @property
    def properties(self) -> Mapping[str, Any]:
        """The plugin's own properties, by their names in YAML. Not to be changed."""
        return MappingProxyType(self.__pydantic_extra__ or {})


class RecoverMissed(StrEnum):
    """Which of the dates missed while nobody looked are started."""

    ALL = "ALL"
    LAST = "LAST"
    NONE = "NONE"


class ScheduleTrigger(Trigger):
    """Dates of a cron expression (12.3)."""

    with_seconds: bool = False
    cron: Annotated[str, StringConstraints(min_length=1), AfterValidator(_cron)]
    timezone: Zone | None = None
    late_maximum_delay: Duration | None = None
    recover_missed_schedules: RecoverMissed | None = None


class ScheduleOnDatesTrigger(Trigger):
    """A list of dates (12.4)."""

    dates: tuple[Text, ...] | Text
    timezone: Zone | None = None
    recover_missed_schedules: RecoverMissed | None = None


class WebhookTrigger(Trigger):
    """A URL that starts the flow (12.5)."""

    key: Annotated[Text, StringConstraints(min_length=1, max_length=256)]
    wait: bool = False
    return_outputs: bool = False
    response_content_type: Literal["application/json", "text/plain"] | None = None
    response_code: DynamicInt | None = None
    fetch_type: Literal[FetchType.FETCH, FetchType.STORE, FetchType.NONE] = FetchType.FETCH

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(condition.type.endswith(".MultipleCondition") for condition in self.conditions):
            raise PydanticCustomError(
                "webhook", "invalid webhook: conditions of type MultipleCondition are not supported"
            )
        if self.return_outputs and not self.wait:
            raise PydanticCustomError("webhook", "'returnOutputs' needs 'wait: true'")
        if self.response_content_type is not None and not self.return_outputs:
            raise PydanticCustomError("webhook", "'responseContentType' needs 'wait: true' and 'returnOutputs: true'")
        return self


class UpstreamDependency(Definition):
    """One flow a flow trigger waits for (12.6)."""

    namespace: Text | None = None
    flow_id: Text | None = None
    states: tuple[str, ...] = ()
    labels: Labels = ()
    when: Text | None = None


class DependencyMode(StrEnum):
    """How many of the dependencies must be met."""

    ALL = "ALL"
    ANY = "ANY"
    AT_LEAST = "AT_LEAST"


class Window(Definition):
    """The 2.0 form of a time window; at most one way to bound it may be used (12.7)."""

    deadline: Text | None = None
    from_: Annotated[Text | None, Field(alias="from")] = None
    to: Text | None = None
    every: Duration | None = None
    offset: Duration | None = None
    lookback: Duration | None = None
    timezone: Zone | None = None
    fire_once: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        groups = (
            self.deadline is not None,
            self.from_ is not None or self.to is not None,
            self.every is not None or self.offset is not None,
            self.lookback is not None,
        )
        if sum(groups) > 1:
            raise PydanticCustomError(
                "window",
                "only one of 'deadline', 'from' and 'to', 'every' and 'offset', 'lookback' may be set",
            )
        if (self.from_ is None) != (self.to is None):
            raise PydanticCustomError("window", "'from' and 'to' must be set together")
        return self


class FlowTrigger(Trigger):
    """Starts after executions of other flows (12.6). The 1.x parts are kept as they are for the 1.x rules."""

    states: tuple[str, ...] | None = None
    depends_on: tuple[UpstreamDependency, ...] = ()
    mode: DependencyMode = DependencyMode.ALL
    min_satisfied: Annotated[int, Field(ge=1)] | None = None
    window: Window | None = None
    on_miss: dict[str, Any] | None = None
    preconditions: Preconditions | None = None
    multiple_conditions: Any = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.mode is DependencyMode.AT_LEAST:
            if self.min_satisfied is None:
                raise PydanticCustomError("flow_trigger", "'minSatisfied' is required for mode AT_LEAST")
            if self.min_satisfied > len(self.depends_on):
                raise PydanticCustomError(
                    "flow_trigger",
                    "'minSatisfied' must not be greater than the number of 'dependsOn' entries",
                )
        return self


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return TAG_MARK + (canonical_trigger(value.get("type")) or "trigger")
    return TAG_MARK + (
        type(value).__name__.removesuffix("Trigger") if not isinstance(value, PluginTrigger) else "trigger"
    )


AnyTrigger = TypeAliasType(
    "AnyTrigger",
    Annotated[
        Annotated[ScheduleTrigger, tag("Schedule")]
        | Annotated[ScheduleOnDatesTrigger, tag("ScheduleOnDates")]
        | Annotated[WebhookTrigger, tag("Webhook")]
        | Annotated[FlowTrigger, tag("Flow")]
        | Annotated[PluginTrigger, tag("trigger")],
        Discriminator(_kind),
    ],
)
"""Any trigger, told apart by its type."""

TRIGGERS: Mapping[str, type[Trigger]] = {
    "Schedule": ScheduleTrigger,
    "ScheduleOnDates": ScheduleOnDatesTrigger,
    "Webhook": WebhookTrigger,
    "Flow": FlowTrigger,
}
"""Classes by the last part of their canonical type name."""

BASE_PROPERTIES: frozenset[str] = frozenset(info.alias or name for name, info in Trigger.model_fields.items())
"""YAML names of the properties of 12.1; every other one belongs to the plugin."""
