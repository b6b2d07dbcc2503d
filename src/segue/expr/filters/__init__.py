"""Filters (expression language 7)."""

from __future__ import annotations

from segue.expr.callables import merged
from segue.expr.filters import collections, dates, numbers, regex, strings, structured, text_parts

__all__ = ["FILTERS"]

FILTERS = merged(
    collections.TABLE,
    dates.TABLE,
    numbers.TABLE,
    regex.TABLE,
    strings.TABLE,
    structured.TABLE,
    text_parts.TABLE,
)
