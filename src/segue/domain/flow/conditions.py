"""The conditions of 1.x: their names, aliases and properties (flow language 13 and 16).

Whether one holds is asked in ``segue.domain.trigger.conditions``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from segue.domain.flow.faults import Fault, faults_of
from segue.domain.flow.fields import Definition, Duration, Labels, Text
from segue.domain.flow.preconditions import TimeWindow
from segue.domain.flow.source import Path
from segue.domain.flow.tree import maps_of

PACKAGE = "io.kestra.plugin.core.condition."
_OLD_PACKAGE = "io.kestra.core.models.conditions.types."

_States = tuple[str, ...]


class DatedCondition(Definition):
    """What conditions on a date share; without ``date`` it is the trigger's."""

    date: Text | None = None


class DateTimeBetween(DatedCondition):
    """Strictly between two moments."""

    after: Text | None = None
    before: Text | None = None


class TimeBetween(DatedCondition):
    """Strictly between two times of the day."""

    after: Text | None = None
    before: Text | None = None


class DayWeek(DatedCondition):
    """A day of the week."""

    day_of_week: Text


class DayWeekInMonth(DatedCondition):
    """The n-th of a day of the week in its month."""

    day_of_week: Text
    day_in_month: Text


class Weekend(DatedCondition):
    """Saturday or Sunday."""


class PublicHoliday(DatedCondition):
    """A public holiday of a country."""

    country: Text | None = None
    sub_division: Text | None = None


class Expression(Definition):
    """An expression that renders to something but ``false``."""

    expression: Text


class StateCondition(Definition):
    """States that are wanted, or not wanted."""

    in_: Annotated[_States, Field(alias="in")] = ()
    not_in: _States = ()


class ExecutionFlow(Definition):
    """Executions of one flow."""

    namespace: Text
    flow_id: Text


class ExecutionNamespace(Definition):
    """Executions of a namespace."""

    namespace: Text
    comparison: Literal["EQUALS", "PREFIX", "SUFFIX"] | None = None
    prefix: bool | None = None


class ExecutionLabels(Definition):
    """Executions with labels."""

    labels: Labels


class ExecutionOutputs(Definition):
    """An expression over the outputs of an execution."""

    expression: Text


class NestedCondition(Definition):
    """A list of other conditions."""

    conditions: Annotated[tuple[Any, ...], Field(min_length=1)]


class MultipleCondition(Definition):
    """Several conditions, met by several executions within a window (12.6)."""

    id: Text
    window: Duration | None = None
    window_advance: Duration | None = None
    time_window: TimeWindow | None = None
    reset_on_success: bool | None = None
    description: Text | None = None
    conditions: Annotated[dict[str, Any], Field(min_length=1)]


class FlowNamespaceCondition(Definition):
    """The namespace of the flow that owns the trigger."""

    namespace: Text
    prefix: bool | None = None
    comparison: Literal["EQUALS", "PREFIX", "SUFFIX"] | None = None


_MODELS: dict[str, type[Definition]] = {
    "DateTimeBetween": DateTimeBetween,
    "TimeBetween": TimeBetween,
    "DayWeek": DayWeek,
    "DayWeekInMonth": DayWeekInMonth,
    "Weekend": Weekend,
    "PublicHoliday": PublicHoliday,
    "Expression": Expression,
    "ExecutionStatus": StateCondition,
    "HasRetryAttempt": StateCondition,
    "ExecutionFlow": ExecutionFlow,
    "ExecutionNamespace": ExecutionNamespace,
    "ExecutionLabels": ExecutionLabels,
    "ExecutionOutputs": ExecutionOutputs,
    "Not": NestedCondition,
    "Or": NestedCondition,
    "MultipleCondition": MultipleCondition,
    "FlowCondition": ExecutionFlow,
    "FlowNamespaceCondition": FlowNamespaceCondition,
}
_KEPT = {"MultipleCondition", "FlowCondition", "FlowNamespaceCondition"}
_NAMES = {PACKAGE + name: name for name in _MODELS}
_NAMES |= {f"{package}{name}Condition": name for package in (PACKAGE, _OLD_PACKAGE) for name in set(_MODELS) - _KEPT}
_NAMES |= {_OLD_PACKAGE + name: name for name in _KEPT} | {_OLD_PACKAGE + "VariableCondition": "Expression"}

CONDITION_TYPES: Mapping[str, type[Definition]] = {PACKAGE + name: model for name, model in _MODELS.items()}
"""Models of the properties by canonical type."""


def canonical_condition(type_name: Any) -> str | None:
    """The canonical type of a condition or alias; None for anything else."""
    name = _NAMES.get(type_name) if isinstance(type_name, str) else None
    return None if name is None else PACKAGE + name


def conditions_of(
    data: Mapping[str, Any], path: Path, key: str = "conditions"
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All conditions of a trigger or listener, those within conditions after the one around them."""
    for place, condition in maps_of(data, key, path):
        yield from _with_nested(place, condition)


def _with_nested(path: Path, condition: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    yield path, condition
    inner = condition.get("conditions")
    places = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
    for part, item in places:
        if isinstance(item, dict):
            yield from _with_nested((*path, "conditions", part), item)


def condition_faults(path: Path, condition: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with the properties of a condition the language knows; nothing for others."""
    canonical = canonical_condition(condition.get("type"))
    if canonical is None:
        return
    own = {key: value for key, value in condition.items() if key != "type"}
    try:
        CONDITION_TYPES[canonical].model_validate(own, by_alias=True, by_name=False)
    except ValidationError as error:
        for fault in faults_of(error):
            yield fault._replace(path=(*path, *fault.path))
