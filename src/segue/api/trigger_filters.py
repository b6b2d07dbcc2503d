"""Conditions on triggers: from the words of a request to the tree a repository understands (REST API 1.3, 4.6)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from segue.api.filter_values import EQUALITIES, TEXTS, check_dates, check_pattern, chosen, date_of, since_of
from segue.api.filters import Condition, Group, Operation, invalid, read_filter_tree, read_json_filters, unsupported
from segue.api.problems import INVALID_QUERY_PARAMETER, ProblemError
from segue.domain.trigger.state import TriggerKind
from segue.ports.repositories.trigger_filters import (
    TriggerAll,
    TriggerDate,
    TriggerDated,
    TriggerField,
    TriggerFilter,
    TriggerIs,
    TriggerMatch,
    TriggerSome,
    TriggerTrait,
)

_PLAIN = {
    "namespace": ("namespace", Operation.PREFIX),
    "q": ("q", Operation.EQUALS),
    "scope": ("scope", Operation.EQUALS),
    "flowId": ("flowid", Operation.EQUALS),
    "triggerId": ("triggerid", Operation.EQUALS),
    "workerId": ("workerid", Operation.EQUALS),
    "startDate": ("startdate", Operation.GREATER_THAN_OR_EQUAL_TO),
    "endDate": ("enddate", Operation.LESS_THAN_OR_EQUAL_TO),
    "timeRange": ("timerange", Operation.EQUALS),
}
_FIELDS = {
    "namespace": TriggerField.NAMESPACE,
    "flowid": TriggerField.FLOW_ID,
    "triggerid": TriggerField.TRIGGER_ID,
    "id": TriggerField.TRIGGER_ID,
    "executionid": TriggerField.EXECUTION_ID,
    "triggerexecutionid": TriggerField.EXECUTION_ID,
    "workerid": TriggerField.WORKER_ID,
}


class TriggerFilters:
    """Reads the conditions of one request. All methods raise ``ProblemError`` for what is no condition."""

    def __init__(self, now: datetime, system_namespace: str, date_filter: str | None = None) -> None:
        """``date_filter`` says which date a range applies to: the next one unless it names the other."""
        try:
            self._range_of = TriggerDate((date_filter or TriggerDate.NEXT).upper())
        except ValueError:
            raise ProblemError(INVALID_QUERY_PARAMETER, f"dateFilter must be one of {', '.join(TriggerDate)}") from None
        self._now = now
        self._system_namespace = system_namespace
        self._readers: Mapping[str, Callable[[Condition], TriggerFilter]] = {
            **dict.fromkeys(_FIELDS, self._text_field),
            "q": self._text,
            "kind": self._kind,
            "scope": self._scope,
            "triggerstate": self._state,
            "locked": self._locked,
            "startdate": self._date,
            "enddate": self._date,
            "nextexecutiondate": self._date,
            "nextevaluationdate": self._date,
            "lasttriggereddate": self._date,
            "timerange": self._range,
        }

    def read(self, parameters: Iterable[tuple[str, str]]) -> TriggerFilter:
        """The tree of a query string."""
        return self._checked(read_filter_tree(parameters, _PLAIN))

    def read_json(self, filters: Sequence[Any]) -> TriggerFilter:
        """The tree of filters in a body."""
        return self._checked(read_json_filters(filters))

    def _checked(self, group: Group) -> TriggerFilter:
        check_dates(group)
        return self._tree(group)

    def _tree(self, group: Group) -> TriggerFilter:
        parts = tuple(self._tree(part) if isinstance(part, Group) else self._leaf(part) for part in group.parts)
        return TriggerSome(parts) if group.is_any else TriggerAll(parts)

    def _leaf(self, condition: Condition) -> TriggerFilter:
        reader = self._readers.get(condition.field)
        if reader is None:
            raise invalid(f"Unsupported field {condition.field[:100]}")
        if not condition.values:
            raise invalid(f"no value for {condition.field}")
        return reader(condition)

    def _text_field(self, condition: Condition) -> TriggerFilter:
        operation = condition.operation
        if operation not in EQUALITIES:
            is_prefix = operation is Operation.PREFIX and condition.field == "namespace"
            if (operation not in TEXTS and not is_prefix) or len(condition.values) != 1:
                raise unsupported(condition)
            if operation is Operation.REGEX:
                check_pattern(condition.values[0])
        return TriggerMatch(_FIELDS[condition.field], operation, condition.values)

    def _text(self, condition: Condition) -> TriggerFilter:
        if condition.operation not in {Operation.EQUALS, Operation.NOT_EQUALS}:
            raise unsupported(condition)
        return TriggerMatch(TriggerField.TEXT, condition.operation, condition.values)

    def _kind(self, condition: Condition) -> TriggerFilter:
        return TriggerMatch(TriggerField.KIND, Operation.IN, tuple(sorted(chosen(condition, list(TriggerKind)))))

    def _scope(self, condition: Condition) -> TriggerFilter:
        wanted = chosen(condition, ("USER", "SYSTEM"))
        if len(wanted) != 1:
            return _all_or_none(wanted)
        operation = Operation.EQUALS if wanted == {"SYSTEM"} else Operation.NOT_EQUALS
        return TriggerMatch(TriggerField.NAMESPACE, operation, (self._system_namespace,))

    def _state(self, condition: Condition) -> TriggerFilter:
        wanted = chosen(condition, ("ENABLED", "DISABLED"))
        if len(wanted) != 1:
            return _all_or_none(wanted)
        return TriggerIs(TriggerTrait.DISABLED, wanted == {"DISABLED"})

    def _locked(self, condition: Condition) -> TriggerFilter:
        wanted = chosen(condition, ("TRUE", "FALSE"))
        return TriggerIs(TriggerTrait.LOCKED, "TRUE" in wanted) if len(wanted) == 1 else _all_or_none(wanted)

    def _date(self, condition: Condition) -> TriggerFilter:
        operation, at = date_of(condition)
        field = {"lasttriggereddate": TriggerDate.LAST, "startdate": self._range_of, "enddate": self._range_of}
        return TriggerDated(field.get(condition.field, TriggerDate.NEXT), operation, at)

    def _range(self, condition: Condition) -> TriggerFilter:
        since = since_of(condition, self._now)
        return TriggerDated(self._range_of, Operation.GREATER_THAN_OR_EQUAL_TO, since)


def _all_or_none(wanted: set[str]) -> TriggerFilter:
    return TriggerAll(()) if wanted else TriggerSome(())
