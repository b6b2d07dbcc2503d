"""The dates of a schedule, whatever they come from (flow language 12.3, 12.4)."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from segue.domain.cron import CronExpression
from segue.domain.errors import SegueError
from segue.domain.flow.fields import is_expression
from segue.domain.flow.triggers import ScheduleOnDatesTrigger, ScheduleTrigger, Trigger

RenderTyped = Callable[[str], Any]
"""Renders a text to a native value."""


class ScheduleError(SegueError):
    """The dates of a schedule cannot be told."""


class Dates(Protocol):
    """Dates in order, without end or with one. All are aware; those returned are in UTC."""

    @property
    def zone(self) -> tzinfo:
        """The zone they are shown in."""
        ...

    def after(self, moment: datetime) -> datetime | None:
        """The first date after ``moment``."""
        ...

    def before(self, moment: datetime) -> datetime | None:
        """The last date before ``moment``."""
        ...


class CronDates:
    """See ``Dates``: those of a cron expression on the clocks of a zone."""

    __slots__ = ("expression", "zone")

    def __init__(self, expression: CronExpression, zone: tzinfo = UTC) -> None:
        self.expression = expression
        self.zone = zone

    def after(self, moment: datetime) -> datetime | None:
        """See ``Dates.after``."""
        return self.expression.next_after(moment, self.zone)

    def before(self, moment: datetime) -> datetime | None:
        """See ``Dates.before``."""
        return self.expression.previous_before(moment, self.zone)


class ListedDates:
    """See ``Dates``: a list, sorted here, each date once."""

    __slots__ = ("_dates", "zone")

    def __init__(self, dates: Iterable[datetime], zone: tzinfo = UTC) -> None:
        self._dates = sorted({date.astimezone(UTC) for date in dates})
        self.zone = zone

    def after(self, moment: datetime) -> datetime | None:
        """See ``Dates.after``."""
        place = bisect_right(self._dates, moment)
        return self._dates[place] if place < len(self._dates) else None

    def before(self, moment: datetime) -> datetime | None:
        """See ``Dates.before``."""
        place = bisect_left(self._dates, moment)
        return self._dates[place - 1] if place else None


def is_static(trigger: Trigger) -> bool:
    """Whether the dates of the trigger can be told without rendering anything."""
    if isinstance(trigger, ScheduleOnDatesTrigger):
        if isinstance(trigger.dates, str) or any(map(is_expression, trigger.dates)):
            return False
        return not is_expression(trigger.timezone or "")
    return isinstance(trigger, ScheduleTrigger) and not is_expression(trigger.timezone or "")


def dates_of(trigger: Trigger, render: RenderTyped) -> Dates:
    """The dates of a Schedule or ScheduleOnDates. Without a zone they are on the clocks of UTC.

    Raises ``ScheduleError`` for dates and zones that are none, and whatever ``render`` raises.
    """
    if isinstance(trigger, ScheduleTrigger):
        cron = CronExpression(trigger.cron, with_seconds=trigger.with_seconds)
        return CronDates(cron, _zone(trigger.timezone, render))
    if isinstance(trigger, ScheduleOnDatesTrigger):
        zone = _zone(trigger.timezone, render)
        return ListedDates((_date(item, zone) for item in _listed(trigger.dates, render)), zone)
    raise ScheduleError(f"trigger {trigger.id} has no dates")


def _zone(name: str | None, render: RenderTyped) -> tzinfo:
    text = render(name) if name is not None and is_expression(name) else name
    if not text:
        return UTC
    try:
        return ZoneInfo(str(text))
    except (KeyError, ValueError, OSError):
        raise ScheduleError(f"'{str(text)[:100]}' is not a valid time-zone ID") from None


def _listed(dates: tuple[str, ...] | str, render: RenderTyped) -> Iterable[Any]:
    found = render(dates) if isinstance(dates, str) else dates
    if isinstance(found, str | datetime):
        found = [found]
    if not isinstance(found, list | tuple):
        raise ScheduleError("Failed to evaluate schedule 'dates'. Cause: they are no list")
    for item in found:
        yield render(item) if isinstance(item, str) and is_expression(item) else item


def _date(value: Any, zone: tzinfo) -> datetime:
    try:
        date = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ScheduleError(f"Failed to evaluate schedule 'dates'. Cause: '{str(value)[:100]}' is no date") from None
    return date if date.tzinfo is not None else date.replace(tzinfo=zone)


def zoned_text(date: datetime, zone: tzinfo) -> str:
    """The date as expressions see it: ISO 8601 with the offset of the zone, ``Z`` for none."""
    text = date.astimezone(zone).isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
