"""A tree written as text again, with brackets around everything that could be read in another way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

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

__all__ = ["unparse"]


def unparse(node: Expr) -> str:
    """The expression with every operator, filter and test in brackets of its own, except the outermost.

    Reading the text gives an equal tree in every dialect.
    """
    text = _text(node)
    return text[1:-1] if isinstance(node, _BRACKETED) else text


def _text(node: Expr) -> str:
    return _WRITERS[type(node)](node)


def _list(nodes: Iterable[Expr]) -> str:
    return ", ".join(unparse(node) for node in nodes)


def _arguments(args: Arguments, *, always: bool = False) -> str:
    parts = [unparse(node) for node in args.positional]
    parts += [f"{name}={unparse(value)}" for name, value in args.named]
    return f"({', '.join(parts)})" if parts or always else ""


def _literal(node: Literal) -> str:
    value = node.value
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if "e" in str(value) else str(value)


def _quoted(text: str) -> str:
    """The only escape there is: a backslash before the same quote."""
    if text.endswith("\\") and "'" not in text:
        return f"'{text}'"
    return "'" + text.replace("'", "\\'") + "'"


def _target(node: Expr) -> str:
    """What a postfix follows: lists and maps need brackets, and so do numbers before a dot."""
    text = _text(node)
    return f"({text})" if isinstance(node, ListLiteral | MapLiteral | Literal) else text


def _lookup(node: Lookup) -> str:
    key = node.key
    if isinstance(key, Literal) and isinstance(key.value, str) and key.value.isidentifier() and _is_plain(key.value):
        return f"{_target(node.target)}.{key.value}"
    return f"{_target(node.target)}[{unparse(key)}]"


def _is_plain(name: str) -> bool:
    return name not in {"or", "and", "not", "is", "contains", "equals", "isIn"}


def _interpolation(node: Interpolation) -> str:
    parts = [
        part.value.replace('"', '\\"') if isinstance(part, Literal) and isinstance(part.value, str) else _piece(part)
        for part in node.parts
    ]
    return f'"{"".join(parts)}"'


def _piece(node: Expr) -> str:
    return f"#{{{unparse(node)}}}"


def _test(node: TestApplication) -> str:
    word = "is not" if node.negated else "is"
    return f"({_text(node.target)} {word} {node.name}{_arguments(node.args)})"


_BRACKETED = (Binary, FilterApplication, TestApplication, Conditional, Unary)
_WRITERS: Mapping[type[Expr], Callable[[Any], str]] = {
    Literal: _literal,
    Name: lambda node: str(node.name),
    Lookup: _lookup,
    MethodCall: lambda node: f"{_target(node.target)}.{node.name}({_list(node.args)})",
    Call: lambda node: f"{node.name}{_arguments(node.args, always=True)}",
    FilterApplication: lambda node: f"({_text(node.target)} | {node.name}{_arguments(node.args)})",
    TestApplication: _test,
    Unary: lambda node: f"({node.op}{' ' if node.op == 'not' else ''}{_text(node.operand)})",
    Binary: lambda node: f"({_text(node.left)} {node.op} {_text(node.right)})",
    Conditional: lambda node: f"({_text(node.test)} ? {_text(node.yes)} : {_text(node.no)})",
    ListLiteral: lambda node: f"[{_list(node.items)}]",
    MapLiteral: lambda node: "{" + ", ".join(f"{unparse(k)}: {unparse(v)}" for k, v in node.entries) + "}",
    Interpolation: _interpolation,
}
