"""The expression language of flows: Pebble templates in the dialects of Kestra 1.x and 2.0.

`Engine` compiles and renders; `References` says what a text needs before it is rendered; `Services` carries
what a rendering may ask of the outside. No Python attribute, import or name can be reached from a template.
"""

from __future__ import annotations

from segue.expr.conditions import is_truthy
from segue.expr.dialects import Dialect, dialect_named
from segue.expr.engine import Engine, has_template
from segue.expr.errors import (
    EvaluationError,
    ExpressionError,
    ExpressionSyntaxError,
    Interrupt,
    LimitError,
    MissingVariableError,
    PackageMissingError,
    ServiceMissingError,
    UnknownNameError,
)
from segue.expr.limits import Limits
from segue.expr.references import References
from segue.expr.services import (
    FileReference,
    Files,
    HttpCall,
    KeyValues,
    KvValue,
    Secrets,
    SecretValue,
    Services,
    SubflowCall,
)
from segue.expr.template import Template

__all__ = [
    "Dialect",
    "Engine",
    "EvaluationError",
    "ExpressionError",
    "ExpressionSyntaxError",
    "FileReference",
    "Files",
    "HttpCall",
    "Interrupt",
    "KeyValues",
    "KvValue",
    "LimitError",
    "Limits",
    "MissingVariableError",
    "PackageMissingError",
    "References",
    "SecretValue",
    "Secrets",
    "ServiceMissingError",
    "Services",
    "SubflowCall",
    "Template",
    "UnknownNameError",
    "dialect_named",
    "has_template",
    "is_truthy",
]
