"""The tree of a template. `pos` is the offset in the source; it does not take part in comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "Arguments",
    "Binary",
    "Block",
    "Body",
    "Call",
    "Conditional",
    "Expr",
    "FilterApplication",
    "FilterTag",
    "For",
    "If",
    "Interpolation",
    "ListLiteral",
    "Literal",
    "Lookup",
    "Macro",
    "MapLiteral",
    "MethodCall",
    "Name",
    "Print",
    "Raw",
    "Set",
    "Statement",
    "TemplateTree",
    "TestApplication",
    "Text",
    "Unary",
    "operands",
]


@dataclass(slots=True)
class Expr:
    """Base of everything that has a value."""

    pos: int = field(compare=False)


@dataclass(slots=True)
class Literal(Expr):
    """A constant: text, number, boolean or null."""

    value: str | float | bool | None


@dataclass(slots=True)
class Name(Expr):
    """A root variable."""

    name: str


@dataclass(slots=True)
class Lookup(Expr):
    """`target.key` or `target[key]`."""

    target: Expr
    key: Expr


@dataclass(slots=True)
class Arguments:
    """Arguments of a call: positional ones, then named ones."""

    positional: list[Expr]
    named: list[tuple[str, Expr]]

    def all(self) -> list[Expr]:
        """Every argument expression, in source order."""
        return [*self.positional, *(value for _, value in self.named)]


@dataclass(slots=True)
class MethodCall(Expr):
    """`target.name(args)`."""

    target: Expr
    name: str
    args: list[Expr]


@dataclass(slots=True)
class Call(Expr):
    """`name(args)`: a function or macro."""

    name: str
    args: Arguments


@dataclass(slots=True)
class FilterApplication(Expr):
    """`target | name(args)`."""

    target: Expr
    name: str
    args: Arguments


@dataclass(slots=True)
class TestApplication(Expr):
    """`target is name(args)`, or `is not`."""

    target: Expr
    name: str
    args: Arguments
    negated: bool


@dataclass(slots=True)
class Unary(Expr):
    """`not`, `+` or `-` before an operand."""

    op: str
    operand: Expr


@dataclass(slots=True)
class Binary(Expr):
    """Two operands and an operator between them."""

    op: str
    left: Expr
    right: Expr


def operands(node: Binary) -> list[Expr]:
    """The operands of `a ~ b ~ c ~ ...`, however many they are, in source order; two for any other operator."""
    parts: list[Expr] = [node.right]
    left = node.left
    while node.op == "~" and isinstance(left, Binary) and left.op == "~":
        parts.append(left.right)
        left = left.left
    parts.append(left)
    parts.reverse()
    return parts


@dataclass(slots=True)
class Conditional(Expr):
    """`test ? yes : no`."""

    test: Expr
    yes: Expr
    no: Expr


@dataclass(slots=True)
class ListLiteral(Expr):
    """`[a, b]`."""

    items: list[Expr]


@dataclass(slots=True)
class MapLiteral(Expr):
    """`{key: value}`; keys are expressions."""

    entries: list[tuple[Expr, Expr]]


@dataclass(slots=True)
class Interpolation(Expr):
    """A double-quoted string with `#{expr}` inside."""

    parts: list[Expr]


@dataclass(slots=True)
class Statement:
    """Base of everything that writes output or changes scopes."""

    pos: int = field(compare=False)


Body = list[Statement]


@dataclass(slots=True)
class Text(Statement):
    """Text outside of regions."""

    text: str


@dataclass(slots=True)
class Raw(Statement):
    """A `raw` block: `text` is the inside, `source` includes the delimiters."""

    text: str
    source: str


@dataclass(slots=True)
class Print(Statement):
    """`{{ expr }}`."""

    expr: Expr


@dataclass(slots=True)
class If(Statement):
    """Branches (condition, body) and the else part."""

    branches: list[tuple[Expr, Body]]
    otherwise: Body


@dataclass(slots=True)
class For(Statement):
    """A loop over an iterable; `otherwise` runs when it is empty."""

    name: str
    iterable: Expr
    body: Body
    otherwise: Body


@dataclass(slots=True)
class Set(Statement):
    """`{% set name = expr %}`."""

    name: str
    expr: Expr


@dataclass(slots=True)
class Macro(Statement):
    """A macro definition; parameters carry their default or None."""

    name: str
    params: list[tuple[str, Expr | None]]
    body: Body


@dataclass(slots=True)
class Block(Statement):
    """A named block, rendered in place."""

    name: str
    body: Body


@dataclass(slots=True)
class FilterTag(Statement):
    """`{% filter f | g %}`: filters applied to the rendered body, left to right."""

    filters: list[tuple[str, Arguments, int]]
    body: Body


@dataclass(slots=True)
class TemplateTree:
    """A parsed template: its body, its macros and every name that a tag may bind.

    `names_loop`: something in it may look at the variable `loop`.
    """

    body: Body
    macros: dict[str, Macro]
    bound: frozenset[str]
    names_loop: bool = True
