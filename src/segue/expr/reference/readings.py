"""The table of expressions that the dialects read differently, made by reading them."""

from __future__ import annotations

from segue.expr.dialect_difference import dialect_differences

__all__ = ["reading_rows"]

_EXPRESSIONS = (
    "a ?? b | f",
    "a ?? b ~ c",
    "c ~ a ?? b",
    "a ?? 1 + 2",
    "1 + a ?? 2",
    "x == a ?? b",
    "1 + a isIn b",
    "trigger.date ?? execution.startDate | date('yyyy-MM-dd')",
)


def reading_rows() -> str:
    """Rows of a Markdown table: as written, as 1.x reads it, as 2.0 reads it."""
    rows = []
    for text in _EXPRESSIONS:
        (found,) = dialect_differences("{{ " + text + " }}")
        cells = (each.replace("|", "\\|") for each in (text, found.v1, found.v2))
        rows.append("| " + " | ".join(f"`{cell}`" for cell in cells) + " |")
    return "\n".join(rows)
