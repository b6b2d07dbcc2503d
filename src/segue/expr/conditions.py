"""Truth of a rendered condition (expression language 1.6)."""

from __future__ import annotations

__all__ = ["is_truthy"]

_FALSE = frozenset({"false", "0", "-0", ""})


def is_truthy(text: str | None) -> bool:
    """Whether a rendered condition holds: everything but null, `false`, `0`, `-0` and blank text."""
    return text is not None and text.strip() not in _FALSE
