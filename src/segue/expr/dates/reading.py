"""Values to dates (expression language 7.5): ISO text, epochs, text with a given pattern."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

from babel import Locale

from segue.expr.dates.formats import PATTERNS, STYLES, style_pattern
from segue.expr.dates.patterns import locale_of, tokens
from segue.expr.dates.zones import settle, zone
from segue.expr.errors import EvaluationError, LimitError, reason_of
from segue.expr.limits import Limits
from segue.expr.regex import match_in_time
from segue.expr.values import class_name, is_integer

__all__ = ["Reading", "parse_iso", "read_date"]

_ISO = re.compile(
    r"([+-]?\d{4,9})-(\d{2})-(\d{2})"
    r"(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}(?::\d{2}){0,2})?(?:\[([\w/+:.-]+)\])?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_iso(text: str) -> datetime | date:
    """ISO text: an aware datetime, a naive local one, or a date.

    Raises:
        EvaluationError: the text is none of them.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        raise EvaluationError(f"Text '{text[:100]}' could not be parsed as a date")
    year, month, day, hour, minute, second, fraction, offset, region = found.groups()
    try:
        if hour is None:
            return date(int(year), int(month), int(day))
        micros = int((fraction or "0").ljust(6, "0")[:6])
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros)  # noqa: DTZ001 - the zone comes next
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"Text '{text[:100]}' could not be parsed as a date: {error}") from None
    if offset is None:
        if region is not None:
            raise EvaluationError(f"Text '{text[:100]}' could not be parsed as a date: a zone needs an offset")
        return local
    aware = local.replace(tzinfo=zone(offset.upper()))
    return aware.astimezone(zone(region)) if region else aware


class Reading(NamedTuple):
    """How to read a date: the zone of local ones, the format of texts (None: ISO), names of months and days."""

    default: tzinfo
    existing: str | None
    locale: Locale
    limits: Limits


def read_date(value: Any, how: Reading) -> datetime:
    """An aware date from a date, an epoch or text; local ones are in the default zone.

    Raises:
        EvaluationError: the value cannot be read as a date.
        LimitError: the format is too long, or takes too long to match.
    """
    default = how.default
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else settle(value.replace(tzinfo=default))
    if isinstance(value, date):
        return settle(datetime.combine(value, time(12), default))
    if is_integer(value):
        return _epoch(value)
    if not isinstance(value, str):
        raise EvaluationError(f"A value of type {class_name(value)} is not a date")
    parsed = parse_iso(value) if how.existing is None else _parse_named(value, how.existing, how)
    if not isinstance(parsed, datetime):
        parsed = datetime.combine(parsed, time())
    return parsed if parsed.tzinfo is not None else settle(parsed.replace(tzinfo=default))


