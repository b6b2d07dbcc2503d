"""Filters on dates (expression language 7.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from segue.expr.callables import Table
from segue.expr.dates.formats import format_value
from segue.expr.dates.patterns import locale_of
from segue.expr.dates.reading import Reading, read_date
from segue.expr.dates.zones import settle, zone
from segue.expr.errors import EvaluationError, LimitError
from segue.expr.runtime import State
from segue.expr.text import java_text

__all__ = ["TABLE", "write_date"]

TABLE = Table()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_AMOUNT = 20
_MICROS = timedelta(microseconds=1)
_EXACT = {
    "MICROS": 1,
    "MILLIS": 1000,
    "SECONDS": 10**6,
    "MINUTES": 60 * 10**6,
    "HOURS": 3600 * 10**6,
    "HALF_DAYS": 12 * 3600 * 10**6,
}
_DAYS = {"DAYS": 1, "WEEKS": 7}
_MONTHS = {"MONTHS": 1, "YEARS": 12, "DECADES": 120, "CENTURIES": 1200, "MILLENNIA": 12_000}


def _read(state: State, value: Any, time_zone: Any, existing_format: Any, locale: Any = None) -> datetime:
    default = zone(java_text(time_zone) if time_zone is not None else state.services.time_zone)
    existing = None if existing_format is None else java_text(existing_format)
    return read_date(value, Reading(default, existing, locale_of(_locale(state, locale)), state.limits))


def _locale(state: State, locale: Any) -> str:
    return state.services.locale if locale is None else java_text(locale)


def write_date(state: State, value: datetime, format: Any, time_zone: Any, locale: Any) -> str:
    """A date in the zone asked for (else the default one) as text."""
    target = zone(java_text(time_zone) if time_zone is not None else state.services.time_zone)
    name = "iso" if format is None else java_text(format)
    longest = state.limits.max_format_length
    if len(name) > longest:
        raise LimitError("max_format_length", longest, "The format of the date is too long")
    return format_value(value.astimezone(target), name, _locale(state, locale))


@TABLE.add("date", "format", "timeZone", "existingFormat", "locale", state=True)
def date(
    state: State,
    value: Any,
    format: Any = None,
    time_zone: Any = None,
    existing_format: Any = None,
    locale: Any = None,
) -> str | None:
    """A date written as text.

    The input is text in ISO form (or in `existingFormat`), or an integer: seconds, milliseconds (13 digits) or
    nanoseconds (19 digits) since 1970. The result is in the zone `timeZone`; the offset of the input is not kept.

    Args:
        format (text, default 'iso'): A named format or a pattern, see Dates above.
        timeZone (text, optional): Zone of the result, and of an input without one; by default the server's.
        existingFormat (text, optional): Format of the input.
        locale (text, optional): Language of names, as `fr` or `de_DE`.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the value, zone, format or locale cannot be used.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.when | date('yyyy-MM-dd HH:mm') }} -> 2024-03-05 14:07
        {{ inputs.when | date(timeZone='Europe/Paris') }} -> 2024-03-05T15:07:09.000000+01:00
        {{ '05/03/2024' | date('EEEE d MMMM', existingFormat='dd/MM/yyyy', locale='fr') }} -> mardi 5 mars
        {{ 1709647629 | date('rfc_1123_date_time') }} -> Tue, 5 Mar 2024 14:07:09 GMT
    """
    if value is None:
        return None
    return write_date(state, _read(state, value, time_zone, existing_format, locale), format, time_zone, locale)


@TABLE.add("dateAdd", "amount", "unit", "format", "timeZone", "existingFormat", "locale", state=True)
def date_add(
    state: State,
    value: Any,
    amount: Any = None,
    unit: Any = None,
    format: Any = None,
    time_zone: Any = None,
    existing_format: Any = None,
    locale: Any = None,
) -> str | None:
    """A date moved by an amount of a unit, written as text.

    Days and larger units keep the local time; months end at the last day of the month.

    Args:
        amount (number or text): How many; may be negative.
        unit (text): `NANOS`, `MICROS`, `MILLIS`, `SECONDS`, `MINUTES`, `HOURS`, `HALF_DAYS`, `DAYS`, `WEEKS`, `MONTHS`,
            `YEARS`, `DECADES`, `CENTURIES` or `MILLENNIA`, in upper case.
        format (text, default 'iso'): As for `date`.
        timeZone (text, optional): As for `date`.
        existingFormat (text, optional): As for `date`.
        locale (text, optional): As for `date`.

    Returns:
        text: Null for null.

    Raises:
        EvaluationError: the amount, the unit or the date cannot be used, or the result is beyond the year 9999.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.when | dateAdd(-1, 'DAYS') }} -> 2024-03-04T14:07:09.000000Z
        {{ '2024-01-31' | dateAdd(1, 'MONTHS', 'yyyy-MM-dd') }} -> 2024-02-29
        {{ inputs.when | dateAdd(1, 'days') }} -> error: days is not a unit
    """
    if value is None:
        return None
    number = _amount(amount)
    start = _read(state, value, time_zone, existing_format, locale)
    try:
        moved = _moved(start, number, unit)
    except (OverflowError, ValueError) as error:
        raise EvaluationError(f"The date leaves the range of years 1 to 9999: {error}") from None
    return write_date(state, moved, format, time_zone, locale)


def _amount(amount: Any) -> int:
    if amount is None:
        raise EvaluationError("Incorrect null format, must be a number")
    if isinstance(amount, int | float | Decimal) and not isinstance(amount, bool):
        return int(amount)
    text = java_text(amount)
    try:
        if len(text) <= _LONGEST_AMOUNT:
            return int(text)
    except ValueError:
        pass
    raise EvaluationError(f"{text[:100]} can't be converted to long") from None


def _moved(start: datetime, amount: int, unit: Any) -> datetime:
    if unit == "NANOS":
        return start + timedelta(microseconds=amount // 1000)
    if unit in _EXACT:
        delta = timedelta(microseconds=amount * _EXACT[unit])
        return (start.astimezone(UTC) + delta).astimezone(start.tzinfo)
    if unit in _DAYS:
        return settle(start + timedelta(days=amount * _DAYS[unit]))
    if unit in _MONTHS:
        return settle(_plus_months(start, amount * _MONTHS[unit]))
    raise EvaluationError(f"{java_text(unit)} is not a unit; expected DAYS, HOURS, MINUTES, MONTHS ...")


def _plus_months(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    for day in range(start.day, 0, -1):
        try:
            return start.replace(year=year, month=month + 1, day=day)
        except ValueError:
            if day <= 28:
                raise
    raise OverflowError("no such month")


def _micros(state: State, value: Any, time_zone: Any, existing_format: Any) -> int:
    return (_read(state, value, time_zone, existing_format) - _EPOCH) // _MICROS


@TABLE.add("timestamp", "timeZone", "existingFormat", state=True)
def timestamp(state: State, value: Any, time_zone: Any = None, existing_format: Any = None) -> int | None:
    """Seconds since 1970 of a date.

    Args:
        timeZone (text, optional): Zone of a date without one; by default the server's.
        existingFormat (text, optional): Format of the input, as for `date`.

    Returns:
        integer: Null for null.

    Raises:
        EvaluationError: the value, zone or format cannot be used.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.when | timestamp }} -> 1709647629
    """
    return None if value is None else _micros(state, value, time_zone, existing_format) // 10**6


@TABLE.add("timestampMilli", "timeZone", "existingFormat", state=True)
def timestamp_milli(state: State, value: Any, time_zone: Any = None, existing_format: Any = None) -> int | None:
    """Milliseconds since 1970 of a date.

    Args:
        timeZone (text, optional): Zone of a date without one; by default the server's.
        existingFormat (text, optional): Format of the input, as for `date`.

    Returns:
        integer: Null for null.

    Raises:
        EvaluationError: the value, zone or format cannot be used.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.when | timestampMilli }} -> 1709647629000
    """
    return None if value is None else _micros(state, value, time_zone, existing_format) // 1000


@TABLE.add("timestampMicro", "timeZone", "existingFormat", state=True)
def timestamp_micro(state: State, value: Any, time_zone: Any = None, existing_format: Any = None) -> str | None:
    """Microseconds since 1970 of a date.

    Args:
        timeZone (text, optional): Zone of a date without one; by default the server's.
        existingFormat (text, optional): Format of the input, as for `date`.

    Returns:
        text: Digits; null for null.

    Raises:
        EvaluationError: the value, zone or format cannot be used.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.when | timestampMicro }} -> 1709647629000000
    """
    return None if value is None else str(_micros(state, value, time_zone, existing_format))


@TABLE.add("timestampNano", "timeZone", "existingFormat", state=True)
def timestamp_nano(state: State, value: Any, time_zone: Any = None, existing_format: Any = None) -> str | None:
    """Nanoseconds since 1970 of a date.

    Args:
        timeZone (text, optional): Zone of a date without one; by default the server's.
        existingFormat (text, optional): Format of the input, as for `date`.

    Returns:
        text: Digits; null for null.

    Raises:
        EvaluationError: the value, zone or format cannot be used.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.when | timestampNano }} -> 1709647629000000000
    """
    return None if value is None else str(_micros(state, value, time_zone, existing_format) * 1000)
