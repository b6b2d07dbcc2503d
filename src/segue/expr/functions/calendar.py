"""`now` and the calendar functions (expression language 8.1, 8.5)."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime
from typing import Any

from segue.expr.callables import Table
from segue.expr.dates.reading import parse_iso
from segue.expr.errors import EvaluationError, ServiceMissingError
from segue.expr.filters.dates import write_date
from segue.expr.runtime import State
from segue.expr.text import java_text

__all__ = ["TABLE"]

TABLE = Table()
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_POSITIONS = ("FIRST", "SECOND", "THIRD", "FOURTH", "LAST")
_MISSING = object()


@TABLE.add("now", "format", "timeZone", "existingFormat", "locale", state=True)
def now(
    state: State, format: Any = None, time_zone: Any = None, existing_format: Any = None, locale: Any = None
) -> str:
    """The current time as text, from the clock of the services; `existingFormat` has no meaning here."""
    del existing_format
    if state.services.clock is None:
        raise ServiceMissingError("now", "clock")
    return write_date(state, state.services.clock(), format, time_zone, locale)


def _parsed(name: str, value: Any) -> date:
    """A datetime or date, local as written."""
    if value is None or value is _MISSING:
        raise EvaluationError(f"The '{name}()' function expects a 'date' argument.")
    if isinstance(value, date):
        return value
    try:
        return parse_iso(java_text(value).strip())
    except EvaluationError as error:
        raise EvaluationError(f"The '{name}()' function could not parse 'date': {error.message}") from None


@TABLE.add("dayOfWeek", "date")
def day_of_week(date: Any = None) -> str:
    """`MONDAY` to `SUNDAY`."""
    return _DAYS[_parsed("dayOfWeek", date).weekday()]


@TABLE.add("dayOfMonth", "date")
def day_of_month(date: Any = None) -> int:
    """Day of the month."""
    return _parsed("dayOfMonth", date).day


@TABLE.add("monthOfYear", "date")
def month_of_year(date: Any = None) -> int:
    """Month of the year."""
    return _parsed("monthOfYear", date).month


@TABLE.add("hourOfDay", "date")
def hour_of_day(date: Any = None) -> int:
    """Hour from 0 to 23; a date without time is an error."""
    value = _parsed("hourOfDay", date)
    if not isinstance(value, datetime):
        raise EvaluationError("The 'hourOfDay()' function could not parse 'date': it has no time")
    return value.hour


@TABLE.add("isWeekend", "date")
def is_weekend(date: Any = None) -> bool:
    """Whether the day is a Saturday or Sunday."""
    return _parsed("isWeekend", date).weekday() >= 5


def _one_of(function: str, name: str, value: Any, allowed: tuple[str, ...]) -> int:
    text = java_text(value)
    if text.upper() not in allowed:
        expected = ", ".join(allowed)
        raise EvaluationError(
            f"The '{function}()' function received an invalid '{name}' value: '{text}'. Expected one of: {expected}."
        )
    return allowed.index(text.upper())


@TABLE.add("isDayWeekInMonth", "date", "dayOfWeek", "position")
def is_day_week_in_month(date: Any = None, day_of_week: Any = None, position: Any = None) -> bool:
    """Whether the date is the first, second ... or last such day of its month."""
    value = _parsed("isDayWeekInMonth", date)
    day = _one_of("isDayWeekInMonth", "dayOfWeek", day_of_week, _DAYS)
    place = _one_of("isDayWeekInMonth", "position", position, _POSITIONS)
    if value.weekday() != day:
        return False
    if place == 4:
        return value.day + 7 > monthrange(value.year, value.month)[1]
    return (value.day - 1) // 7 == place


@TABLE.add("isLastWorkingDay", "date", "workingDays")
def is_last_working_day(date: Any = None, working_days: Any = None) -> bool:
    """Whether the date is the last day of its month that is a working day."""
    value = _parsed("isLastWorkingDay", date)
    names = re.split(r"[,\s]+", java_text(working_days).strip()) if working_days is not None else []
    wanted = {_one_of("isLastWorkingDay", "workingDays", name, _DAYS) for name in names if name} or set(range(5))
    if value.weekday() not in wanted:
        return False
    rest = range(value.day + 1, monthrange(value.year, value.month)[1] + 1)
    return not any(value.replace(day=day).weekday() in wanted for day in rest)


@TABLE.add("isPublicHoliday", "date", "countryCode", "subDivision", state=True)
def is_public_holiday(state: State, date: Any = None, country_code: Any = None, sub_division: Any = None) -> bool:
    """Whether the holiday calendar of the services knows the day as a public holiday."""
    value = _parsed("isPublicHoliday", date)
    country = java_text(country_code).strip() if country_code is not None else ""
    if not country:
        raise EvaluationError("The 'isPublicHoliday()' function expects a 'countryCode' argument.")
    if state.services.holidays is None:
        raise ServiceMissingError("isPublicHoliday", "holidays")
    division = java_text(sub_division).strip() if sub_division is not None else ""
    day = value.date() if isinstance(value, datetime) else value
    return state.services.holidays(day, country.upper(), division or None)


def _instant(name: str, value: Any) -> datetime:
    parsed = _parsed("isDateBetween", value)
    if not isinstance(parsed, datetime) or parsed.tzinfo is None:
        raise EvaluationError(f"The 'isDateBetween()' function could not parse '{name}': it needs a time and an offset")
    return parsed


@TABLE.add("isDateBetween", "date", "after", "before")
def is_date_between(date: Any = None, after: Any = None, before: Any = None) -> bool:
    """Whether the instant lies strictly between the two others."""
    return _instant("after", after) < _instant("date", date) < _instant("before", before)
