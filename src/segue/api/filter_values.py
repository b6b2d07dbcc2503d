"""Values of conditions that several kinds of objects are searched by: dates, choices, patterns (REST API 1.3)."""

import re
from collections.abc import Collection
from datetime import datetime

from segue.api.dates import parse_date_time
from segue.api.filters import Condition, Group, Operation, invalid, unsupported
from segue.api.problems import INVALID_ARGUMENT, ProblemError
from segue.domain.durations import parse_duration

EQUALITIES = frozenset({Operation.EQUALS, Operation.IN, Operation.NOT_EQUALS, Operation.NOT_IN})
TEXTS = frozenset({Operation.STARTS_WITH, Operation.ENDS_WITH, Operation.CONTAINS, Operation.REGEX})
_NEGATIVE = frozenset({Operation.NOT_EQUALS, Operation.NOT_IN})
_ORDERS = frozenset(
    {
        Operation.EQUALS,
        Operation.GREATER_THAN,
        Operation.GREATER_THAN_OR_EQUAL_TO,
        Operation.LESS_THAN,
        Operation.LESS_THAN_OR_EQUAL_TO,
    }
)
_LONGEST_PATTERN = 100
_MOST_REPEATS = 3


def check_dates(group: Group) -> None:
    """Raise ``ProblemError`` for dates that exclude each other, and for an end before its start."""
    given = {part.field: part for part in group.parts if isinstance(part, Condition)}
    if {"startdate", "timerange"} <= given.keys():
        raise ProblemError(INVALID_ARGUMENT, "Parameters 'startDate' and 'timeRange' are mutually exclusive")
    after, before = given.get("startdate"), given.get("enddate")
    if after is None or before is None or not after.values or not before.values:
        return
    is_range = after.operation.name.startswith("GREATER") and before.operation.name.startswith("LESS")
    if is_range and parse_date_time(before.values[0]) < parse_date_time(after.values[0]):
        raise ProblemError(INVALID_ARGUMENT, "endDate must not be before startDate")


def date_of(condition: Condition) -> tuple[Operation, datetime]:
    """A date and how to compare with it: EQUALS means from ``startDate`` on, up to ``endDate``."""
    operation = condition.operation
    if operation not in _ORDERS:
        raise unsupported(condition)
    if operation is Operation.EQUALS and condition.field in {"startdate", "enddate"}:
        is_start = condition.field == "startdate"
        operation = Operation.GREATER_THAN_OR_EQUAL_TO if is_start else Operation.LESS_THAN_OR_EQUAL_TO
    return operation, parse_date_time(condition.values[0])


def since_of(condition: Condition, now: datetime) -> datetime:
    """Where a range of time that ends now begins."""
    if condition.operation is not Operation.EQUALS:
        raise unsupported(condition)
    try:
        return now - parse_duration(condition.values[0])
    except (ValueError, OverflowError):
        raise ProblemError(INVALID_ARGUMENT, "timeRange must be an ISO-8601 duration such as PT24H") from None


def chosen(condition: Condition, choices: Collection[str]) -> set[str]:
    """Which of the choices a condition lets through, in capitals."""
    values = {value.upper() for value in condition.values}
    if condition.operation not in EQUALITIES or not values <= set(choices):
        raise unsupported(condition)
    return set(choices) - values if condition.operation in _NEGATIVE else values


def check_pattern(pattern: str) -> None:
    """Raise ``ProblemError`` unless no text makes the pattern slow: short, without groups, with few repetitions."""
    repeats = sum(pattern.count(sign) for sign in "*+{")
    if len(pattern) > _LONGEST_PATTERN or "(" in pattern or repeats > _MOST_REPEATS:
        raise invalid(f"a REGEX may have {_LONGEST_PATTERN} characters, {_MOST_REPEATS} repetitions and no groups")
    try:
        re.compile(pattern)
    except re.error as error:
        raise invalid(f"the REGEX cannot be read: {error}") from None
