"""Tree to closures: expressions (expression language 3 to 5). Tags are in `compile_tags.py`.

Every node becomes one Python function of the rendering's `State`. No source code is generated, so no text of
a user can become code; compiling costs microseconds, and a chain of constant keys costs one function call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segue.expr import compile_operators as op_closures
from segue.expr import operators
from segue.expr.callables import Spec, bind
from segue.expr.calls import LARGE, REGEX_STEPS, application
from segue.expr.compile_operators import ARITHMETIC, ORDERING
from segue.expr.dialects import Dialect
from segue.expr.errors import (
    EvaluationError,
    ExpressionError,
    LimitError,
    MissingVariableError,
    UnknownNameError,
)
from segue.expr.limits import Limits
from segue.expr.members import NO_MEMBER, call_method, member_names
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
    Macro,
    MapLiteral,
    MethodCall,
    Name,
    TestApplication,
    Unary,
    operands,
)
from segue.expr.runtime import Evaluate, Place, State, attribute, root
from segue.expr.text import java_text
from segue.expr.values import is_collection

__all__ = ["Compiler", "Names"]

_SIZED = (str, list, dict)
_REGEX_METHODS = frozenset({"matches", "replaceAll", "split"})


class Names:
    """The callables that a template can name."""

    def __init__(self, filters: Mapping[str, Spec], functions: Mapping[str, Spec], tests: Mapping[str, Spec]) -> None:
        self.filters = filters
        self.functions = functions
        self.tests = tests


class Compiler:
    """Compiles the expressions of one template. `bound` are the names that tags may bind."""

    def __init__(
        self,
        text: str,
        names: Names,
        dialect: Dialect,
        limits: Limits,
        *,
        bound: frozenset[str],
        macros: Mapping[str, Macro],
    ) -> None:
        self.text = text
        self.names = names
        self.dialect = dialect
        self.limits = limits
        self.bound = bound
        self.macros = macros
        self.macro_bodies: dict[str, Callable[[State, list[Any]], str]] = {}
        self.depth = 0

    def expr(self, node: Expr) -> Evaluate:
        """The function of a node.

        Raises:
            LimitError: the tree is higher than `max_depth`.
        """
        self.depth += 1
        if self.depth > self.limits.max_depth:
            raise LimitError("max_depth", self.limits.max_depth, "The expression nests too deeply")
        result = _COMPILE[node.__class__](self, node)
        self.depth -= 1
        return result

    def literal(self, node: Literal) -> Evaluate:
        """A constant."""
        value = node.value
        return lambda _: value

    def name(self, node: Name) -> Evaluate:
        """A root variable; names that no tag binds skip the scopes."""
        name, text, pos = node.name, self.text, node.pos
        if name == "_context":
            return lambda state: root(state, name, text, pos)
        if name in self.bound:
            return _bound_name(name, text, pos)

        def direct(state: State) -> Any:
            try:
                return state.context[name]
            except KeyError:
                return root(state, name, text, pos)

        return direct

    def lookup(self, node: Lookup) -> Evaluate:
        """`target.key`: constant keys are gathered into one function."""
        chain: list[tuple[str, int]] = []
        target: Expr = node
        while isinstance(target, Lookup) and isinstance(target.key, Literal) and isinstance(target.key.value, str):
            chain.append((target.key.value, target.pos))
            target = target.target
        if not chain:
            return self.dynamic_lookup(node)
        chain.reverse()
        owner = target.name if isinstance(target, Name) else ""
        text, limits = self.text, self.limits

        def walk(value: Any) -> Any:
            """The careful way: members, indexes, and what is missing."""
            name, path = owner, f"{owner}." if owner else ""
            for key, pos in chain:
                value = attribute(value, key, Place(text, pos, name, path), limits)
                name, path = "", f"{path}{key}." if path else ""
            return value

        if owner and owner != "_context" and len(chain) == 1:
            return self.root_member(target, owner, chain[0][0], walk)
        source, keys = self.expr(target), tuple(key for key, _ in chain)

        def follow(state: State) -> Any:
            start = value = source(state)
            try:
                for key in keys:
                    value = value[key]
            except (KeyError, TypeError):
                return walk(start)
            return value

        return follow

    def root_member(self, target: Expr, name: str, key: str, walk: Callable[[Any], Any]) -> Evaluate:
        """`inputs.name`, by far the most common expression."""
        source = self.expr(target)

        def read(state: State) -> Any:
            try:
                return state.context[name][key]
            except (KeyError, TypeError):
                return walk(source(state))

        def read_bound(state: State) -> Any:
            try:
                return state.scopes[-1][name][key]
            except (IndexError, KeyError, TypeError):
                return walk(source(state))

        return read_bound if name in self.bound else read

    def dynamic_lookup(self, node: Lookup) -> Evaluate:
        """`target[key]` with a key that is no constant text."""
        target, key = self.expr(node.target), self.expr(node.key)
        owner = node.target.name if isinstance(node.target, Name) else ""
        place, limits = Place(self.text, node.pos, owner), self.limits

        def look_up(state: State) -> Any:
            value = target(state)
            return attribute(value, key(state), place, limits)

        return look_up

    def method_call(self, node: MethodCall) -> Evaluate:
        """`target.name(args)`, from the allowlist."""
        target, name, text, pos, limits = self.expr(node.target), node.name, self.text, node.pos, self.limits
        args = [self.expr(arg) for arg in node.args]
        owner = node.target.name if isinstance(node.target, Name) else ""

        def call(state: State) -> Any:
            value = target(state)
            if value is None:
                raise MissingVariableError(owner or name, text, pos)
            given = [arg(state) for arg in args]
            try:
                state.step()
                if value.__class__ in _SIZED:
                    state.consumed(value)
                    if given and is_collection(value) and is_collection(given[0]):
                        state.step(len(value) * len(given[0]) >> 3)
                if name in _REGEX_METHODS:
                    state.step(REGEX_STEPS)
                result = call_method(value, name, given, limits)
                if result.__class__ in _SIZED and len(result) > LARGE:
                    state.produced(result)
            except ExpressionError as error:
                raise error.at(text, pos, name) from None
            if result is NO_MEMBER:
                raise MissingVariableError(name, text, pos, member_names(value))
            if state.secrets:
                state.taint((value, *given), result)
            return result

        return call

    def function_call(self, node: Call) -> Evaluate:
        """`name(args)`: a function, else a macro."""
        spec = self.names.functions.get(node.name)
        if spec is not None:
            return self.application(spec, None, node.args, node.pos)
        macro = self.macros.get(node.name)
        if macro is None:
            known = {**self.names.functions, **self.macros}
            return self.unknown(f"Function or Macro [{node.name}] does not exist.", node.name, known, node.pos)
        names = tuple(name for name, _ in macro.params)
        try:
            bind(names, False, len(node.args.positional), [name for name, _ in node.args.named])
        except EvaluationError as error:
            return self.failing(error, node.pos)
        args = [self.expr(arg) for arg in node.args.positional]
        named = [(name, self.expr(arg)) for name, arg in node.args.named]
        bodies, name = self.macro_bodies, node.name

        def call(state: State) -> Any:
            values = {param: arg(state) for param, arg in zip(names, args, strict=False)}
            values.update((param, arg(state)) for param, arg in named)
            return bodies[name](state, [values])

        return call

    def filtered(self, node: FilterApplication) -> Evaluate:
        """`target | name(args)`; `default` sees a missing target as null."""
        spec = self.names.filters.get(node.name)
        if spec is None:
            message = f"Filter [{node.name}] does not exist."
            return self.unknown(message, node.name, self.names.filters, node.pos)
        target = self.expr(node.target)
        if node.name == "default":
            target = _missing_as_null(target)
        return self.application(spec, target, node.args, node.pos)

    def tested(self, node: TestApplication) -> Evaluate:
        """`target is name`; `defined` sees a missing target as null."""
        spec = self.names.tests.get(node.name)
        if spec is None:
            return self.unknown(f"Test [{node.name}] does not exist.", node.name, self.names.tests, node.pos)
        target = self.expr(node.target)
        if node.name == "defined":
            target = _missing_as_null(target)
        test = self.application(spec, target, node.args, node.pos)
        if node.negated:
            return lambda state: not test(state)
        return test

    def application(self, spec: Spec, target: Evaluate | None, arguments: Arguments, pos: int) -> Evaluate:
        """A call of a spec; arguments that it does not take fail when it is called."""
        try:
            arity = bind(spec.params, spec.variadic, len(arguments.positional), [name for name, _ in arguments.named])
        except EvaluationError as error:
            return self.failing(error, pos)
        return application(spec, target, [self.expr(arg) for arg in arguments.all()], arity, (self.text, pos))

    def unknown(self, message: str, name: str, known: Mapping[str, object], pos: int) -> Evaluate:
        """A function that fails when evaluated, because the name does not exist."""
        text = self.text

        def fail(_: State) -> Any:
            raise UnknownNameError(message, name, known).at(text, pos)

        return fail

    def failing(self, error: EvaluationError, pos: int) -> Evaluate:
        """A function that fails with this error when evaluated."""
        text = self.text

        def fail(_: State) -> Any:
            again = EvaluationError(
                error.message, piece=error.piece, suggestion=error.suggestion, available=error.available
            )
            raise again.at(text, pos)

        return fail

    def unary(self, node: Unary) -> Evaluate:
        """`not`, `+`, `-`."""
        operand, place = self.expr(node.operand), (self.text, node.pos)
        if node.op == "not":
            return lambda state: not op_closures.truth_of(operand(state), "given to not()", place)
        change = operators.negate if node.op == "-" else operators.positive
        if isinstance(node.operand, Literal) and isinstance(node.operand.value, int | float):
            constant = change(node.operand.value) if not isinstance(node.operand.value, bool) else None
            if constant is not None:
                return lambda _: constant
        return op_closures.signed(change, node.op, operand, place)

    def binary(self, node: Binary) -> Evaluate:
        """An operator with two operands."""
        place, op, limits = (self.text, node.pos), node.op, self.limits
        if op == "~":
            return op_closures.concatenation([self.expr(part) for part in operands(node)], place, limits)
        if op == "..":
            spec = self.names.functions["range"]
            return self.application(spec, None, Arguments([node.left, node.right], []), node.pos)
        left, right = self.expr(node.left), self.expr(node.right)
        if op in ARITHMETIC:
            return op_closures.arithmetic(op, left, _constant(node.right, right), place, limits)
        if op in ORDERING:
            return op_closures.ordering(op, left, right, place, hide_missing=self.dialect is Dialect.V1)
        if op in ("==", "equals", "!="):
            return op_closures.equality(left, _constant(node.right, right), place, negated=op == "!=")
        if op in ("and", "or"):
            return op_closures.logic(op, left, right, place)
        if op in ("??", "???"):
            return op_closures.coalesce(left, right, keep_null=op == "???")
        return op_closures.membership(op, left, right, place)

    def conditional(self, node: Conditional) -> Evaluate:
        """`test ? yes : no`: null is false."""
        test, yes, no = self.expr(node.test), self.expr(node.yes), self.expr(node.no)
        place = self.text, node.pos

        def choose(state: State) -> Any:
            value = test(state)
            if value is None or not op_closures.truth_of(value, "", place):
                return no(state)
            return yes(state)

        return choose

    def list_literal(self, node: ListLiteral) -> Evaluate:
        """`[a, b]`."""
        items = [self.expr(item) for item in node.items]
        return lambda state: [item(state) for item in items]

    def map_literal(self, node: MapLiteral) -> Evaluate:
        """`{key: value}` in source order; a key that cannot be one becomes its text."""
        entries = [(self.expr(key), self.expr(value)) for key, value in node.entries]
        return lambda state: {_map_key(key(state)): value(state) for key, value in entries}

    def interpolation(self, node: Interpolation) -> Evaluate:
        """Pieces joined by their Java text; null adds nothing."""
        return op_closures.concatenation([self.expr(part) for part in node.parts], (self.text, node.pos), self.limits)


_COMPILE: Mapping[type[Expr], Callable[[Compiler, Any], Evaluate]] = {
    Literal: Compiler.literal,
    Name: Compiler.name,
    Lookup: Compiler.lookup,
    MethodCall: Compiler.method_call,
    Call: Compiler.function_call,
    FilterApplication: Compiler.filtered,
    TestApplication: Compiler.tested,
    Unary: Compiler.unary,
    Binary: Compiler.binary,
    Conditional: Compiler.conditional,
    ListLiteral: Compiler.list_literal,
    MapLiteral: Compiler.map_literal,
    Interpolation: Compiler.interpolation,
}


def _bound_name(name: str, text: str, pos: int) -> Evaluate:
    """A name that a tag binds: the innermost scope first."""

    def read(state: State) -> Any:
        scopes = state.scopes
        if scopes:
            innermost = scopes[-1]
            if name in innermost:
                return innermost[name]
        return root(state, name, text, pos)

    return read


def _constant(node: Expr, evaluate: Evaluate) -> op_closures.Operand:
    """What is known of an operand: its value when it is a literal, else how to evaluate it."""
    return op_closures.Operand(None, node.value) if isinstance(node, Literal) else op_closures.Operand(evaluate, None)


def _map_key(key: Any) -> Any:
    return java_text(key) if isinstance(key, list | dict | set) else key


def _missing_as_null(target: Evaluate) -> Evaluate:
    def guarded(state: State) -> Any:
        try:
            return target(state)
        except MissingVariableError:
            return None

    return guarded
