"""The reference page of the expression language, made from docstrings; nothing here is needed to render."""

from __future__ import annotations

from segue.expr.reference.docstrings import Example, read_examples
from segue.expr.reference.page import reference
from segue.expr.reference.variables import VARIABLES

__all__ = ["VARIABLES", "Example", "read_examples", "reference"]
