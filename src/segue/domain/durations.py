"""ISO-8601 durations in the form `PnDTnHnMnS` (flow language 1): weeks, months and years do not exist."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"(?P<sign>[-+]?)P(?:(?P<days>[-+]?\d+)D)?"
    r"(?P<time>T(?:(?P<hours>[-+]?\d+)H)?(?:(?P<minutes>[-+]?\d+)M)?"
    r"(?:(?P<seconds>[-+]?\d+)(?:[.,](?P<fraction>\d{0,9}))?S)?)?",
    re.IGNORECASE | re.ASCII,
)
_MAX_LENGTH = 100


def parse_duration(text: str) -> timedelta:
    """Read `text`; fractions finer than a microsecond are cut off. Raise `ValueError` if it is none."""
    match = _DURATION.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None or match["time"] in {"T", "t"} or text[-1:] in "pP":
        raise ValueError(f"'{text[:_MAX_LENGTH]}' is not an ISO-8601 duration such as PT30S, PT1H30M or P1D")
    seconds = match["seconds"] or "0"
    micros = int((match["fraction"] or "").ljust(6, "0")[:6])
    try:
        duration = timedelta(
            days=int(match["days"] or 0),
            hours=int(match["hours"] or 0),
            minutes=int(match["minutes"] or 0),
            seconds=int(seconds),
            microseconds=-micros if seconds.startswith("-") else micros,
        )
    except OverflowError:
        raise ValueError(f"duration '{text}' is too long") from None
    return -duration if match["sign"] == "-" else duration


def format_duration(duration: timedelta) -> str:
    """Write `duration` with hours as its largest unit, e.g. `PT26H`, `PT0.25S`, `PT0S`."""
    micros = duration // timedelta(microseconds=1)
    if micros == 0:
        return "PT0S"
    sign = "-" if micros < 0 else ""
    seconds, micros = divmod(abs(micros), 1_000_000)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    text = "PT"
    if hours:
        text += f"{sign}{hours}H"
    if minutes:
        text += f"{sign}{minutes}M"
    if seconds or micros:
        fraction = f".{micros:06d}".rstrip("0") if micros else ""
        text += f"{sign}{seconds}{fraction}S"
    return text
