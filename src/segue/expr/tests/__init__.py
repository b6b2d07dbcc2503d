"""Tests: what may stand after `is` (expression language 9)."""

from __future__ import annotations

from segue.expr.callables import merged
from segue.expr.tests.values import TABLE

__all__ = ["TESTS"]

TESTS = merged(TABLE)
