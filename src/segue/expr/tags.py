"""Tags and the template around them (expression language 6)."""

from __future__ import annotations

from segue.expr.dialects import Dialect
from segue.expr.errors import ExpressionSyntaxError, LimitError, near_name
from segue.expr.lexer import inside_raw, tokenize
from segue.expr.nodes import (
    Arguments,
    Block,
    Body,
    Expr,
    FilterTag,
    For,
    If,
    Macro,
    Print,
    Raw,
    Set,
    Statement,
    TemplateTree,
    Text,
)
from segue.expr.parser import LITERAL_NAMES, ExpressionParser

__all__ = ["parse_template"]

_TAGS = ("if", "for", "set", "macro", "block", "filter", "verbatim", "raw")
_SEES_LOOP = frozenset({"loop", "_context", "render", "renderOnce", "printContext", "fetchContext"})


class _TagParser(ExpressionParser):
    """Adds statements to the expression grammar."""

    def __init__(self, text: str, dialect: Dialect, max_depth: int) -> None:
        super().__init__(text, tokenize(text), dialect, max_depth)
        self.macros: dict[str, Macro] = {}
        self.bound: set[str] = set()

    def template(self) -> TemplateTree:
        """The whole text."""
        body, _ = self.body(())
        names_loop = any(value in _SEES_LOOP and kind == "NAME" for kind, value, _ in self.tokens)
        return TemplateTree(body, self.macros, frozenset(self.bound), names_loop)

    def body(self, ends: tuple[str, ...]) -> tuple[Body, str]:
        """Statements up to one of the end tags, whose name is read; returns the name too."""
        self.depth += 1
        if self.depth > self.max_depth:
            raise LimitError("max_depth", self.max_depth, "Tags nest too deeply")
        body: Body = []
        while True:
            kind, value, pos = self.tokens[self.index]
            self.index += 1
            if kind == "TEXT":
                body.append(Text(pos, value))
            elif kind == "PRINT_START":
                body.append(Print(pos, self.expression()))
                self.expect("PRINT_END")
            elif kind == "EXECUTE_START":
                name = self.tag_name()
                if name in ends:
                    self.depth -= 1
                    return body, name
                body.append(self.tag(name, pos))
            elif kind == "RAW":
                body.append(Raw(pos, inside_raw(value), value))
            elif ends:
                message = f'Unexpected end of template. Pebble was looking for the "{ends[-1]}" tag'
                raise ExpressionSyntaxError(message, self.text, pos, advice=f"Add {{% {ends[-1]} %}}.")
            else:
                self.depth -= 1
                return body, ""

    def tag_name(self) -> str:
        """The word after `{%`."""
        kind, value, pos = self.tokens[self.index]
        if kind != "NAME":
            raise ExpressionSyntaxError("A block must start with a tag name.", self.text, pos, piece=value)
        self.index += 1
        return value

    def tag(self, name: str, pos: int) -> Statement:
        """One tag, the name of which has been read."""
        method = {
            "if": self.if_tag,
            "for": self.for_tag,
            "set": self.set_tag,
            "macro": self.macro_tag,
            "block": self.block_tag,
            "filter": self.filter_tag,
        }.get(name)
        if method is None:
            near = near_name(name, _TAGS)
            raise ExpressionSyntaxError(
                f'Unexpected tag name "{name}"',
                self.text,
                self.tokens[self.index - 1][2],
                piece=name,
                suggestion="" if near == name else near,
                available=_TAGS,
            )
        return method(pos)

    def end_of_tag(self) -> None:
        """`%}`."""
        self.expect("EXECUTE_END")

    def if_tag(self, pos: int) -> Statement:
        """`{% if e %}..{% elseif e %}..{% else %}..{% endif %}`."""
        branches: list[tuple[Expr, Body]] = []
        otherwise: Body = []
        ends: tuple[str, ...] = ("elseif", "else", "endif")
        name = "if"
        while name != "endif":
            condition = None if name == "else" else self.expression()
            self.end_of_tag()
            if condition is None:
                otherwise, name = self.body(("endif",))
            else:
                body, name = self.body(ends)
                branches.append((condition, body))
        self.end_of_tag()
        return If(pos, branches, otherwise)

    def for_tag(self, pos: int) -> Statement:
        """`{% for x in e %}..{% else %}..{% endfor %}`."""
        variable = self.expect("NAME")[1]
        self.expect("NAME", "in")
        iterable = self.expression()
        self.end_of_tag()
        self.bound.update((variable, "loop"))
        body, name = self.body(("else", "endfor"))
        otherwise: Body = []
        if name == "else":
            self.end_of_tag()
            otherwise, _ = self.body(("endfor",))
        self.end_of_tag()
        return For(pos, variable, iterable, body, otherwise)

    def set_tag(self, pos: int) -> Statement:
        """`{% set n = e %}`."""
        name = self.expect("NAME")[1]
        if name in LITERAL_NAMES:
            raise ExpressionSyntaxError(f"Can not assign a value to {name}", self.text, pos, piece=name)
        self.expect("PUNCTUATION", "=")
        value = self.expression()
        self.end_of_tag()
        self.bound.add(name)
        return Set(pos, name, value)

    def macro_tag(self, pos: int) -> Statement:
        """`{% macro m(a, b='x') %}..{% endmacro %}`."""
        name = self.expect("NAME")[1]
        self.expect("PUNCTUATION", "(")
        params: list[tuple[str, Expr | None]] = []
        while not self.is_punctuation(")"):
            if params:
                self.expect("PUNCTUATION", ",")
            param = self.expect("NAME")[1]
            default = None
            if self.is_punctuation("="):
                self.index += 1
                default = self.expression()
            params.append((param, default))
            self.bound.add(param)
        self.index += 1
        self.end_of_tag()
        body, _ = self.body(("endmacro",))
        self.end_of_tag()
        macro = Macro(pos, name, params, body)
        if name in self.macros:
            message = f"More than one macro can not share the same name: {name}"
            raise ExpressionSyntaxError(message, self.text, pos, piece=name)
        self.macros[name] = macro
        return macro

    def block_tag(self, pos: int) -> Statement:
        """`{% block n %}..{% endblock %}`; the name may be quoted and may be repeated at the end."""
        kind, name, at = self.advance()
        if kind not in ("NAME", "STRING"):
            raise ExpressionSyntaxError("A block must have a name.", self.text, at, piece=name)
        self.end_of_tag()
        body, _ = self.body(("endblock",))
        if self.tokens[self.index][0] in ("NAME", "STRING"):
            self.index += 1
        self.end_of_tag()
        return Block(pos, name, body)

    def filter_tag(self, pos: int) -> Statement:
        """`{% filter f(args) | g %}..{% endfilter %}`."""
        filters: list[tuple[str, Arguments, int]] = []
        while True:
            _, name, at = self.expect("NAME")
            filters.append((name, self.optional_arguments(), at))
            if self.tokens[self.index][:2] != ("OPERATOR", "|"):
                break
            self.index += 1
        self.end_of_tag()
        body, _ = self.body(("endfilter",))
        self.end_of_tag()
        return FilterTag(pos, filters, body)


def parse_template(text: str, dialect: Dialect, max_depth: int = 100) -> TemplateTree:
    """The tree of a template.

    Raises:
        ExpressionSyntaxError: the text does not follow the grammar.
        LimitError: expressions or tags nest deeper than `max_depth`.
    """
    return _TagParser(text, dialect, max_depth).template()
