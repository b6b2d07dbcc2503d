"""Types of configuration values that people write in more than one way."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

_SHORT_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SIZE = re.compile(r"(\d+)\s*([kmg]i?b?|b)?", re.IGNORECASE)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3}


def _read_duration(value: Any) -> Any:
    """``5m``, ``25ms`` and the like; ISO-8601 and plain seconds are pydantic's own."""
    if isinstance(value, str) and (match := _SHORT_DURATION.fullmatch(value.strip())):
        return timedelta(**{_UNITS[match[2] or "s"]: float(match[1])})
    return value


def _read_size(value: Any) -> Any:
    """``10GB``, ``64 MiB``: powers of 1024; a number counts bytes."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(match[1]) * 1024 ** _POWERS[(match[2] or "")[:1].lower()]
    return value


def _read_list(value: Any) -> Any:
    """``a,b`` where a list is wanted, as environment variables carry it."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Duration = Annotated[timedelta, BeforeValidator(_read_duration)]
"""``PT5M``, ``5m``, ``25ms`` or a number of seconds."""

Size = Annotated[int, BeforeValidator(_read_size)]
"""Bytes: a number, or with ``KB``, ``MB``, ``GB`` (powers of 1024)."""

Names = Annotated[tuple[str, ...], BeforeValidator(_read_list)]
"""A list, or one text with commas."""

Folders = Annotated[tuple[Path, ...], BeforeValidator(_read_list)]
"""The same of paths."""
