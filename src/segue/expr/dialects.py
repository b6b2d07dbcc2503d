"""The two precedence tables (expression language 3.2, 3.3)."""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType

__all__ = ["PRECEDENCE", "Dialect", "dialect_named"]


class Dialect(Enum):
    """Which release's grammar reads the text; only the level of `??`, `???` and `isIn` differs."""

    V1 = "1.x"
    V2 = "2.0"


_COMMON = {
    "..": 120,
    "~": 110,
    "|": 100,
    "*": 60,
    "/": 60,
    "%": 60,
    "+": 40,
    "-": 40,
    "==": 30,
    "equals": 30,
    "!=": 30,
    ">": 30,
    "<": 30,
    ">=": 30,
    "<=": 30,
    "is": 20,
    "is not": 20,
    "contains": 20,
    "and": 15,
    "or": 10,
}

PRECEDENCE = MappingProxyType(
    {
        Dialect.V1: {**_COMMON, "??": 120, "???": 120, "isIn": 120},
        Dialect.V2: {**_COMMON, "??": 30, "???": 30, "isIn": 30},
    }
)


def dialect_named(name: str) -> Dialect | None:
    """The dialect of a release: `1`, `1.x`, `2`, `2.0` and releases of theirs; `None` for any other text."""
    return {"1": Dialect.V1, "2": Dialect.V2}.get(name.strip().lower().removeprefix("v").partition(".")[0])
