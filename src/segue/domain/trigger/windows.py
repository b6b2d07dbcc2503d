"""Windows of time within which executions of several flows have to happen (flow language 12.7)."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from segue.domain.errors import SegueError
from segue.domain.flow.preconditions import TimeWindow, TimeWindowType
from segue.domain.flow.triggers import Window

_DAY = timedelta(days=1)


class WindowError(SegueError):
    """A window cannot be told from what was written."""


class Span(NamedTuple):
    """From ``start`` to before ``end``."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= at < self.end


class Daily(NamedTuple):
    """A range of the day, each day; one that ends before it begins goes over midnight."""

    start: time
    end: time
    zone: tzinfo

    def span(self, at: datetime) -> Span | None:
        """The range that ``at`` lies in, None between two."""
        today = at.astimezone(self.zone).date()
        for day in (today, today - _DAY):
            last = day if self.start < self.end else day + _DAY
            span = Span(
                datetime.combine(day, self.start, self.zone),
                datetime.combine(last, self.end, self.zone),
            )
            if span.holds(at):
                return span
        return None


class Every(NamedTuple):
    """Ranges of one length after each other, the first of a day at midnight and ``offset``."""

    length: timedelta
    offset: timedelta
    zone: tzinfo

    def span(self, at: datetime) -> Span | None:
        """The range that ``at`` lies in."""
        first = datetime.combine(at.astimezone(self.zone).date(), time(), self.zone) + self.offset
        if self.length % _DAY:  # hours have 60 minutes, also when clocks are changed; days end at midnight
            first = first.astimezone(UTC)
        local = at.astimezone(first.tzinfo)
        start = first + (local - first) // self.length * self.length
        return Span(start, start + self.length)


class Sliding(NamedTuple):
    """A range that begins when something happens."""

    length: timedelta

    def span(self, at: datetime) -> Span | None:
        """The range that begins now."""
        return Span(at, at + self.length)


WindowRule = Daily | Every | Sliding


def rule_of(window: Window | TimeWindow | None, zone: tzinfo) -> WindowRule:
    """How the window of a trigger is bounded; ``zone`` is used where it names none.

    Raises ``WindowError`` for what is no time of day and for lengths that are not positive.
    """
    if window is None:
        return Every(_DAY, timedelta(), zone)
    if isinstance(window, TimeWindow):
        return _rule_of_1x(window, zone)
    own = ZoneInfo(window.timezone) if window.timezone is not None else zone
    if window.deadline is not None:
        return _daily("00:00", window.deadline, own)
    if window.from_ is not None and window.to is not None:
        return _daily(window.from_, window.to, own)
    if window.lookback is not None:
        return Sliding(_length(window.lookback))
    return Every(_length(window.every), window.offset or timedelta(), own)


def _rule_of_1x(window: TimeWindow, zone: tzinfo) -> WindowRule:
    if window.type is TimeWindowType.DAILY_TIME_DEADLINE:
        return _daily("00:00", window.deadline or "", zone)
    if window.type is TimeWindowType.DAILY_TIME_WINDOW:
        return _daily(window.start_time or "", window.end_time or "", zone)
    if window.type is TimeWindowType.SLIDING_WINDOW:
        return Sliding(_length(window.window))
    return Every(_length(window.window), window.window_advance or timedelta(), zone)


def _length(value: timedelta | None) -> timedelta:
    if value is None:
        return _DAY
    if value <= timedelta():
        raise WindowError("a window of time must be longer than nothing")
    return value


def _daily(start: str, end: str, zone: tzinfo) -> Daily:
    first, last = _time(start), _time(end)
    if first.replace(tzinfo=None) == last.replace(tzinfo=None):
        raise WindowError(f"a window of time from {start} to {end} is empty")
    own = first.tzinfo or last.tzinfo or zone
    return Daily(first.replace(tzinfo=None), last.replace(tzinfo=None), own)


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text.strip())
    except ValueError:
        raise WindowError(f"'{text[:100]}' is no time of day") from None
