"""Conditions on executions: from the words of a request to the tree a repository understands (REST API 1.3)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from segue.api.filter_values import EQUALITIES, TEXTS, check_dates, check_pattern, chosen, date_of, since_of
from segue.api.filters import Condition, Group, Operation, invalid, leaves, read_filter_tree, unsupported
from segue.api.problems import INVALID_ARGUMENT, INVALID_QUERY_PARAMETER, ProblemError
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
_DATE_FILTERS: dict[str, tuple[DateField, ...]] = {
    "START_DATE": (DateField.STARTED_AT,),
    "END_DATE": (DateField.ENDED_AT,),
    "START_OR_END_DATE": (DateField.STARTED_AT, DateField.ENDED_AT),
}

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
        check_dates(group)
        tree = self._tree(group)
        if any(condition.field == "kind" for condition in leaves(group)):
            return tree
        return All((Match(ExecutionField.KIND, Operation.EQUALS, (ExecutionKind.NORMAL.value,)), tree))

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
        if operation not in EQUALITIES:
            is_prefix = operation is Operation.PREFIX and condition.field == "namespace"
            if (operation not in TEXTS and not is_prefix) or len(condition.values) != 1:
                raise unsupported(condition)
            if operation is Operation.REGEX:
                check_pattern(condition.values[0])
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
        if condition.operation not in EQUALITIES:
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
        wanted = chosen(condition, ("USER", "SYSTEM"))
        if len(wanted) != 1:
            return All(()) if wanted else Some(())
        operation = Operation.EQUALS if wanted == {"SYSTEM"} else Operation.NOT_EQUALS
        return Match(ExecutionField.NAMESPACE, operation, (self._system_namespace,))

    def _child(self, condition: Condition) -> Filter:
        wanted = chosen(condition, ("CHILD", "MAIN"))
        if len(wanted) != 1:
            return All(()) if wanted else Some(())
        return Present(ExecutionField.CALLER_ID, wanted == {"CHILD"})

    def _date(self, condition: Condition) -> Filter:
        operation, at = date_of(condition)
        return Some(tuple(Dated(field, operation, at) for field in self._dates))

    def _range(self, condition: Condition) -> Filter:
        since = since_of(condition, self._now)
        return Some(tuple(Dated(field, Operation.GREATER_THAN_OR_EQUAL_TO, since) for field in self._dates))


def _choice(condition: Condition, field: ExecutionField, choices: list[str]) -> Filter:
    values = tuple(value.upper() for value in condition.values)
    if not set(values) <= set(choices):
        raise invalid(f"{condition.field} must be one of {', '.join(choices)}")
    if condition.operation not in EQUALITIES:
        raise unsupported(condition)
    return Match(field, condition.operation, values)


def _trimmed(label: str) -> str:
    key, _, value = label.partition(":")
    return f"{key.strip()}:{value.strip()}"
