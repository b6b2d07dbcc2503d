"""Named formats, and writing a date by name or pattern (expression language 7.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time

from segue.expr.dates.patterns import format_pattern, locale_of
from segue.expr.dates.zones import offset_text

__all__ = ["PATTERNS", "STYLES", "format_value", "style_pattern"]

PATTERNS: Mapping[str, str] = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "iso_milli": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_milli": "yyyy-MM-dd HH:mm:ss.SSS",
    "sql_sec": "yyyy-MM-dd HH:mm:ss",
}


def _time(value: datetime) -> str:
    """Local time with as many digits of the fraction as needed."""
    fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
    return f"{value:%H:%M:%S}{fraction}"


def _date(value: datetime) -> str:
    return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"


def _offset(value: datetime) -> str:
    return offset_text(value, "+HH:MM", "Z")


def _offset_date_time(value: datetime) -> str:
    return f"{_date(value)}T{_time(value)}{_offset(value)}"


def _date_time(value: datetime) -> str:
    region = f"[{value.tzinfo.key}]" if isinstance(value.tzinfo, ZoneInfo) else ""
    return _offset_date_time(value) + region


def _week_date(value: datetime) -> str:
    year, week, day = value.isocalendar()
    return f"{year:04d}-W{week:02d}-{day}{_offset(value)}"


def _rfc_1123(value: datetime) -> str:
    english = locale_of("en_US")
    zone = offset_text(value, "+HHMM", "GMT")
    return format_pattern(value, "EEE, d MMM yyyy HH:mm:ss ", english) + zone


_NAMED: Mapping[str, Callable[[datetime], str]] = {
    "iso_date_time": _date_time,
    "iso_zoned_date_time": _date_time,
    "iso_offset_date_time": _offset_date_time,
    "iso_local_date_time": lambda value: f"{_date(value)}T{_time(value)}",
    "iso_local_date": _date,
    "iso_local_time": _time,
    "iso_date": lambda value: _date(value) + _offset(value),
    "iso_offset_date": lambda value: _date(value) + _offset(value),
    "iso_time": lambda value: _time(value) + _offset(value),
    "iso_offset_time": lambda value: _time(value) + _offset(value),
    "iso_instant": lambda value: _offset_date_time(value.astimezone(UTC)),
    "iso_ordinal_date": lambda value: f"{value.year:04d}-{value.timetuple().tm_yday:03d}{_offset(value)}",
    "iso_week_date": _week_date,
    "basic_iso_date": lambda value: f"{value:%Y%m%d}" + offset_text(value, "+HHMM", "Z"),
    "rfc_1123_date_time": _rfc_1123,
}
STYLES = frozenset({"full", "long", "medium", "short"})


def style_pattern(style: str, locale: Locale) -> str:
    """The pattern of a locale style, for reading; blanks are plain ones."""
    day, clock = locale.date_formats[style].pattern, locale.time_formats[style].pattern
    if locale.language == "en":
        glue = " 'at' " if style in ("full", "long") else ", "
        text = f"{day}{glue}{clock}"
    else:
        text = str(locale.datetime_formats[style]).replace("{0}", clock).replace("{1}", day)
    return text.replace("\u202f", " ")


def _styled(value: datetime, style: str, locale: Locale) -> str:
    """A locale style; blanks before AM and PM are plain ones."""
    if locale.language == "en":
        glue = " at " if style in ("full", "long") else ", "
        day = format_date(value.date(), style, locale=locale)
        text = day + glue + format_time(value, style, tzinfo=value.tzinfo, locale=locale)
    else:
        text = format_datetime(value, style, tzinfo=value.tzinfo, locale=locale)
    return str(text).replace("\u202f", " ")


def format_value(value: datetime, name: str, locale: str) -> str:
    """An aware date in its own zone, written by a format's name or a pattern.

    Raises:
        EvaluationError: a bad pattern or an unknown locale.
    """
    write = _NAMED.get(name)
    if write is not None:
        return write(value)
    if name in STYLES:
        return _styled(value, name, locale_of(locale))
    return format_pattern(value, PATTERNS.get(name, name), locale_of(locale))
