"""Tree to closures: tags and bodies (expression language 6).

A body writes the values it prints, unconverted, to a list; `template.py` turns the list into text or a typed
value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from segue.expr.calls import LARGE
from segue.expr.compile import Compiler
from segue.expr.compile_operators import wrapped
from segue.expr.errors import EvaluationError, ExpressionError, Interrupt, LimitError
from segue.expr.nodes import (
    Arguments,
    Block,
    FilterApplication,
    FilterTag,
    For,
    If,
    Literal,
    Macro,
    Print,
    Raw,
    Set,
    Statement,
    TemplateTree,
    Text,
)
from segue.expr.nodes import Body as BodyNode
from segue.expr.operators import truth
from segue.expr.runtime import EMPTY, Body, Evaluate, State
from segue.expr.text import java_text, output_text
from segue.expr.values import MapEntry, is_collection

__all__ = ["Piece", "compile_tree", "join"]

Piece = str | Evaluate


def join(values: list[Any], limit: int) -> str:
    """The text of what a body wrote; nulls add nothing.

    Raises:
        LimitError: the text is longer than `limit`.
    """
    texts: list[str] = []
    left = limit
    for value in values:
        text = value if value.__class__ is str else output_text(value, limit)
        left -= len(text)
        if left < 0:
            raise LimitError("max_output_length", limit, "The text becomes too long")
        texts.append(text)
    return texts[0] if len(texts) == 1 else "".join(texts)


class _TagCompiler:
    def __init__(self, compiler: Compiler, *, names_loop: bool) -> None:
        self.compiler = compiler
        self.names_loop = names_loop
        self.text = compiler.text
        self.limits = compiler.limits
        self.blocks: dict[str, Body] = {}

    def body(self, nodes: BodyNode) -> Body:
        """Statements in order; neighbouring texts and prints are one function."""
        statements: list[Body] = []
        for plain, group in groupby(nodes, lambda node: isinstance(node, Text | Print)):
            if plain:
                statements.append(self.written(list(group)))
            else:
                statements.extend(_COMPILE[node.__class__](self, node) for node in group)
        if len(statements) == 1:
            return statements[0]

        def run(state: State, out: list[Any]) -> None:
            for statement in statements:
                statement(state, out)

        return run

    def written(self, nodes: list[Any]) -> Body:
        """Texts and prints without tags between them."""
        pieces = self.pieces(nodes)
        if len(pieces) == 1:
            only = pieces[0]
            if isinstance(only, str):
                return lambda _, out: out.append(only)
            return lambda state, out: out.append(only(state))

        def write(state: State, out: list[Any]) -> None:
            out.extend([piece if isinstance(piece, str) else piece(state) for piece in pieces])

        return write

    def pieces(self, nodes: list[Any]) -> list[Piece]:
        """Texts, and functions of the printed expressions."""
        return [node.text if isinstance(node, Text) else self.compiler.expr(node.expr) for node in nodes]

    def raw(self, node: Raw) -> Body:
        inside, source = node.text, node.source
        return lambda state, out: out.append(source if state.keep_raw else inside)

    def if_tag(self, node: If) -> Body:
        branches = [(self.compiler.expr(test), self.body(body), test.pos) for test, body in node.branches]
        otherwise = self.body(node.otherwise)
        text = self.text
        message = "Wrong operand(s) type in conditional expression"

        def choose(state: State, out: list[Any]) -> None:
            for test, body, pos in branches:
                try:
                    holds = test(state)
                    if holds is not True and holds is not False:
                        holds = truth(holds, "given to the if tag")
                except Interrupt:
                    raise
                except ExpressionError as error:
                    raise wrapped(message, error, (text, pos), "if") from error
                if holds:
                    body(state, out)
                    return
            otherwise(state, out)

        return choose

    def for_tag(self, node: For) -> Body:
        iterable, name, text, pos = self.compiler.expr(node.iterable), node.name, self.text, node.pos
        body, otherwise = self.body(node.body), self.body(node.otherwise)
        names_loop = self.names_loop

        def iterate(state: State, out: list[Any]) -> None:
            value = iterable(state)
            if value is None:
                return
            items = _items(value)
            if items is None:
                shown = java_text(value)[:100]
                raise EvaluationError(f"Not an iterable object. Value = [{shown}]").at(text, pos, "for")
            if not items:
                otherwise(state, out)
                return
            if items.__class__ is list and len(items) > LARGE:
                state.consumed(items)
            _loop(state, out, _Loop(name, items, names_loop), body)

        return iterate

    def set_tag(self, node: Set) -> Body:
        value, name = self.compiler.expr(node.expr), node.name
        return lambda state, _: state.assign(name, value(state))

    def macro(self, node: Macro) -> Body:
        defaults = [(name, self.compiler.expr(default) if default else None) for name, default in node.params]
        body, limits = self.body(node.body), self.limits

        def call(state: State, arguments: list[Any]) -> str:
            values: dict[str, Any] = arguments[0]
            state.step()
            state.depth += 1
            if state.depth > limits.max_depth:
                raise LimitError("max_depth", limits.max_depth, "Macros call each other too deeply")
            before = state.context, state.scopes
            state.context, state.scopes = EMPTY, [values]
            out: list[Any] = []
            try:
                for name, default in defaults:
                    if name not in values:
                        values[name] = default(state) if default else None
                body(state, out)
            finally:
                state.context, state.scopes = before
                state.depth -= 1
            text = join(out, limits.max_output_length)
            state.produced(text)
            return text

        self.compiler.macro_bodies[node.name] = call
        return _nothing

    def block(self, node: Block) -> Body:
        body = self.body(node.body)
        self.blocks[node.name] = body
        return body

    def filter_tag(self, node: FilterTag) -> Body:
        body, limit = self.body(node.body), self.limits.max_output_length
        steps = [self.filter_step(name, args, pos) for name, args, pos in node.filters]

        def run(state: State, out: list[Any]) -> None:
            inner: list[Any] = []
            body(state, inner)
            value: Any = join(inner, limit)
            outer = state.filter_input
            for step in steps:
                state.filter_input = value
                value = step(state)
            state.filter_input = outer
            out.append(value)

        return run

    def filter_step(self, name: str, args: Arguments, pos: int) -> Evaluate:
        """One filter of the tag; its input is handed over in `state.filter_input`."""
        spec = self.compiler.names.filters.get(name)
        if spec is None:
            return self.compiler.filtered(FilterApplication(pos, Literal(pos, ""), name, args))
        return self.compiler.application(spec, lambda state: state.filter_input, args, pos)


def _nothing(_: State, __: list[Any]) -> None:
    return None


def _items(value: Any) -> Sequence[Any] | None:
    """What `for` goes through: entries of a map, elements of a collection; None for anything else."""
    if value.__class__ is list:
        found: list[Any] = value
        return found
    if isinstance(value, Mapping):
        return [MapEntry(key, item) for key, item in value.items()]
    return list(value) if is_collection(value) else None


class _Loop(NamedTuple):
    """Variable and elements of a loop, and whether anything in the template can see `loop`."""

    variable: str
    items: Sequence[Any]
    names_loop: bool


def _loop(state: State, out: list[Any], what: _Loop, body: Body) -> None:
    """All iterations, in one scope of their own."""
    name, items, names_loop = what
    length = len(items)
    if not state.scopes:
        state.scopes.append({})
    scope: dict[str, Any] = {}
    state.scopes.append(scope)
    try:
        for index, item in enumerate(items):
            state.steps += 1
            if state.steps >= state.checkpoint:
                state.check()
            scope[name] = item
            if names_loop:
                scope["loop"] = {
                    "index": index,
                    "length": length,
                    "first": index == 0,
                    "last": index == length - 1,
                    "revindex": length - index - 1,
                }
            body(state, out)
    finally:
        state.scopes.pop()


_COMPILE: Mapping[type[Statement], Callable[[_TagCompiler, Any], Body]] = {
    Raw: _TagCompiler.raw,
    If: _TagCompiler.if_tag,
    For: _TagCompiler.for_tag,
    Set: _TagCompiler.set_tag,
    Macro: _TagCompiler.macro,
    Block: _TagCompiler.block,
    FilterTag: _TagCompiler.filter_tag,
}


def compile_tree(tree: TemplateTree, compiler: Compiler) -> tuple[list[Piece] | None, Body, Mapping[str, Body]]:
    """The template as pieces (if it has neither tags nor raw blocks), as a body, and its named blocks."""
    tags = _TagCompiler(compiler, names_loop=tree.names_loop)
    if all(isinstance(node, Text | Print) for node in tree.body):
        return tags.pieces(list(tree.body)), _nothing, EMPTY
    return None, tags.body(tree.body), tags.blocks
