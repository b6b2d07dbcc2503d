"""From the conditions of a request to the queries of the repositories (REST API 1.3)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from segue.api.dates import parse_date_time
from segue.api.execution_filters import ExecutionFilters
from segue.api.filters import Condition, Operation, invalid, read_filters, unsupported
from segue.api.problems import INVALID_ARGUMENT, ProblemError
from segue.domain.durations import parse_duration
from segue.domain.execution.logs import LogLevel
from segue.domain.labels import Label
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.flows import FlowQuery, NamespaceMatch, NamespaceTest
from segue.ports.repositories.kv import KvQuery
from segue.ports.repositories.logs import LogQuery
from segue.ports.repositories.paging import PageRequest

Parameters = Iterable[tuple[str, str]]

_NAMESPACE = {"namespace": ("namespace", Operation.PREFIX)}
_TEXT = {"q": ("q", Operation.EQUALS), "scope": ("scope", Operation.EQUALS)}
_LABELS = {"labels": ("labels", Operation.EQUALS)}
_DATES = {
    "startDate": ("startdate", Operation.GREATER_THAN_OR_EQUAL_TO),
    "endDate": ("enddate", Operation.LESS_THAN_OR_EQUAL_TO),
    "timeRange": ("timerange", Operation.EQUALS),
}
_FLOW_PLAIN = _NAMESPACE | _TEXT | _LABELS
_LOG_PLAIN = (
    _NAMESPACE
    | _TEXT
    | _DATES
    | {
        "flowId": ("flowid", Operation.EQUALS),
        "minLevel": ("level", Operation.EQUALS),
        "taskId": ("taskid", Operation.EQUALS),
        "triggerId": ("triggerid", Operation.EQUALS),
        "taskRunId": ("taskrunid", Operation.EQUALS),
        "attempt": ("attemptnumber", Operation.EQUALS),
    }
)
_KV_PLAIN = {"namespace": ("namespace", Operation.EQUALS), "q": ("q", Operation.EQUALS)}
_EQUAL = frozenset({Operation.EQUALS, Operation.IN})
_AFTER = frozenset({Operation.GREATER_THAN, Operation.GREATER_THAN_OR_EQUAL_TO, Operation.EQUALS})
_BEFORE = frozenset({Operation.LESS_THAN, Operation.LESS_THAN_OR_EQUAL_TO, Operation.EQUALS})
_AT_LEAST = frozenset({Operation.EQUALS, Operation.GREATER_THAN_OR_EQUAL_TO})

_NAMESPACE_MATCHES = {
    Operation.EQUALS: (NamespaceMatch.IS, False),
    Operation.IN: (NamespaceMatch.IS, False),
    Operation.NOT_EQUALS: (NamespaceMatch.IS, True),
    Operation.NOT_IN: (NamespaceMatch.IS, True),
    Operation.PREFIX: (NamespaceMatch.WITHIN, False),
    Operation.STARTS_WITH: (NamespaceMatch.STARTS_WITH, False),
    Operation.ENDS_WITH: (NamespaceMatch.ENDS_WITH, False),
    Operation.CONTAINS: (NamespaceMatch.CONTAINS, False),
}

Reader = Callable[[Condition, dict[str, Any]], None]
"""Puts what one condition asks for into the fields of a query."""


def flow_query(tenant: str, parameters: Parameters, page: PageRequest, system_namespace: str) -> FlowQuery:
    """The search for flows a query string asks for."""
    readers: dict[str, Reader] = {
        "q": _text,
        "namespace": _namespace_test,
        "labels": _labels,
        "scope": _flow_scope(system_namespace),
        "flowid": _flow_ids,
        "id": _flow_ids,
    }
    return FlowQuery(tenant=tenant, page=page, **_fields(read_filters(parameters, _FLOW_PLAIN), readers))


def execution_query(
    tenant: str, parameters: Parameters, page: PageRequest, now: datetime, system_namespace: str
) -> ExecutionQuery:
    """The search for executions a query string asks for."""
    pairs = list(parameters)
    date_filter = next((value for name, value in pairs if name == "dateFilter"), None)
    where = ExecutionFilters(now, system_namespace, date_filter).read(pairs)
    return ExecutionQuery(tenant=tenant, page=page, kinds=(), where=where)


def log_query(
    tenant: str, parameters: Parameters, now: datetime, page: PageRequest | None = None, execution_id: str | None = None
) -> LogQuery:
    """The lines a query string asks for; those of one execution when ``execution_id`` is given."""
    readers: dict[str, Reader] = {
        "q": _text,
        "namespace": _namespace_prefix,
        "flowid": _single("flow_id"),
        "level": _level,
        "taskid": _single("task_id"),
        "taskrunid": _single("task_run_id"),
        "triggerid": _single("trigger_id"),
        "attemptnumber": _integer("attempt"),
        "executionid": _single("execution_id"),
        "scope": _ignore,
    } | _dates("after", "before", now)
    fields = _fields(read_filters(parameters, _LOG_PLAIN), readers)
    _check_range(fields.get("after"), fields.get("before"))
    if execution_id is not None:
        fields["execution_id"] = execution_id
    return LogQuery(tenant=tenant, page=page or PageRequest(), **fields)


def kv_query(tenant: str, parameters: Parameters, now: datetime, page: PageRequest) -> KvQuery:
    """The keys a query string asks for, those whose time is over left out."""
    readers: dict[str, Reader] = {"q": _text, "namespace": _namespace, "key": _text}
    return KvQuery(tenant=tenant, alive_at=now, page=page, **_fields(read_filters(parameters, _KV_PLAIN), readers))


def _fields(conditions: Iterable[Condition], readers: Mapping[str, Reader]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    dated = {condition.field for condition in conditions}
    if {"startdate", "timerange"} <= dated:
        raise invalid("Parameters 'startDate' and 'timeRange' are mutually exclusive")
    for condition in conditions:
        reader = readers.get(condition.field)
        if reader is None:
            raise invalid(f"Unsupported field {condition.field[:100]}")
        if not condition.values:
            raise invalid(f"no value for {condition.field}")
        reader(condition, fields)
    return fields


def _text(condition: Condition, fields: dict[str, Any]) -> None:
    if condition.operation is not Operation.EQUALS:
        raise unsupported(condition)
    fields["text"] = condition.values[0]


def _namespace(condition: Condition, fields: dict[str, Any]) -> None:
    if condition.operation is Operation.PREFIX and len(condition.values) == 1:
        fields["namespace_prefix"] = condition.values[0]
    elif condition.operation in _EQUAL:
        fields["namespaces"] = condition.values
    else:
        raise unsupported(condition)


def _namespace_prefix(condition: Condition, fields: dict[str, Any]) -> None:
    if condition.operation not in {Operation.PREFIX, Operation.EQUALS} or len(condition.values) != 1:
        raise unsupported(condition)
    fields["namespace_prefix"] = condition.values[0]


def _namespace_test(condition: Condition, fields: dict[str, Any]) -> None:
    match, negated = _NAMESPACE_MATCHES.get(condition.operation, (None, False))
    if match is None:
        raise unsupported(condition)
    test = NamespaceTest(match, condition.values, negated)
    fields["namespace_tests"] = (*fields.get("namespace_tests", ()), test)


def _flow_scope(system_namespace: str) -> Reader:
    def read(condition: Condition, fields: dict[str, Any]) -> None:
        if condition.operation not in _EQUAL or not set(condition.values) <= {"USER", "SYSTEM"}:
            raise unsupported(condition)
        if len(set(condition.values)) == 1:
            test = NamespaceTest(NamespaceMatch.WITHIN, (system_namespace,), negated=condition.values[0] == "USER")
            fields["namespace_tests"] = (*fields.get("namespace_tests", ()), test)

    return read


def _flow_ids(condition: Condition, fields: dict[str, Any]) -> None:
    if condition.operation not in _EQUAL:
        raise unsupported(condition)
    fields["flow_ids"] = condition.values


def _labels(condition: Condition, fields: dict[str, Any]) -> None:
    if condition.operation not in _EQUAL:
        raise unsupported(condition)
    fields["labels"] = (*fields.get("labels", ()), *(parse_label(value) for value in condition.values))


def parse_label(text: str) -> Label:
    """A label written ``key:value``. Raises ``ProblemError`` when it is none."""
    key, colon, value = text.partition(":")
    if not colon or not key.strip() or not value.strip():
        raise ProblemError(INVALID_ARGUMENT, f"Invalid label '{text[:200]}': give key:value")
    return Label(key.strip(), value.strip())


def _scope(system_namespace: str) -> Reader:
    def read(condition: Condition, fields: dict[str, Any]) -> None:
        if condition.operation not in _EQUAL or not set(condition.values) <= {"USER", "SYSTEM"}:
            raise unsupported(condition)
        if condition.values == ("SYSTEM",):
            fields.setdefault("namespace_prefix", system_namespace)

    return read


def _ignore(condition: Condition, fields: dict[str, Any]) -> None:
    """A condition that nothing stored answers: every line passes."""


def _single(name: str) -> Reader:
    def read(condition: Condition, fields: dict[str, Any]) -> None:
        if condition.operation not in _EQUAL or len(condition.values) != 1:
            raise unsupported(condition)
        fields[name] = condition.values[0]

    return read


def _integer(name: str) -> Reader:
    def read(condition: Condition, fields: dict[str, Any]) -> None:
        if condition.operation is not Operation.EQUALS:
            raise unsupported(condition)
        if not (condition.values[0].isascii() and condition.values[0].isdigit() and len(condition.values[0]) < 10):
            raise invalid(f"{condition.field} must be a number")
        fields[name] = int(condition.values[0])

    return read


def _level(condition: Condition, fields: dict[str, Any]) -> None:
    if condition.operation not in _AT_LEAST or len(condition.values) != 1:
        raise unsupported(condition)
    try:
        fields["minimum_level"] = LogLevel(condition.values[0].upper())
    except ValueError:
        raise invalid(f"level must be one of {', '.join(LogLevel)}") from None


def _dates(after: str, before: str, now: datetime) -> dict[str, Reader]:
    def read_range(condition: Condition, fields: dict[str, Any]) -> None:
        if condition.operation is not Operation.EQUALS:
            raise unsupported(condition)
        try:
            fields[after] = now - parse_duration(condition.values[0])
        except (ValueError, OverflowError):
            raise invalid("timeRange must be an ISO-8601 duration such as PT24H") from None

    def read(condition: Condition, fields: dict[str, Any]) -> None:
        date = parse_date_time(condition.values[0])
        if condition.operation in _AFTER and (condition.field == "startdate" or condition.operation not in _BEFORE):
            fields[after] = date
        elif condition.operation in _BEFORE:
            fields[before] = date
        else:
            raise unsupported(condition)

    return {"startdate": read, "enddate": read, "timerange": read_range}


def _check_range(after: datetime | None, before: datetime | None) -> None:
    if after is not None and before is not None and before < after:
        raise ProblemError(INVALID_ARGUMENT, "endDate must not be before startDate")
