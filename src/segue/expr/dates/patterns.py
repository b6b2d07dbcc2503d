"""Pattern letters of Java's DateTimeFormatter: tokens, and writing with them (expression language 7.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby

from babel import Locale, UnknownLocaleError
from babel.dates import get_timezone_name

from segue.expr.dates.zones import offset_text, zone_id
from segue.expr.errors import EvaluationError

__all__ = ["Field", "Part", "format_pattern", "locale_of", "tokens"]

_MAX_LETTERS = 19
Field = tuple[str, int]
Part = str | Field


@lru_cache(maxsize=100)
def locale_of(name: str) -> Locale:
    """The locale of a tag such as `fr` or `de_DE`.

    Raises:
        EvaluationError: it is unknown.
    """
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        raise EvaluationError(f"Unknown locale: {name[:40]}") from None


@lru_cache(maxsize=500)
def tokens(pattern: str) -> tuple[Part, ...]:
    """Literal texts and fields (letter, count) of a pattern; `[` and `]` are fields of count 0.

    Raises:
        EvaluationError: an unknown letter, an unclosed quote, too many letters.
    """
    parts: list[Part] = []
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if char == "'":
            end = pattern.find("'", index + 1)
            if end < 0:
                raise EvaluationError(f"Pattern ends with an incomplete string literal: {pattern}")
            text = pattern[index + 1 : end] or "'"
            while pattern.startswith("'", end + 1) and text != "'" and "'" in pattern[end + 2 :]:
                again = pattern.index("'", end + 2)
                text += "'" + pattern[end + 2 : again]
                end = again
            parts.append(text)
            index = end + 1
        elif char.isascii() and char.isalpha():
            count = len(next("".join(group) for _, group in groupby(pattern[index:])))
            if char not in _WRITE or count > _MAX_LETTERS:
                raise EvaluationError(f"Unknown pattern letter: {char * min(count, 20)}")
            parts.append((char, count))
            index += count
        elif char in "[]":
            parts.append((char, 0))
            index += 1
        else:
            if char in "{}#":
                raise EvaluationError(f"Pattern includes reserved character: '{char}'")
            parts.append(char)
            index += 1
    return tuple(parts)


def format_pattern(value: datetime, pattern: str, locale: Locale) -> str:
    """An aware date written with a pattern. Raises EvaluationError for a bad pattern."""
    return "".join(
        part if isinstance(part, str) else _WRITE[part[0]](value, part[1], locale) if part[1] else ""
        for part in tokens(pattern)
    )


def _number(read: Callable[[datetime], int]) -> Callable[[datetime, int, Locale], str]:
    return lambda value, count, _: str(read(value)).zfill(count)


def _year(year: int, count: int) -> str:
    return f"{year % 100:02d}" if count == 2 else str(year).zfill(count)


_WIDTHS = {3: "abbreviated", 4: "wide", 5: "narrow"}


def _named(names: str, number: int, count: int, locale: Locale, context: str = "format") -> str:
    if count not in _WIDTHS:
        raise EvaluationError("Too many pattern letters")
    return str(getattr(locale, names)[context][_WIDTHS[count]][number])


def _month(value: datetime, count: int, locale: Locale) -> str:
    return str(value.month).zfill(count) if count < 3 else _named("months", value.month, count, locale)


def _quarter(value: datetime, count: int, locale: Locale) -> str:
    quarter = (value.month + 2) // 3
    return str(quarter).zfill(count) if count < 3 else _named("quarters", quarter, count, locale)


def _day_name(value: datetime, count: int, locale: Locale) -> str:
    return _named("days", value.weekday(), max(count, 3), locale)


def _local_day(value: datetime, count: int, locale: Locale) -> str:
    if count > 2:
        return _day_name(value, count, locale)
    return str((value.weekday() - locale.first_week_day) % 7 + 1).zfill(count)


def _weeks_before(day_number: int, first_day: date, locale: Locale) -> int:
    """Number of the week that holds the day_number-th (from 0) day of a period that begins with first_day."""
    shift = (first_day.weekday() - locale.first_week_day) % 7
    return (day_number + shift) // 7 + (1 if 7 - shift >= locale.min_week_days else 0)


def week_of_year(value: date, locale: Locale) -> tuple[int, int]:
    """Week-based year and week by the locale's rules."""
    year = value.year
    following = date(year + 1, 1, 1) if year < 9999 else date.max
    shift = (following.weekday() - locale.first_week_day) % 7
    if 7 - shift >= locale.min_week_days and value >= following - timedelta(days=shift):
        return year + 1, 1
    week = _weeks_before(value.timetuple().tm_yday - 1, date(year, 1, 1), locale)
    if week:
        return year, week
    return week_of_year(date(year - 1, 12, 31), locale)


