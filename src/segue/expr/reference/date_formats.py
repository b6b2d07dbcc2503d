"""The table of named date formats, made by using them."""

from __future__ import annotations

from datetime import datetime

from segue.expr.dates.formats import format_value
from segue.expr.dates.zones import zone

__all__ = ["format_rows"]

_AT = datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=zone("UTC"))
_NAMES = (
    "iso",
    "iso_milli",
    "iso_sec",
    "sql",
    "sql_milli",
    "sql_sec",
    "iso_date_time",
    "iso_zoned_date_time",
    "iso_local_date_time",
    "iso_local_date",
    "iso_local_time",
    "iso_date",
    "iso_time",
    "iso_offset_time",
    "iso_instant",
    "iso_ordinal_date",
    "iso_week_date",
    "rfc_1123_date_time",
    "full",
    "long",
    "medium",
    "short",
)


def format_rows() -> str:
    """Rows of a Markdown table: name and result."""
    return "\n".join(f"| `{name}` | `{format_value(_AT, name, 'en_US')}` |" for name in _NAMES)
