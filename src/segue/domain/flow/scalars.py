"""Dates and times as inputs and triggers write them (flow language 4.3)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

_FRACTION = re.compile(r"(\.\d{6})\d+")


def parse_instant(value: Any) -> datetime:
    """Read `2024-01-01T00:00:00Z` (offsets and a trailing `[zone]` too) as an aware time in UTC.

    Raises `ValueError`, also for a text without zone or offset.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str) and "T" in value:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", value.partition("[")[0].strip()))
    else:
        raise ValueError(f"Expected an ISO-8601 date time such as 2024-01-01T00:00:00Z, not '{value}'")
    if moment.tzinfo is None:
        raise ValueError(f"'{value}' names no zone; append Z or an offset")
    return moment.astimezone(UTC)


def parse_date(value: Any) -> date:
    """Read `yyyy-MM-dd`. Raise `ValueError` for anything else."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) != len("yyyy-MM-dd"):
        raise ValueError(f"Expected a date such as 2024-01-31, not '{value}'")
    return date.fromisoformat(value)


def parse_time(value: Any) -> time:
    """Read `HH:mm` or `HH:mm:ss`. Raise `ValueError` for anything else."""
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or ":" not in value:
        raise ValueError(f"Expected a time such as 23:59:30, not '{value}'")
    return time.fromisoformat(_FRACTION.sub(r"\1", value))


def format_instant(moment: datetime) -> str:
    """Write an aware time in UTC: `2024-01-01T00:00:00Z`, with a fraction only if there is one."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def format_time(value: time) -> str:
    """Write a time of day as `18:27:49`."""
    text = value.isoformat()
    return text.rstrip("0") if "." in text else text