def _epoch(value: int) -> datetime:
    """Seconds; milliseconds if there are 13 digits, nanoseconds if there are 19."""
    digits = len(str(abs(value)))
    micros = {13: value * 1000, 19: value // 1000}.get(digits, value * 1_000_000)
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise EvaluationError(f"The number {value} is too large for a date") from None


# Named formats as patterns to read with; a time alone is no date.
_READ_PATTERNS: Mapping[str, str] = {
    **PATTERNS,
    "iso_date": "yyyy-MM-dd[XXX]",
    "iso_offset_date": "yyyy-MM-ddXXX",
    "iso_ordinal_date": "yyyy-DDD[XXX]",
    "basic_iso_date": "yyyyMMdd[XX]",
    "rfc_1123_date_time": "[EEE, ]d MMM yyyy HH:mm[:ss] z",
}
_ISO_NAMES = frozenset(
    {
        "iso_date_time",
        "iso_zoned_date_time",
        "iso_offset_date_time",
        "iso_local_date_time",
        "iso_local_date",
        "iso_instant",
    }
)
_TIMES = frozenset({"iso_time", "iso_local_time", "iso_offset_time"})
_WEEK_DATE = re.compile(r"(\d{4})-W(\d{2})-(\d)(?:Z|[+-]\d{2}:\d{2})?", re.ASCII)


def _parse_named(text: str, name: str, how: Reading) -> datetime | date:
    """Text in a named format, a locale style or a pattern."""
    longest = how.limits.max_format_length
    if len(name) > longest or len(text) > longest:
        raise LimitError("max_format_length", longest, "The date or its format is too long")
    if name in _ISO_NAMES:
        return parse_iso(text)
    if name in _TIMES:
        raise EvaluationError(f"Text '{text[:100]}' could not be parsed as a date: '{name}' is a time alone")
    if name == "iso_week_date":
        return _week_date(text)
    if name in STYLES:
        return _parse(text.replace("\u202f", " "), style_pattern(name, how.locale), how)
    if name == "rfc_1123_date_time":
        how = how._replace(locale=locale_of("en_US"))
    return _parse(text, _READ_PATTERNS.get(name, name), how)


def _week_date(text: str) -> date:
    found = _WEEK_DATE.fullmatch(text)
    try:
        if found is not None:
            return date.fromisocalendar(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise EvaluationError(f"Text '{text[:100]}' could not be parsed as a week date") from None


_WIDE = {"y": r"\d{1,9}", "u": r"\d{1,9}", "D": r"\d{1,3}", "n": r"\d{1,9}"}
_OFFSETS = r"Z|[+-]\d{2}(?::?\d{2}){0,2}"
_NUMERIC = frozenset("yuDdHhKkmsSnML")


def _names(kind: str, count: int, locale: Locale) -> Mapping[str, int]:
    width = {3: "abbreviated", 4: "wide", 5: "narrow"}.get(max(count, 3), "wide")
    table = getattr(locale, kind)["format"][width]
    return {str(text): int(number) for number, text in table.items()}


@lru_cache(maxsize=200)
def _reader(pattern: str, locale: Locale) -> tuple[str, tuple[tuple[str, int], ...]]:
    """A regular expression for the pattern, and the field of each of its groups."""
    expression: list[str] = []
    groups: list[tuple[str, int]] = []
    for part in tokens(pattern):
        if isinstance(part, str):
            expression.append(re.escape(part))
            continue
        letter, count = part
        if letter in "[]":
            expression.append("(?:" if letter == "[" else ")?")
            continue
        groups.append(part)
        expression.append(f"({_field(letter, count, locale)})")
    return "".join(expression), tuple(groups)


def _field(letter: str, count: int, locale: Locale) -> str:
    if letter in "ML" and count > 2:
        return "|".join(map(re.escape, sorted(_names("months", count, locale), key=len, reverse=True)))
    if letter == "E":
        return "|".join(map(re.escape, sorted(_names("days", count, locale), key=len, reverse=True)))
    if letter == "a":
        periods = locale.day_periods["format"]["abbreviated"]
        return "|".join(re.escape(str(periods[each])) for each in ("am", "pm"))
    if letter in _NUMERIC:
        return _WIDE.get(letter, r"\d{1,2}") if count == 1 else rf"\d{{{count}}}"
    if letter in "XxZ":
        return _OFFSETS
    if letter in "Vz":
        return r"[A-Za-z][\w/+:-]*|" + _OFFSETS
    if letter == "G":
        return "AD|BC"
    raise EvaluationError(f"The pattern letter '{letter}' is not supported for reading")


def _parse(text: str, pattern: str, how: Reading) -> datetime | date:
    locale = how.locale
    expression, groups = _reader(pattern, locale)
    found = match_in_time(expression, text, how.limits)
    if found is None:
        raise EvaluationError(f"Text '{text[:100]}' could not be parsed with the pattern '{pattern}'")
    fields: dict[str, Any] = {}
    for (letter, count), piece in zip(groups, found.groups(), strict=True):
        if piece is not None:
            fields[letter] = _read_field(letter, count, piece, locale)
    try:
        return _resolve(fields)
    except (EvaluationError, ValueError, OverflowError, KeyError) as error:
        message = f"Text '{text[:100]}' could not be parsed with the pattern '{pattern}': {reason_of(error)}"
        raise EvaluationError(message) from None


def _read_field(letter: str, count: int, piece: str, locale: Locale) -> Any:
    if letter in "ML" and count > 2:
        return _names("months", count, locale)[piece]
    if letter in "yu" and count == 2:
        return 2000 + int(piece)
    if letter == "S":
        return int(piece.ljust(6, "0")[:6])
    if letter in _NUMERIC:
        return int(piece)
    if letter in "XxZVz":
        return zone(piece)
    if letter == "E":
        return _names("days", count, locale)[piece]
    if letter == "a":
        return piece == str(locale.day_periods["format"]["abbreviated"]["pm"])
    return piece


def _resolve(fields: Mapping[str, Any]) -> datetime | date:
    """Fields to a date; a day beyond the month's end is its last day."""
    year = fields.get("y", fields.get("u"))
    if year is None:
        raise EvaluationError("a date needs a year")
    if "D" in fields:
        day = date(year, 1, 1) + timedelta(days=fields["D"] - 1)
        if day.year != year:
            raise EvaluationError(f"day {fields['D']} does not exist in {year}")
    else:
        month = fields.get("M", fields.get("L"))
        if month is None or "d" not in fields:
            raise EvaluationError("a date needs a month and a day")
        if not 1 <= fields["d"] <= 31:
            raise EvaluationError(f"invalid day {fields['d']}")
        day = date(year, month, min(fields["d"], monthrange(year, month)[1]))
    if fields.get("E", day.weekday()) != day.weekday():
        raise EvaluationError(f"{day} is another day of the week")
    hour = _hour(fields)
    if hour is None:
        return day
    micros = fields.get("S", fields.get("n", 0) // 1000)
    clock = time(hour, fields.get("m", 0), fields.get("s", 0), micros)
    offset = next((fields[letter] for letter in "VzXxZ" if letter in fields), None)
    return datetime.combine(day, clock, offset)


def _hour(fields: Mapping[str, Any]) -> int | None:
    if "H" in fields:
        return int(fields["H"])
    if "k" in fields:
        return int(fields["k"]) % 24
    half = fields.get("h", fields.get("K"))
    if half is None:
        return None
    return int(half) % 12 + (12 if fields.get("a") else 0)
