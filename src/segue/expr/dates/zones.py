"""Time zones by id or offset, and offsets as text (expression language 7.5)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from segue.expr.errors import EvaluationError

__all__ = ["offset_text", "settle", "zone", "zone_id"]

_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?", re.ASCII)


def zone(name: str) -> tzinfo:
    """The zone of a region id, `Z`, or an offset like `+02:00`.

    Raises:
        EvaluationError: there is no such zone.
    """
    if name in ("Z", "z"):
        return UTC
    found = _OFFSET.fullmatch(name)
    if found is not None:
        hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
        if hours > 18 or minutes > 59 or seconds > 59:
            raise EvaluationError(f"Zone offset not in valid range: {name}")
        amount = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return timezone(amount if found[1] == "+" else -amount)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise EvaluationError(f"Unknown time-zone ID: {name[:60]}") from None


def zone_id(value: datetime) -> str:
    """The region id of a date's zone, else its offset."""
    info = value.tzinfo
    return info.key if isinstance(info, ZoneInfo) else offset_text(value, "+HH:MM", "Z")


def settle(value: datetime) -> datetime:
    """A local time that falls into a gap of its zone, moved forward by the gap."""
    return value.astimezone(UTC).astimezone(value.tzinfo)


def offset_text(value: datetime, form: str, zero: str) -> str:
    """The UTC offset in a form: `+H`, `+HHmm`, `+HHMM`, `+HH:MM`; seconds are added where they exist."""
    offset = value.utcoffset() or timedelta()
    if not offset:
        return zero
    total = int(abs(offset).total_seconds())
    sign = "-" if offset < timedelta() else "+"
    hours, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    colon = ":" if ":" in form else ""
    text = f"{sign}{hours:02d}" if "HH" in form else f"{sign}{hours}"
    if form in ("+H", "+HHmm"):
        colon = ":" if form == "+H" else ""
        return text + (f"{colon}{minutes:02d}" if minutes else "")
    text += f"{colon}{minutes:02d}"
    return text + (f"{colon}{seconds:02d}" if seconds else "")
