"""Tree to closures: tags and bodies (expression language 6).

A body writes the values it prints, unconverted, to a list; `template.py` turns the list into text or a typed
value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segue.expr.compile import Compiler, wrapped
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
    texts = [value if value.__class__ is str else output_text(value, limit) for value in values]
    if len(texts) == 1:
        result = texts[0]
    elif sum(map(len, texts)) > limit:
        raise LimitError("max_output_length", limit, "The text becomes too long")
    else:
        result = "".join(texts)
    if len(result) > limit:
        raise LimitError("max_output_length", limit, "The text becomes too long")
    return result


class _TagCompiler:
    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.text = compiler.text
        self.limits = compiler.limits
        self.blocks: dict[str, Body] = {}

    def body(self, nodes: BodyNode) -> Body:
        statements = [_COMPILE[node.__class__](self, node) for node in nodes]
        if len(statements) == 1:
            return statements[0]

        def run(state: State, out: list[Any]) -> None:
            for statement in statements:
                statement(state, out)

        return run

    def text_node(self, node: Text) -> Body:
        text = node.text
        return lambda _, out: out.append(text)

    def raw(self, node: Raw) -> Body:
        inside, source = node.text, node.source
        return lambda state, out: out.append(source if state.keep_raw else inside)

    def print_tag(self, node: Print) -> Body:
        value = self.compiler.expr(node.expr)
        return lambda state, out: out.append(value(state))

    def if_tag(self, node: If) -> Body:
        branches = [(self.compiler.expr(test), self.body(body), test.pos) for test, body in node.branches]
        otherwise = self.body(node.otherwise)
        text = self.text
        message = "Wrong operand(s) type in conditional expression"

        def choose(state: State, out: list[Any]) -> None:
            for test, body, pos in branches:
                try:
                    holds = truth(test(state), "given to the if tag")
                except Interrupt:
                    raise
                except ExpressionError as error:
                    raise wrapped(message, error, text, pos) from error
                if holds:
                    body(state, out)
                    return
            otherwise(state, out)

        return choose

    def for_tag(self, node: For) -> Body:
        iterable, name, text, pos = self.compiler.expr(node.iterable), node.name, self.text, node.pos
        body, otherwise = self.body(node.body), self.body(node.otherwise)

        def iterate(state: State, out: list[Any]) -> None:
            value = iterable(state)
            if value is None:
                return
            items = _items(value)
            if items is None:
                shown = java_text(value)[:100]
                raise EvaluationError(f"Not an iterable object. Value = [{shown}]").at(text, pos)
            if not items:
                otherwise(state, out)
                return
            _loop(state, out, (name, items), body)

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
            return join(out, limits.max_output_length)

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


def _items(value: Any) -> list[Any] | None:
    """What `for` goes through: entries of a map, elements of a collection; None for anything else."""
    if isinstance(value, Mapping):
        return [MapEntry(key, item) for key, item in value.items()]
    return list(value) if is_collection(value) else None


def _loop(state: State, out: list[Any], what: tuple[str, list[Any]], body: Body) -> None:
    """All iterations, in one scope of their own."""
    name, items = what
    length = len(items)
    if not state.scopes:
        state.scopes.append({})
    scope: dict[str, Any] = {}
    state.scopes.append(scope)
    try:
        for index, item in enumerate(items):
            state.step()
            scope[name] = item
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
    Text: _TagCompiler.text_node,
    Raw: _TagCompiler.raw,
    Print: _TagCompiler.print_tag,
    If: _TagCompiler.if_tag,
    For: _TagCompiler.for_tag,
    Set: _TagCompiler.set_tag,
    Macro: _TagCompiler.macro,
    Block: _TagCompiler.block,
    FilterTag: _TagCompiler.filter_tag,
}


def compile_tree(tree: TemplateTree, compiler: Compiler) -> tuple[list[Piece] | None, Body, Mapping[str, Body]]:
    """The template as pieces (if it has neither tags nor raw blocks), as a body, and its named blocks."""
    if all(isinstance(node, Text | Print) for node in tree.body):
        pieces: list[Piece] = [
            node.text if isinstance(node, Text) else compiler.expr(node.expr)
            for node in tree.body
            if isinstance(node, Text | Print)
        ]
        return pieces, _nothing, EMPTY
    tags = _TagCompiler(compiler)
    return None, tags.body(tree.body), tags.blocks
