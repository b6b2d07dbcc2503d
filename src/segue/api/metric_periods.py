"""Figures over time: how long a window's periods are, and one value for each of them (REST API 4.5)."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from segue.api.problems import INVALID_ARGUMENT, ProblemError
from segue.ports.repositories.metrics import Aggregation, Summary

_MOST_DAYS = 3660


class Period(StrEnum):
    """The length of a period. Weeks begin on Monday; all are in UTC."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def seconds(self) -> int:
        """The length in which figures are summed up by the database: weeks and months are made of days."""
        return {Period.MINUTE: 60, Period.HOUR: 3600}.get(self, 86_400)

    def begin(self, at: datetime) -> datetime:
        """When the period around ``at`` began."""
        at = at.replace(second=0, microsecond=0)
        if self is Period.MINUTE:
            return at
        at = at.replace(minute=0)
        if self is Period.HOUR:
            return at
        at = at.replace(hour=0)
        if self is Period.WEEK:
            return at - timedelta(days=at.weekday())
        return at.replace(day=1) if self is Period.MONTH else at

    def next(self, begin: datetime) -> datetime:
        """When the period after the one that began at ``begin`` begins."""
        if self is Period.MONTH:
            return (begin + timedelta(days=31)).replace(day=1)
        days = 7 if self is Period.WEEK else 1
        return begin + (timedelta(days=days) if self.seconds == 86_400 else timedelta(seconds=self.seconds))


def period_of(after: datetime, before: datetime) -> Period:
    """The length of the periods of a window. Raises ``ProblemError`` for a window of no length or of too many years."""
    window = before - after
    if window <= timedelta(0):
        raise ProblemError(INVALID_ARGUMENT, "endDate must be after startDate")
    if window > timedelta(days=_MOST_DAYS):
        raise ProblemError(INVALID_ARGUMENT, f"startDate and endDate must not be more than {_MOST_DAYS} days apart")
    for least, period in (
        (timedelta(days=365), Period.MONTH),
        (timedelta(days=180), Period.WEEK),
        (timedelta(days=1), Period.DAY),
        (timedelta(hours=6), Period.HOUR),
    ):
        if window > least:
            return period
    return Period.MINUTE


def values_of(
    summaries: Mapping[datetime, Summary], period: Period, window: tuple[datetime, datetime], aggregation: Aggregation
) -> Iterator[tuple[datetime, float]]:
    """The beginning and the value of each period of the window; 0 where nothing was measured."""
    joined: dict[datetime, Summary] = {}
    for at, summary in summaries.items():
        begin = period.begin(at)
        joined[begin] = joined[begin].joined(summary) if begin in joined else summary
    after, before = window
    begin = period.begin(after)
    while begin < before:
        found = joined.get(begin)
        yield begin, 0.0 if found is None else found.value(aggregation)
        begin = period.next(begin)
