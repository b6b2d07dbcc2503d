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
    """The current time as text.

    Args:
        format (text, default 'iso'): A named format or a pattern, see Dates above.
        timeZone (text, optional): Zone of the result; by default the server's.
        existingFormat (text, optional): Without meaning here, accepted because the original does.
        locale (text, optional): Language of names, as `fr` or `de_DE`.

    Returns:
        text: Apply `date` or `dateAdd` to go on with it.

    Raises:
        EvaluationError: the zone, format or locale cannot be used.
        ServiceMissingError: there is no clock here.

    Available: 1.x, 2.0

    Examples:
        {{ now() }} -> 2024-03-05T14:07:09.123456Z
        {{ now('HH:mm', timeZone='Asia/Kolkata') }} -> 19:37
        {{ now() | dateAdd(-1, 'DAYS', 'yyyy-MM-dd') }} -> 2024-03-04
    """
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
    """The day of the week of a date.

    Args:
        date (date): An ISO date or datetime; day and hour are taken as written, no zone is converted.

    Returns:
        text: `MONDAY` to `SUNDAY`.

    Raises:
        EvaluationError: there is no date, or it cannot be read.

    Available: 2.0

    Examples:
        {{ dayOfWeek('2025-01-06T00:30:00+02:00') }} -> MONDAY
    """
    return _DAYS[_parsed("dayOfWeek", date).weekday()]


@TABLE.add("dayOfMonth", "date")
def day_of_month(date: Any = None) -> int:
    """The day of the month of a date.

    Args:
        date (date): An ISO date or datetime, taken as written.

    Returns:
        integer: 1 to 31.

    Raises:
        EvaluationError: there is no date, or it cannot be read.

    Available: 2.0

    Examples:
        {{ dayOfMonth('2025-01-06') }} -> 6
    """
    return _parsed("dayOfMonth", date).day


@TABLE.add("monthOfYear", "date")
def month_of_year(date: Any = None) -> int:
    """The month of a date.

    Args:
        date (date): An ISO date or datetime, taken as written.

    Returns:
        integer: 1 to 12.

    Raises:
        EvaluationError: there is no date, or it cannot be read.

    Available: 2.0

    Examples:
        {{ monthOfYear('2025-12-06T10:00:00') }} -> 12
    """
    return _parsed("monthOfYear", date).month


@TABLE.add("hourOfDay", "date")
def hour_of_day(date: Any = None) -> int:
    """The hour of a datetime.

    Args:
        date (date): An ISO datetime, taken as written.

    Returns:
        integer: 0 to 23.

    Raises:
        EvaluationError: there is no date, it cannot be read, or it has no time.

    Available: 2.0

    Examples:
        {{ hourOfDay('2025-01-06T14:30:00+02:00') }} -> 14
    """
    value = _parsed("hourOfDay", date)
    if not isinstance(value, datetime):
        raise EvaluationError("The 'hourOfDay()' function could not parse 'date': it has no time")
    return value.hour


@TABLE.add("isWeekend", "date")
def is_weekend(date: Any = None) -> bool:
    """Whether a date is a Saturday or Sunday.

    Args:
        date (date): An ISO date or datetime, taken as written.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: there is no date, or it cannot be read.

    Available: 2.0

    Examples:
        {{ isWeekend('2025-01-04') }} {{ isWeekend('2025-01-06T10:00:00Z') }} -> true false
    """
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
    """Whether a date is the first, second, third, fourth or last such day of its month.

    Args:
        date (date): An ISO date or datetime, taken as written.
        dayOfWeek (text): `MONDAY` to `SUNDAY`, in any case.
        position (text): `FIRST`, `SECOND`, `THIRD`, `FOURTH` or `LAST`, in any case.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: an argument is absent or unknown; the message names the expected values.

    Available: 2.0

    Examples:
        {{ isDayWeekInMonth('2025-01-06', 'MONDAY', 'FIRST') }} -> true
        {{ isDayWeekInMonth('2025-01-27', 'monday', 'last') }} -> true
    """
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
    """Whether a date is the last working day of its month.

    Args:
        date (date): An ISO date or datetime, taken as written.
        workingDays (text, optional): Names of days, divided by commas or blanks; by default Monday to Friday.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: there is no date, it cannot be read, or a day is unknown.

    Available: 2.0

    Examples:
        {{ isLastWorkingDay('2025-05-30') }} {{ isLastWorkingDay('2025-05-31', 'SATURDAY,SUNDAY') }} -> true true
    """
    value = _parsed("isLastWorkingDay", date)
    names = re.split(r"[,\s]+", java_text(working_days).strip()) if working_days is not None else []
    wanted = {_one_of("isLastWorkingDay", "workingDays", name, _DAYS) for name in names if name} or set(range(5))
    if value.weekday() not in wanted:
        return False
    rest = range(value.day + 1, monthrange(value.year, value.month)[1] + 1)
    return not any(value.replace(day=day).weekday() in wanted for day in rest)


@TABLE.add("isPublicHoliday", "date", "countryCode", "subDivision", state=True)
def is_public_holiday(state: State, date: Any = None, country_code: Any = None, sub_division: Any = None) -> bool:
    """Whether a date is a public holiday of a country.

    Args:
        date (date): An ISO date or datetime, taken as written.
        countryCode (text): The country's two letters, as `FR`.
        subDivision (text, optional): Code of a state or region.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: there is no date, it cannot be read, or the country is absent or unknown.
        ServiceMissingError: there is no calendar of holidays here.

    Available: 2.0

    Examples:
        {{ isPublicHoliday('2025-07-14', 'FR') }} {{ isPublicHoliday('2025-07-15', 'FR') }} -> true false
    """
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
    """Whether an instant lies strictly between two others.

    Args:
        date (date): An ISO datetime with an offset.
        after (date): The earlier bound, with an offset.
        before (date): The later bound, with an offset.

    Returns:
        boolean: True or false.

    Raises:
        EvaluationError: one of them is absent, cannot be read or has no offset.

    Available: 2.0

    Examples:
        {{ isDateBetween(inputs.when, '2024-01-01T00:00:00Z', '2024-06-30T00:00:00Z') }} -> true
    """
    return _instant("after", after) < _instant("date", date) < _instant("before", before)
