"""Where the grammars of 1.x and 2.0 read one text in two ways (expression language 3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from segue.expr.dialects import Dialect
from segue.expr.errors import ExpressionError, line_of
from segue.expr.lexer import Token, tokenize
from segue.expr.nodes import Block, Body, Expr, FilterTag, For, If, Macro, Print, Set, Statement
from segue.expr.tags import parse_template
from segue.expr.unparse import unparse

__all__ = ["DialectDifference", "dialect_differences"]

_STARTS = frozenset({"PRINT_START", "EXECUTE_START"})
_ENDS = frozenset({"PRINT_END", "EXECUTE_END"})


@dataclass(frozen=True, slots=True)
class DialectDifference:
    """One region of a template that has two readings.

    `text` is the region as it is written, with its delimiters, `line` its line within the template, from 1;
    `v1` and `v2` are the readings with all brackets written out.
    """

    text: str
    line: int
    v1: str
    v2: str

    def reading(self, dialect: Dialect) -> str:
        """The reading of one dialect."""
        return self.v1 if dialect is Dialect.V1 else self.v2


def dialect_differences(text: str, max_depth: int = 100) -> tuple[DialectDifference, ...]:
    """Every expression of the template whose trees differ; nothing for a text that is no template.

    Positions do not take part in the comparison, and chains too long to be compared are left out. Only the
    operators `??`, `???` and `isIn` can make a difference, so a text without them is not parsed.
    """
    if "??" not in text and "isIn" not in text:
        return ()
    try:
        tokens = tokenize(text)
        first, second = (parse_template(text, dialect, max_depth) for dialect in (Dialect.V1, Dialect.V2))
        pairs = zip(_expressions(first.body), _expressions(second.body), strict=True)
        return tuple(_difference(text, tokens, one, other) for one, other in pairs if one != other)
    except (ExpressionError, RecursionError):
        return ()


def _difference(text: str, tokens: list[Token], one: Expr, other: Expr) -> DialectDifference:
    start, end = 0, len(text)
    for kind, value, position in tokens:
        if kind in _STARTS and position <= one.pos:
            start = position
        elif kind in _ENDS and position >= one.pos:
            end = text.index(value, position) + len(value)
            break
    region = text[start:end]
    return DialectDifference(region.strip(), line_of(text, start), unparse(one), unparse(other))


def _expressions(body: Body) -> Iterator[Expr]:
    """Every outermost expression, in an order that both trees share: their statements are the same."""
    for node in body:
        yield from _of_statement(node)


def _of_statement(node: Statement) -> Iterator[Expr]:
    if isinstance(node, Print | Set):
        yield node.expr
    elif isinstance(node, If):
        for condition, body in node.branches:
            yield condition
            yield from _expressions(body)
        yield from _expressions(node.otherwise)
    elif isinstance(node, For):
        yield node.iterable
        yield from _expressions(node.body)
        yield from _expressions(node.otherwise)
    elif isinstance(node, Macro):
        yield from (default for _, default in node.params if default is not None)
        yield from _expressions(node.body)
    elif isinstance(node, FilterTag):
        for _, arguments, _ in node.filters:
            yield from arguments.all()
        yield from _expressions(node.body)
    elif isinstance(node, Block):
        yield from _expressions(node.body)
