"""Functions (expression language 8)."""

from __future__ import annotations

from segue.expr.callables import merged
from segue.expr.functions import (
    calendar,
    collections,
    crypto,
    files,
    identifiers,
    render,
    run,
    stores,
    structured,
)

__all__ = ["FUNCTIONS"]

FUNCTIONS = merged(
    calendar.TABLE,
    collections.TABLE,
    crypto.TABLE,
    files.TABLE,
    identifiers.TABLE,
    render.TABLE,
    run.TABLE,
    stores.TABLE,
    structured.TABLE,
)
