"""Preconditions of flow triggers and their time windows, in the form of 1.x (flow language 12.6 and 12.7)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from segue.domain.flow.fields import Definition, Duration, Labels, TaskId, Text


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class TimeWindowType(StrEnum):
    """How the time within which all must happen is bounded."""

    DAILY_TIME_DEADLINE = "DAILY_TIME_DEADLINE"
    DAILY_TIME_WINDOW = "DAILY_TIME_WINDOW"
    DURATION_WINDOW = "DURATION_WINDOW"
    SLIDING_WINDOW = "SLIDING_WINDOW"


_ALLOWED: dict[TimeWindowType, frozenset[str]] = {
    TimeWindowType.DAILY_TIME_DEADLINE: frozenset({"deadline"}),
    TimeWindowType.DAILY_TIME_WINDOW: frozenset({"startTime", "endTime"}),
    TimeWindowType.DURATION_WINDOW: frozenset({"window", "windowAdvance"}),
    TimeWindowType.SLIDING_WINDOW: frozenset({"window"}),
}
_NEEDED: dict[TimeWindowType, tuple[str, ...]] = {
    TimeWindowType.DAILY_TIME_DEADLINE: ("deadline",),
    TimeWindowType.DAILY_TIME_WINDOW: ("startTime", "endTime"),
}


class TimeWindow(Definition):
    """The time within which all preconditions must be met; by default days."""

    type: Annotated[TimeWindowType, BeforeValidator(_upper)] = TimeWindowType.DURATION_WINDOW
    deadline: Text | None = None
    start_time: Text | None = None
    end_time: Text | None = None
    window: Duration | None = None
    window_advance: Duration | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = {
            "deadline": self.deadline,
            "startTime": self.start_time,
            "endTime": self.end_time,
            "window": self.window,
            "windowAdvance": self.window_advance,
        }
        for name, value in given.items():
            if value is not None and name not in _ALLOWED[self.type]:
                raise _window_error("cannot", self.type, name)
            if value is None and name in _NEEDED.get(self.type, ()):
                raise _window_error("must", self.type, name)
        return self


def _window_error(word: str, kind: TimeWindowType, name: str) -> PydanticCustomError:
    return PydanticCustomError(
        "time_window", "Time window of type `{kind}` {word} have a {name}.", {"kind": kind, "word": word, "name": name}
    )


class UpstreamFlow(Definition):
    """One flow of which an execution must have ended."""

    namespace: Text
    flow_id: Text | None = None
    states: tuple[str, ...] = ()
    labels: Labels = ()


class FilterField(StrEnum):
    """What of an execution is compared."""

    FLOW_ID = "FLOW_ID"
    NAMESPACE = "NAMESPACE"
    STATE = "STATE"
    EXPRESSION = "EXPRESSION"


class FilterType(StrEnum):
    """How it is compared."""

    EQUAL_TO = "EQUAL_TO"
    NOT_EQUAL_TO = "NOT_EQUAL_TO"
    IN = "IN"
    NOT_IN = "NOT_IN"
    IS_TRUE = "IS_TRUE"
    IS_FALSE = "IS_FALSE"
    IS_NULL = "IS_NULL"
    IS_NOT_NULL = "IS_NOT_NULL"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    REGEX = "REGEX"
    CONTAINS = "CONTAINS"


_WITH_VALUES = frozenset({FilterType.IN, FilterType.NOT_IN})
_ALONE = frozenset({FilterType.IS_TRUE, FilterType.IS_FALSE, FilterType.IS_NULL, FilterType.IS_NOT_NULL})


class Filter(Definition):
    """One comparison. For `EXPRESSION` the value is what is evaluated."""

    field: FilterField
    type: FilterType
    value: Text | None = None
    values: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.type in _WITH_VALUES:
            wrong = self.value is not None or not self.values
        elif self.type in _ALONE:
            wrong = bool(self.values) or (self.value is not None and self.field is not FilterField.EXPRESSION)
        else:
            wrong = self.value is None or bool(self.values)
        if wrong:
            needed = "`values`" if self.type in _WITH_VALUES else "no value" if self.type in _ALONE else "`value`"
            raise PydanticCustomError(
                "filter", "a filter of type `{kind}` needs {needed}", {"kind": self.type, "needed": needed}
            )
        return self


class Operand(StrEnum):
    """How filters are joined."""

    AND = "AND"
    OR = "OR"


class Where(Definition):
    """Filters on an execution that make one precondition."""

    id: TaskId
    operand: Operand = Operand.AND
    filters: Annotated[tuple[Filter, ...], Field(min_length=1)]


class Preconditions(Definition):
    """Executions that must have happened within a time window."""

    id: TaskId
    description: Text | None = None
    time_window: TimeWindow | None = None
    reset_on_success: bool = True
    flows: tuple[UpstreamFlow, ...] = ()
    where: tuple[Where, ...] = ()
