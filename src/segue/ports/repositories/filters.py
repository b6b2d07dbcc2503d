"""Conditions on stored objects as trees, so that a search can say and, or, and any comparison (REST API 1.3)."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Comparison(StrEnum):
    """How a field is compared, by its name on the wire."""

    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT_EQUALS"
    GREATER_THAN = "GREATER_THAN"
    LESS_THAN = "LESS_THAN"
    GREATER_THAN_OR_EQUAL_TO = "GREATER_THAN_OR_EQUAL_TO"
    LESS_THAN_OR_EQUAL_TO = "LESS_THAN_OR_EQUAL_TO"
    IN = "IN"
    NOT_IN = "NOT_IN"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    CONTAINS = "CONTAINS"
    REGEX = "REGEX"
    PREFIX = "PREFIX"


class ExecutionField(StrEnum):
    """What executions can be searched by."""

    ID = "id"
    NAMESPACE = "namespace"
    FLOW_ID = "flowId"
    STATE = "state"
    KIND = "kind"
    PARENT_ID = "parentId"
    """The execution it was made from, or of whose loop it is an iteration."""
    CALLER_ID = "triggerExecutionId"
    """The execution that started it."""
    TRIGGER_ID = "triggerId"
    LABELS = "labels"
    """Values are ``key:value``."""
    TEXT = "q"
    """Part of the id, flow id or namespace, whatever the case."""


class Match(msgspec.Struct, frozen=True):
    """A field compared with texts: EQUALS and IN hold for one of the values, NOT_EQUALS and NOT_IN for none.

    STARTS_WITH, ENDS_WITH, CONTAINS, REGEX compare with the only value; PREFIX is a namespace and those below it.
    A field without a value equals nothing.
    """

    field: ExecutionField
    comparison: Comparison
    values: tuple[str, ...]


class Present(msgspec.Struct, frozen=True):
    """Whether a field has a value at all."""

    field: ExecutionField
    is_present: bool = True


class DateField(StrEnum):
    """A date of an execution."""

    STARTED_AT = "startDate"
    ENDED_AT = "endDate"


class Dated(msgspec.Struct, frozen=True):
    """A date compared with one; ``comparison`` is EQUALS or one of the four orders."""

    field: DateField
    comparison: Comparison
    at: datetime


class All(msgspec.Struct, frozen=True):
    """Every part holds; true without parts."""

    parts: tuple["Filter", ...]


class Some(msgspec.Struct, frozen=True):
    """At least one part holds; false without parts."""

    parts: tuple["Filter", ...]


Filter = Match | Present | Dated | All | Some
