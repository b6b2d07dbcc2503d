"""Tree to closures: expressions (expression language 3 to 5). Tags are in `compile_tags.py`.

Every node becomes one Python function of the rendering's `State`. No source code is generated, so no text of
a user can become code; compiling costs microseconds, and a chain of constant keys costs one function call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segue.expr import operators
from segue.expr.callables import Arity, Spec, bind
from segue.expr.dialects import Dialect
from segue.expr.errors import (
    EvaluationError,
    ExpressionError,
    Interrupt,
    LimitError,
    MissingVariableError,
    ServiceMissingError,
    UnknownNameError,
    near_name,
)
from segue.expr.limits import Limits
from segue.expr.members import NO_MEMBER, call_method
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
)
from segue.expr.runtime import Evaluate, State, attribute, root
from segue.expr.text import java_text

__all__ = ["Compiler", "Names", "wrapped"]

_ARITHMETIC: Mapping[str, tuple[Callable[[Any, Any, Limits], Any], str]] = {
    "+": (operators.add, "Could not perform addition"),
    "-": (operators.subtract, "Could not perform subtraction"),
    "*": (operators.multiply, "Could not perform multiplication"),
    "/": (operators.divide, "Could not perform division"),
    "%": (operators.modulo, "Could not perform greater modulus"),
}
_ORDERING = {
    ">": "Could not perform greater than comparison",
    ">=": "Could not perform greater than or equals comparison",
    "<": "Could not perform less than comparison",
    "<=": "Could not perform less than or equals comparison",
}
_PLAIN_FAILURES = (ArithmeticError, LookupError, TypeError, ValueError)


class Names:
    """The callables that a template can name."""

    def __init__(self, filters: Mapping[str, Spec], functions: Mapping[str, Spec], tests: Mapping[str, Spec]) -> None:
        self.filters = filters
        self.functions = functions
        self.tests = tests


def wrapped(message: str, error: Exception, text: str, pos: int) -> Exception:
    """An operator's error, which hides the nature of its operand's; limits and services stay as they are."""
    if isinstance(error, LimitError | ServiceMissingError):
        return error.at(text, pos)
    cause = error.message if isinstance(error, ExpressionError) else str(error)
    return EvaluationError(f"{message}: {cause}").at(text, pos)


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
        if name in self.bound or name == "_context":
            return lambda state: root(state, name, text, pos)

        def direct(state: State) -> Any:
            try:
                return state.context[name]
            except KeyError:
                return root(state, name, text, pos)

        return direct

    def lookup(self, node: Lookup) -> Evaluate:
        """`target.key`: constant keys are gathered into one function."""
        chain: list[tuple[str, tuple[str, int]]] = []
        target: Expr = node
        while isinstance(target, Lookup) and isinstance(target.key, Literal) and isinstance(target.key.value, str):
            chain.append((target.key.value, (self.text, target.pos)))
            target = target.target
        owner = target.name if isinstance(target, Name) else ""
        if not chain:
            return self.dynamic_lookup(node)
        source = self.expr(target)
        chain.reverse()
        limits = self.limits

        def follow(state: State) -> Any:
            value = source(state)
            name = owner
            for key, place in chain:
                if value.__class__ is dict and key in value:
                    value = value[key]
                else:
                    value = attribute(value, key, name, place, limits)
                name = ""
            return value

        return follow

    def dynamic_lookup(self, node: Lookup) -> Evaluate:
        """`target[key]` with a key that is no constant text."""
        target, key = self.expr(node.target), self.expr(node.key)
        owner = node.target.name if isinstance(node.target, Name) else ""
        place, limits = (self.text, node.pos), self.limits

        def look_up(state: State) -> Any:
            value = target(state)
            return attribute(value, key(state), owner, place, limits)

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
            try:
                result = call_method(value, name, [arg(state) for arg in args], limits)
            except EvaluationError as error:
                raise error.at(text, pos) from None
            if result is NO_MEMBER:
                raise MissingVariableError(name, text, pos)
            return result

        return call

    def function_call(self, node: Call) -> Evaluate:
        """`name(args)`: a function, else a macro."""
        spec = self.names.functions.get(node.name)
        if spec is not None:
            return self.application(spec, None, node.args, node.pos)
        macro = self.macros.get(node.name)
        if macro is None:
            hint = near_name(node.name, [*self.names.functions, *self.macros])
            return self.unknown(f"Function or Macro [{node.name}] does not exist.", hint, node.pos)
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
            return self.unknown(message, near_name(node.name, self.names.filters), node.pos)
        target = self.expr(node.target)
        if node.name == "default":
            target = _missing_as_null(target)
        return self.application(spec, target, node.args, node.pos)

    def tested(self, node: TestApplication) -> Evaluate:
        """`target is name`; `defined` sees a missing target as null."""
        spec = self.names.tests.get(node.name)
        if spec is None:
            message = f"Test [{node.name}] does not exist."
            return self.unknown(message, near_name(node.name, self.names.tests), node.pos)
        target = self.expr(node.target)
        if node.name == "defined":
            target = _missing_as_null(target)
        test = self.application(spec, target, node.args, node.pos)
        if node.negated:
            return lambda state: not test(state)
        return test

    def application(self, spec: Spec, target: Evaluate | None, arguments: Arguments, pos: int) -> Evaluate:
        """A call of a spec: arguments left to right, then the input, then the Python function."""
        try:
            arity = bind(spec.params, spec.variadic, len(arguments.positional), [name for name, _ in arguments.named])
        except EvaluationError as error:
            return self.failing(error, pos)
        args = [self.expr(arg) for arg in arguments.all()]
        call = _caller(spec, args, arity, target)
        name, text = spec.name, self.text

        def apply(state: State) -> Any:
            state.steps += 1
            try:
                if state.steps >= state.checkpoint:
                    state.check()
                return call(state)
            except Interrupt:
                raise
            except ExpressionError as error:
                if error.template is None:
                    error.at(text, pos)
                raise
            except RecursionError:
                raise
            except Exception as error:
                detail = str(error) or type(error).__name__
                raise EvaluationError(f"'{name}' failed: {detail}").at(text, pos) from error

        return apply

    def unknown(self, message: str, hint: str, pos: int) -> Evaluate:
        """A function that fails when evaluated, because the name does not exist."""
        suggestion = f" Did you mean `{hint}`?" if hint else ""
        return self.failing(UnknownNameError(message + suggestion), pos)

    def failing(self, error: ExpressionError, pos: int) -> Evaluate:
        """A function that fails when evaluated."""
        kind, message, text = type(error), error.message, self.text

        def fail(_: State) -> Any:
            raise kind(message).at(text, pos)

        return fail

    def unary(self, node: Unary) -> Evaluate:
        """`not`, `+`, `-`."""
        operand, text, pos = self.expr(node.operand), self.text, node.pos
        if node.op == "not":

            def invert(state: State) -> bool:
                return not _truth(operand(state), "given to not()", text, pos)

            return invert
        change = operators.negate if node.op == "-" else operators.positive
        if isinstance(node.operand, Literal) and isinstance(node.operand.value, int | float):
            constant = change(node.operand.value) if not isinstance(node.operand.value, bool) else None
            if constant is not None:
                return lambda _: constant

        def signed(state: State) -> Any:
            value = operand(state)
            try:
                return change(value)
            except (ExpressionError, *_PLAIN_FAILURES) as error:
                raise wrapped("Could not change the sign", error, text, pos) from error

        return signed

    def binary(self, node: Binary) -> Evaluate:
        """An operator with two operands."""
        left, right = self.expr(node.left), self.expr(node.right)
        text, pos, op, limits = self.text, node.pos, node.op, self.limits
        if op in _ARITHMETIC:
            return _arithmetic(op, left, right, (text, pos), limits)
        if op in _ORDERING:
            return _ordering(op, left, right, (text, pos), self.dialect is Dialect.V1)
        if op in ("==", "equals", "!="):
            return _equality(left, right, (text, pos), negated=op == "!=")
        if op in ("and", "or"):
            return _logic(op, left, right, (text, pos))
        if op in ("??", "???"):
            return _coalesce(left, right, keep_null=op == "???")
        if op == "~":
            return _concatenation(left, right, limits)
        if op == "..":
            spec = self.names.functions["range"]
            return self.application(spec, None, Arguments([node.left, node.right], []), pos)
        check = operators.contains if op == "contains" else operators.is_in

        def member(state: State) -> bool:
            a, b = left(state), right(state)
            try:
                return check(a, b)
            except EvaluationError as error:
                raise error.at(text, pos) from None

        return member

    def conditional(self, node: Conditional) -> Evaluate:
        """`test ? yes : no`: null is false."""
        test, yes, no = self.expr(node.test), self.expr(node.yes), self.expr(node.no)
        text, pos = self.text, node.pos

        def choose(state: State) -> Any:
            value = test(state)
            if value is None or not _truth(value, "", text, pos):
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
        parts, limits = [self.expr(part) for part in node.parts], self.limits

        def join(state: State) -> str:
            result = ""
            for part in parts:
                value = part(state)
                if value is not None:
                    result = operators.concat(result, java_text(value, limits.max_output_length), limits)
            return result

        return join


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


def _map_key(key: Any) -> Any:
    return java_text(key) if isinstance(key, list | dict | set) else key


def _truth(value: Any, place: str, text: str, pos: int) -> bool:
    try:
        return operators.truth(value, place)
    except EvaluationError as error:
        raise error.at(text, pos) from None


def _missing_as_null(target: Evaluate) -> Evaluate:
    def guarded(state: State) -> Any:
        try:
            return target(state)
        except MissingVariableError:
            return None

    return guarded


def _caller(spec: Spec, args: list[Evaluate], arity: Arity, target: Evaluate | None) -> Evaluate:
    """The call itself, in the shape that this spec needs."""
    function, wants_state = spec.function, spec.wants_state
    positional = arity.positional if spec.variadic else len(args)
    drop = spec.params is None and not spec.variadic
    names = arity.names if spec.params is not None and len(args) > arity.positional else ()
    if target is not None and not args and not wants_state:
        return lambda state: function(target(state))

    def call(state: State) -> Any:
        values = [arg(state) for arg in args]
        head: list[Any] = [state] if wants_state else []
        if target is not None:
            head.append(target(state))
        if drop:
            return function(*head)
        if names:
            return function(*head, **dict(zip(names, values, strict=True)))
        return function(*head, *values[:positional])

    return call


def _arithmetic(op: str, left: Evaluate, right: Evaluate, place: tuple[str, int], limits: Limits) -> Evaluate:
    operate, message = _ARITHMETIC[op]

    def calculate(state: State) -> Any:
        try:
            return operate(left(state), right(state), limits)
        except Interrupt:
            raise
        except (ExpressionError, *_PLAIN_FAILURES) as error:
            raise wrapped(message, error, *place) from error

    return calculate


def _ordering(op: str, left: Evaluate, right: Evaluate, place: tuple[str, int], hide_missing: bool) -> Evaluate:
    message = _ORDERING[op]

    def order(state: State) -> bool:
        try:
            return operators.compare(op, left(state), right(state))
        except Interrupt:
            raise
        except MissingVariableError as error:
            if hide_missing:
                raise wrapped(message, error, *place) from error
            raise
        except (ExpressionError, *_PLAIN_FAILURES) as error:
            raise wrapped(message, error, *place) from error

    return order


def _equality(left: Evaluate, right: Evaluate, place: tuple[str, int], *, negated: bool) -> Evaluate:
    message = f"Could not perform {'not ' if negated else ''}equals comparison"

    def compare(state: State) -> bool:
        try:
            return operators.equals(left(state), right(state)) is not negated
        except Interrupt:
            raise
        except (ExpressionError, *_PLAIN_FAILURES) as error:
            raise wrapped(message, error, *place) from error

    return compare


def _logic(op: str, left: Evaluate, right: Evaluate, place: tuple[str, int]) -> Evaluate:
    message = "used in and operator"
    if op == "and":
        return lambda state: _truth(left(state), message, *place) and _truth(right(state), message, *place)
    return lambda state: _truth(left(state), message, *place) or _truth(right(state), message, *place)


def _coalesce(left: Evaluate, right: Evaluate, *, keep_null: bool) -> Evaluate:
    def choose(state: State) -> Any:
        try:
            value = left(state)
        except MissingVariableError:
            return right(state)
        return right(state) if value is None and not keep_null else value

    return choose


def _concatenation(left: Evaluate, right: Evaluate, limits: Limits) -> Evaluate:
    size = limits.max_output_length

    def join(state: State) -> str:
        a, b = left(state), right(state)
        first = "" if a is None else java_text(a, size)
        return operators.concat(first, "" if b is None else java_text(b, size), limits)

    return join
