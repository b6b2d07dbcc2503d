"""Conditions on executions: from the words of a request to the tree a repository understands (REST API 1.3)."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from segue.api.dates import parse_date_time
from segue.api.filters import Condition, Group, Operation, invalid, leaves, read_filter_tree, unsupported
from segue.api.problems import INVALID_ARGUMENT, INVALID_QUERY_PARAMETER, ProblemError
from segue.domain.durations import parse_duration
from segue.domain.execution.model import ExecutionKind
from segue.domain.execution.state import State
from segue.ports.repositories.filters import (
    All,
    Dated,
    DateField,
    ExecutionField,
    Filter,
    Match,
    Present,
    Some,
)

_PLAIN = {
    "namespace": ("namespace", Operation.PREFIX),
    "q": ("q", Operation.EQUALS),
    "scope": ("scope", Operation.EQUALS),
    "labels": ("labels", Operation.EQUALS),
    "startDate": ("startdate", Operation.GREATER_THAN_OR_EQUAL_TO),
    "endDate": ("enddate", Operation.LESS_THAN_OR_EQUAL_TO),
    "timeRange": ("timerange", Operation.EQUALS),
    "flowId": ("flowid", Operation.EQUALS),
    "state": ("state", Operation.IN),
    "triggerExecutionId": ("triggerexecutionid", Operation.EQUALS),
    "childFilter": ("childfilter", Operation.EQUALS),
}
_EQUALITIES = frozenset({Operation.EQUALS, Operation.IN, Operation.NOT_EQUALS, Operation.NOT_IN})
_NEGATIVE = frozenset({Operation.NOT_EQUALS, Operation.NOT_IN})
_TEXTS = frozenset({Operation.STARTS_WITH, Operation.ENDS_WITH, Operation.CONTAINS, Operation.REGEX})
_ORDERS = frozenset(
    {
        Operation.EQUALS,
        Operation.GREATER_THAN,
        Operation.GREATER_THAN_OR_EQUAL_TO,
        Operation.LESS_THAN,
        Operation.LESS_THAN_OR_EQUAL_TO,
    }
)
_DATE_FILTERS: dict[str, tuple[DateField, ...]] = {
    "START_DATE": (DateField.STARTED_AT,),
    "END_DATE": (DateField.ENDED_AT,),
    "START_OR_END_DATE": (DateField.STARTED_AT, DateField.ENDED_AT),
}
_LONGEST_PATTERN = 100
_MOST_REPEATS = 3

FIELDS = {
    "id": ExecutionField.ID,
    "executionid": ExecutionField.ID,
    "namespace": ExecutionField.NAMESPACE,
    "flowid": ExecutionField.FLOW_ID,
    "parentid": ExecutionField.PARENT_ID,
    "triggerexecutionid": ExecutionField.CALLER_ID,
    "triggerid": ExecutionField.TRIGGER_ID,
    "state": ExecutionField.STATE,
    "kind": ExecutionField.KIND,
}
"""Fields that are one text each, by their names on the wire in lower case."""


class ExecutionFilters:
    """Reads the conditions of one request."""

    def __init__(self, now: datetime, system_namespace: str, date_filter: str | None = None) -> None:
        """``date_filter`` says which date a range applies to. Raises ``ProblemError`` for an unknown one."""
        name = (date_filter or "START_DATE").upper()
        if name not in _DATE_FILTERS:
            raise ProblemError(INVALID_QUERY_PARAMETER, f"dateFilter must be one of {', '.join(_DATE_FILTERS)}")
        self._now = now
        self._system_namespace = system_namespace
        self._dates = _DATE_FILTERS[name]
        self._readers: Mapping[str, Callable[[Condition], Filter]] = {
            **dict.fromkeys(FIELDS, self._text_field),
            "q": self._text,
            "state": self._state,
            "kind": self._kind,
            "labels": self._labels,
            "scope": self._scope,
            "childfilter": self._child,
            "startdate": self._date,
            "enddate": self._date,
            "timerange": self._range,
        }

    def read(self, parameters: Iterable[tuple[str, str]]) -> Filter:
        """The tree of a query string; ordinary executions only, unless it names kinds. Raises ``ProblemError``."""
        group = read_filter_tree(parameters, _PLAIN)
        self._check_dates([part for part in group.parts if isinstance(part, Condition)])
        tree = self._tree(group)
        if any(condition.field == "kind" for condition in leaves(group)):
            return tree
        return All((Match(ExecutionField.KIND, Operation.EQUALS, (ExecutionKind.NORMAL.value,)), tree))

    def _check_dates(self, conditions: list[Condition]) -> None:
        given = {condition.field: condition for condition in conditions}
        if {"startdate", "timerange"} <= given.keys():
            raise ProblemError(INVALID_ARGUMENT, "Parameters 'startDate' and 'timeRange' are mutually exclusive")
        after, before = given.get("startdate"), given.get("enddate")
        if after is None or before is None or not after.values or not before.values:
            return
        is_range = after.operation.name.startswith("GREATER") and before.operation.name.startswith("LESS")
        if is_range and parse_date_time(before.values[0]) < parse_date_time(after.values[0]):
            raise ProblemError(INVALID_ARGUMENT, "endDate must not be before startDate")

    def _tree(self, group: Group) -> Filter:
        parts = tuple(self._tree(part) if isinstance(part, Group) else self._leaf(part) for part in group.parts)
        return Some(parts) if group.is_any else All(parts)

    def _leaf(self, condition: Condition) -> Filter:
        reader = self._readers.get(condition.field)
        if reader is None:
            raise invalid(f"Unsupported field {condition.field[:100]}")
        if not condition.values:
            raise invalid(f"no value for {condition.field}")
        return reader(condition)

    def _text_field(self, condition: Condition) -> Filter:
        operation = condition.operation
        if operation not in _EQUALITIES:
            is_prefix = operation is Operation.PREFIX and condition.field == "namespace"
            if (operation not in _TEXTS and not is_prefix) or len(condition.values) != 1:
                raise unsupported(condition)
            if operation is Operation.REGEX:
                _check_pattern(condition.values[0])
        return Match(FIELDS[condition.field], operation, condition.values)

    def _text(self, condition: Condition) -> Filter:
        if condition.operation not in {Operation.EQUALS, Operation.NOT_EQUALS}:
            raise unsupported(condition)
        return Match(ExecutionField.TEXT, condition.operation, condition.values)

    def _state(self, condition: Condition) -> Filter:
        return _choice(condition, ExecutionField.STATE, [state.value for state in State])

    def _kind(self, condition: Condition) -> Filter:
        return _choice(condition, ExecutionField.KIND, [kind.value for kind in ExecutionKind])

    def _labels(self, condition: Condition) -> Filter:
        if condition.operation not in _EQUALITIES:
            raise unsupported(condition)
        for value in condition.values:
            key, colon, text = value.partition(":")
            if not colon or not key.strip() or not text.strip():
                raise ProblemError(INVALID_ARGUMENT, f"Invalid label '{value[:200]}': give key:value")
        values = tuple(_trimmed(value) for value in condition.values)
        if condition.operation is Operation.EQUALS:
            return All(tuple(Match(ExecutionField.LABELS, Operation.EQUALS, (value,)) for value in values))
        return Match(ExecutionField.LABELS, condition.operation, values)

    def _scope(self, condition: Condition) -> Filter:
        if condition.operation not in _EQUALITIES or not set(condition.values) <= {"USER", "SYSTEM"}:
            raise unsupported(condition)
        wanted = set(condition.values)
        if condition.operation in _NEGATIVE:
            wanted = {"USER", "SYSTEM"} - wanted
        if len(wanted) != 1:
            return All(()) if wanted else Some(())
        operation = Operation.EQUALS if wanted == {"SYSTEM"} else Operation.NOT_EQUALS
        return Match(ExecutionField.NAMESPACE, operation, (self._system_namespace,))

    def _child(self, condition: Condition) -> Filter:
        if condition.operation not in _EQUALITIES or not set(condition.values) <= {"CHILD", "MAIN"}:
            raise unsupported(condition)
        wanted = set(condition.values)
        if condition.operation in _NEGATIVE:
            wanted = {"CHILD", "MAIN"} - wanted
        if len(wanted) != 1:
            return All(()) if wanted else Some(())
        return Present(ExecutionField.CALLER_ID, wanted == {"CHILD"})

    def _date(self, condition: Condition) -> Filter:
        if condition.operation not in _ORDERS:
            raise unsupported(condition)
        at = parse_date_time(condition.values[0])
        operation = condition.operation
        if operation is Operation.EQUALS:
            is_start = condition.field == "startdate"
            operation = Operation.GREATER_THAN_OR_EQUAL_TO if is_start else Operation.LESS_THAN_OR_EQUAL_TO
        return Some(tuple(Dated(field, operation, at) for field in self._dates))

    def _range(self, condition: Condition) -> Filter:
        if condition.operation is not Operation.EQUALS:
            raise unsupported(condition)
        try:
            since = self._now - parse_duration(condition.values[0])
        except (ValueError, OverflowError):
            raise ProblemError(INVALID_ARGUMENT, "timeRange must be an ISO-8601 duration such as PT24H") from None
        return Some(tuple(Dated(field, Operation.GREATER_THAN_OR_EQUAL_TO, since) for field in self._dates))


def _choice(condition: Condition, field: ExecutionField, choices: list[str]) -> Filter:
    values = tuple(value.upper() for value in condition.values)
    if not set(values) <= set(choices):
        raise invalid(f"{condition.field} must be one of {', '.join(choices)}")
    if condition.operation not in _EQUALITIES:
        raise unsupported(condition)
    return Match(field, condition.operation, values)


def _trimmed(label: str) -> str:
    key, _, value = label.partition(":")
    return f"{key.strip()}:{value.strip()}"


def _check_pattern(pattern: str) -> None:
    """Patterns that no text makes slow: short, without groups, with few repetitions."""
    repeats = sum(pattern.count(sign) for sign in "*+{")
    if len(pattern) > _LONGEST_PATTERN or "(" in pattern or repeats > _MOST_REPEATS:
        raise invalid(f"a REGEX may have {_LONGEST_PATTERN} characters, {_MOST_REPEATS} repetitions and no groups")
    try:
        re.compile(pattern)
    except re.error as error:
        raise invalid(f"the REGEX cannot be read: {error}") from None
