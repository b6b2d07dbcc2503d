"""Keys of the limits of expressions: default and meaning are those of the expression language."""

from dataclasses import fields
from typing import Any

from pydantic import Field

from segue.expr.limits import MEANING, Limits

__all__ = ["expression_limit"]

_FIELDS = {field.name: field for field in fields(Limits)}


def expression_limit(name: str, *, at_most: float | None = None) -> Any:
    """The pydantic field of this limit: above 0, up to `at_most` where more would not be safe."""
    known = _FIELDS[name]
    meaning = str(known.metadata[MEANING])
    return Field(default=known.default, gt=0, le=at_most, description=f"Most {meaning}.")
