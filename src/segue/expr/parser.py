"""Tokens to a tree (expression language 3): expressions here, tags in `tags.py`."""

from __future__ import annotations

from collections.abc import Mapping

from segue.expr.dialects import PRECEDENCE, Dialect
from segue.expr.errors import ExpressionSyntaxError, LimitError
from segue.expr.lexer import Token
from segue.expr.nodes import (
    Arguments,
    Binary,
    Call,
    Conditional,
    Expr,
    FilterApplication,
    Interpolation,
    ListLiteral,
    Literal,
    Lookup,
    MapLiteral,
    MethodCall,
    Name,
    TestApplication,
    Unary,
)

__all__ = ["LITERAL_NAMES", "ExpressionParser"]

LITERAL_NAMES: Mapping[str, bool | None] = {
    "true": True,
    "TRUE": True,
    "false": False,
    "FALSE": False,
    "null": None,
    "NULL": None,
    "none": None,
    "NONE": None,
}
_UNARY = frozenset({"not", "+", "-"})


class ExpressionParser:
    """Precedence climbing over a token list.

    `index` is the position in `tokens`; methods leave it after what they read. Errors are
    `ExpressionSyntaxError`, or `LimitError` when the text nests deeper than `max_depth`.
    """

    def __init__(self, text: str, tokens: list[Token], dialect: Dialect, max_depth: int) -> None:
        self.text = text
        self.tokens = tokens
        self.index = 0
        self.depth = 0
        self.max_depth = max_depth
        self.precedence = PRECEDENCE[dialect]

    def expression(self) -> Expr:
        """`ternary := binary ( "?" expr ":" expr )?`."""
        self.depth += 1
        if self.depth > self.max_depth:
            raise LimitError("max_depth", self.max_depth, "The expression nests too deeply")
        left = self.binary(0)
        if self.is_punctuation("?"):
            pos = self.advance()[2]
            yes = self.expression()
            self.expect("PUNCTUATION", ":")
            left = Conditional(pos, left, yes, self.expression())
        self.depth -= 1
        return left

    def binary(self, lowest: int) -> Expr:
        """All operators of at least this precedence, left associative."""
        left = self.unary()
        while True:
            kind, op, pos = self.tokens[self.index]
            if kind != "OPERATOR":
                return left
            level = self.precedence.get(op)
            if level is None or level < lowest:
                return left
            self.index += 1
            if op == "|":
                name = self.expect("NAME")[1]
                left = FilterApplication(pos, left, name, self.optional_arguments())
            elif op in ("is", "is not"):
                name = self.expect("NAME")[1]
                left = TestApplication(pos, left, name, self.optional_arguments(), op == "is not")
            else:
                left = Binary(pos, op, left, self.binary(level + 1))

    def unary(self) -> Expr:
        """Unary operators take the next primary only."""
        kind, op, pos = self.tokens[self.index]
        if kind == "OPERATOR" and op in _UNARY:
            self.index += 1
            self.depth += 1
            if self.depth > self.max_depth:
                raise LimitError("max_depth", self.max_depth, "The expression nests too deeply")
            operand = self.unary()
            self.depth -= 1
            return Unary(pos, op, operand)
        return self.primary()

    def primary(self) -> Expr:
        """Names, literals, calls and brackets, with what may follow them."""
        token = self.tokens[self.index]
        kind, value, pos = token
        if kind == "NAME":
            self.index += 1
            return self.postfix(self.named(value, pos))
        if kind == "STRING":
            self.index += 1
            return self.postfix(Literal(pos, value))
        if kind in ("NUMBER", "LONG"):
            self.index += 1
            return self.postfix(Literal(pos, self.number(value, pos)))
        if kind == "STRING_START":
            return self.postfix(self.interpolation())
        if kind == "PUNCTUATION":
            if value == "(":
                self.index += 1
                inner = self.expression()
                self.expect("PUNCTUATION", ")")
                return self.postfix(inner)
            if value == "[":
                return self.list_literal()
            if value == "{":
                return self.map_literal()
        message = f'Unexpected token "{kind}" of value "{value}"'
        raise ExpressionSyntaxError(message, self.text, pos, piece=value, advice="Expected a value.")

    def number(self, value: str, pos: int) -> int | float:
        """A number literal; more digits than Python turns into an integer are refused."""
        if "." in value:
            return float(value)
        if len(value) > 4000:
            raise ExpressionSyntaxError("The number is too long", self.text, pos, piece=value[:20])
        return int(value)

    def named(self, name: str, pos: int) -> Expr:
        """A name: literal, call or variable."""
        if self.is_punctuation("("):
            return Call(pos, name, self.arguments())
        if name in LITERAL_NAMES:
            return Literal(pos, LITERAL_NAMES[name])
        return Name(pos, name)

    def postfix(self, target: Expr) -> Expr:
        """`.name`, `.name(args)` and `[key]`, any number of times."""
        while True:
            kind, value, pos = self.tokens[self.index]
            if kind != "PUNCTUATION":
                return target
            if value == ".":
                self.index += 1
                _, name, at = self.expect("NAME")
                if self.is_punctuation("("):
                    args = self.arguments()
                    if args.named:
                        message = "Can not use named arguments when calling a bean method"
                        raise ExpressionSyntaxError(message, self.text, at, piece=name)
                    target = MethodCall(at, target, name, args.positional)
                else:
                    target = Lookup(at, target, Literal(at, name))
            elif value == "[":
                self.index += 1
                key = self.expression()
                self.expect("PUNCTUATION", "]")
                target = Lookup(pos, target, key)
            else:
                return target

    def interpolation(self) -> Expr:
        """The pieces of a double-quoted string."""
        pos = self.advance()[2]
        parts: list[Expr] = []
        while True:
            kind, value, at = self.advance()
            if kind == "STRING":
                parts.append(Literal(at, value))
            elif kind == "PIECE_START":
                parts.append(self.expression())
                self.expect("PIECE_END")
            else:
                return Interpolation(pos, parts)

    def list_literal(self) -> Expr:
        """`[e1, e2]`, no trailing comma."""
        pos = self.advance()[2]
        items: list[Expr] = []
        if not self.is_punctuation("]"):
            items.append(self.expression())
            while self.is_punctuation(","):
                self.index += 1
                items.append(self.expression())
        self.expect("PUNCTUATION", "]")
        return ListLiteral(pos, items)

    def map_literal(self) -> Expr:
        """`{key: value}`, no trailing comma."""
        pos = self.advance()[2]
        entries: list[tuple[Expr, Expr]] = []
        if not self.is_punctuation("}"):
            entries.append(self.map_entry())
            while self.is_punctuation(","):
                self.index += 1
                entries.append(self.map_entry())
        self.expect("PUNCTUATION", "}")
        return MapLiteral(pos, entries)

    def map_entry(self) -> tuple[Expr, Expr]:
        """`key: value`."""
        key = self.expression()
        self.expect("PUNCTUATION", ":")
        return key, self.expression()

    def optional_arguments(self) -> Arguments:
        """Arguments of a filter or test, which may have none."""
        return self.arguments() if self.is_punctuation("(") else Arguments([], [])

    def arguments(self) -> Arguments:
        """`(positional, ..., name=value, ...)`."""
        self.expect("PUNCTUATION", "(")
        result = Arguments([], [])
        while not self.is_punctuation(")"):
            if result.positional or result.named:
                self.expect("PUNCTUATION", ",")
            kind, name, pos = self.tokens[self.index]
            following = self.tokens[self.index + 1][:2] if kind != "EOF" else None
            if kind == "NAME" and following == ("PUNCTUATION", "="):
                self.index += 2
                result.named.append((name, self.expression()))
            elif result.named:
                message = "Positional arguments must be declared before any named arguments."
                raise ExpressionSyntaxError(message, self.text, pos, piece=name)
            else:
                result.positional.append(self.expression())
        self.index += 1
        return result

    def advance(self) -> Token:
        """The current token; moves behind it, except at the end."""
        token = self.tokens[self.index]
        if token[0] != "EOF":
            self.index += 1
        return token

    def is_punctuation(self, value: str) -> bool:
        """Whether the current token is this punctuation."""
        token = self.tokens[self.index]
        return token[1] == value and token[0] == "PUNCTUATION"

    def expect(self, kind: str, value: str | None = None) -> Token:
        """The current token, which must be of this kind (and value)."""
        token = self.tokens[self.index]
        if token[0] == kind and (value is None or token[1] == value):
            self.index += 1
            return token
        found = f'Unexpected token of value "{token[1]}" and type {token[0]}, expected token of type {kind}'
        if value is not None:
            found += f' with value "{value}"'
        raise ExpressionSyntaxError(found, self.text, token[2], piece=token[1])
