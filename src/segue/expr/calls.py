"""Calls of filters, functions and tests as closures (expression language 3.4).

Every call counts a step, bounds what it returns, gives its place to errors, and tells the state when its result was
made from a secret. The shape without arguments is the common one and has a closure of its own.
"""

from __future__ import annotations

from typing import Any

from segue.expr.callables import Arity, Spec
from segue.expr.errors import EvaluationError, ExpressionError, Interrupt, reason_of
from segue.expr.runtime import Evaluate, State

__all__ = ["LARGE", "REGEX_STEPS", "application"]

LARGE = 256
REGEX_STEPS = 50
_WORTH_COUNTING = 4096
_SIZED = (str, list, dict)


def application(
    spec: Spec, target: Evaluate | None, args: list[Evaluate], arity: Arity, place: tuple[str, int]
) -> Evaluate:
    """The call of a spec: arguments left to right, then the input, then the Python function."""
    if target is not None and not args and not spec.wants_state:
        return _plain(spec, target, place)
    function, wants_state = spec.function, spec.wants_state
    positional = arity.positional if spec.variadic else len(args)
    if spec.params is None and not spec.variadic:
        positional = 0
    names = arity.names if spec.params is not None and len(args) > arity.positional else ()

    def call(state: State) -> Any:
        state.steps += 1
        values: list[Any] = [state] if wants_state else []
        try:
            if state.steps >= state.checkpoint:
                state.check()
            given = [arg(state) for arg in args]
            if target is not None:
                values.append(target(state))
                _weigh(state, values[-1])
            if names:
                result = function(*values, **dict(zip(names, given, strict=True)))
            else:
                result = function(*values, *given[:positional])
            if result.__class__ in _SIZED and len(result) > LARGE:
                state.produced(result)
            if target is None and (result.__class__ is dict or result.__class__ is list):
                _count_parsed(state, given)
        except Exception as error:
            raise placed(error, spec.name, place) from _cause(error)
        if state.secrets:
            state.taint((*values[wants_state:], *given), result)
        return result

    return call


def _plain(spec: Spec, target: Evaluate, place: tuple[str, int]) -> Evaluate:
    """A filter or test without arguments that needs no state."""
    function = spec.function

    def call(state: State) -> Any:
        state.steps += 1
        try:
            if state.steps >= state.checkpoint:
                state.check()
            value = target(state)
            if value.__class__ in _SIZED and len(value) > _WORTH_COUNTING:
                state.consumed(value)
            result = function(value)
            if result.__class__ in _SIZED and len(result) > LARGE:
                state.produced(result)
        except Exception as error:
            raise placed(error, spec.name, place) from _cause(error)
        if state.secrets:
            state.taint((value,), result)
        return result

    return call


def _weigh(state: State, value: Any) -> None:
    if value.__class__ in _SIZED and len(value) > _WORTH_COUNTING:
        state.consumed(value)


def _count_parsed(state: State, given: list[Any]) -> None:
    """A container that a function made: the large texts it was given may have been read into it."""
    for text in given:
        if text.__class__ is str and len(text) > LARGE:
            state.parsed(text)


def placed(error: Exception, name: str, place: tuple[str, int]) -> Exception:
    """The error to raise for a failed call: with its place, and an `ExpressionError` whatever it was."""
    if isinstance(error, Interrupt | RecursionError):
        return error
    if isinstance(error, ExpressionError):
        return error.at(*place, name)
    return EvaluationError(f"'{name}' failed: {reason_of(error)}").at(*place, name)


def _cause(error: Exception) -> BaseException | None:
    """The error itself where another one replaces it, else what caused it."""
    return error.__cause__ if isinstance(error, ExpressionError | Interrupt | RecursionError) else error