def _era(_: datetime, count: int, locale: Locale) -> str:
    return str(locale.eras[{4: "wide", 5: "narrow"}.get(count, "abbreviated")][1])


def _zone_name(value: datetime, count: int, locale: Locale) -> str:
    if count > 4:
        raise EvaluationError("Too many pattern letters: z")
    short = value.tzname() or ""
    if count < 4 and short.isalpha():
        return short
    return str(get_timezone_name(value, "short" if count < 4 else "long", locale=locale))


def _zone_id(value: datetime, count: int, _: Locale) -> str:
    if count != 2:
        raise EvaluationError("Pattern letter count must be 2: V")
    return zone_id(value)


def _offset(value: datetime, count: int, zero: str | None) -> str:
    if count > 5:
        raise EvaluationError("Too many pattern letters: X")
    form = {1: "+HHmm", 2: "+HHMM", 3: "+HH:MM", 4: "+HHMM", 5: "+HH:MM"}[count]
    plain = {1: "+00", 2: "+0000", 3: "+00:00", 4: "+0000", 5: "+00:00"}[count]
    return offset_text(value, form, plain if zero is None else zero)


def _offset_z(value: datetime, count: int, _: Locale) -> str:
    if count < 4:
        return offset_text(value, "+HHMM", "+0000")
    return "GMT" + offset_text(value, "+HH:MM", "") if count == 4 else _offset(value, count, "Z")


def _offset_gmt(value: datetime, count: int, _: Locale) -> str:
    return "GMT" + offset_text(value, "+H" if count == 1 else "+HH:MM", "")


def _nano_of_day(value: datetime) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 10**9 + value.microsecond * 1000


def _half(value: datetime, _: int, locale: Locale) -> str:
    return str(locale.day_periods["format"]["abbreviated"]["am" if value.hour < 12 else "pm"])


_WRITE: Mapping[str, Callable[[datetime, int, Locale], str]] = {
    "G": _era,
    "u": lambda value, count, _: _year(value.year, count),
    "y": lambda value, count, _: _year(value.year, count),
    "Y": lambda value, count, locale: _year(week_of_year(value.date(), locale)[0], count),
    "D": _number(lambda value: value.timetuple().tm_yday),
    "M": _month,
    "L": _month,
    "d": _number(lambda value: value.day),
    "Q": _quarter,
    "q": _quarter,
    "w": lambda value, count, locale: str(week_of_year(value.date(), locale)[1]).zfill(count),
    "W": lambda value, _, locale: str(_weeks_before(value.day - 1, value.date().replace(day=1), locale)),
    "e": _local_day,
    "c": _local_day,
    "E": _day_name,
    "F": _number(lambda value: (value.day - 1) // 7 + 1),
    "a": _half,
    "h": _number(lambda value: (value.hour + 11) % 12 + 1),
    "H": _number(lambda value: value.hour),
    "K": _number(lambda value: value.hour % 12),
    "k": _number(lambda value: (value.hour + 23) % 24 + 1),
    "m": _number(lambda value: value.minute),
    "s": _number(lambda value: value.second),
    "S": lambda value, count, _: f"{value.microsecond * 1000:09d}"[:count],
    "n": _number(lambda value: value.microsecond * 1000),
    "N": _number(_nano_of_day),
    "A": _number(lambda value: _nano_of_day(value) // 10**6),
    "V": _zone_id,
    "z": _zone_name,
    "O": _offset_gmt,
    "X": lambda value, count, _: _offset(value, count, "Z"),
    "x": lambda value, count, _: _offset(value, count, None),
    "Z": _offset_z,
}
