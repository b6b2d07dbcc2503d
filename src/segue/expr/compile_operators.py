"""Closures of binary operators (expression language 5): fast for plain numbers and text, exact for the rest.

`wrapped` is how an operator's error hides the nature of its operand's (1.8).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from segue.expr import operators
from segue.expr.calls import LARGE
from segue.expr.errors import (
    EvaluationError,
    ExpressionError,
    Interrupt,
    LimitError,
    MissingVariableError,
    ServiceMissingError,
    reason_of,
)
from segue.expr.limits import Limits
from segue.expr.runtime import Evaluate, State
from segue.expr.text import java_text
from segue.expr.values import is_collection

__all__ = [
    "ARITHMETIC",
    "ORDERING",
    "Operand",
    "arithmetic",
    "coalesce",
    "concatenation",
    "equality",
    "logic",
    "membership",
    "ordering",
    "signed",
    "truth_of",
    "wrapped",
]

PLAIN_FAILURES = (ArithmeticError, LookupError, TypeError, ValueError)
_SMALL = 2**62
_WORTH_COUNTING = 4096
_TEXT_WORK = 12
_PAIRS_WORK = 3

Place = tuple[str, int]
ARITHMETIC: Mapping[str, tuple[Callable[[Any, Any, Limits], Any], Callable[[int, int], Any], str]] = {
    "+": (operators.add, operator.add, "Could not perform addition"),
    "-": (operators.subtract, operator.sub, "Could not perform subtraction"),
    "*": (operators.multiply, operator.mul, "Could not perform multiplication"),
    "/": (operators.divide, operators.quotient, "Could not perform division"),
    "%": (operators.modulo, operators.remainder, "Could not perform greater modulus"),
}
ORDERING: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    ">": (operator.gt, "Could not perform greater than comparison"),
    ">=": (operator.ge, "Could not perform greater than or equals comparison"),
    "<": (operator.lt, "Could not perform less than comparison"),
    "<=": (operator.le, "Could not perform less than or equals comparison"),
}


def wrapped(message: str, error: Exception, place: Place, piece: str = "") -> Exception:
    """An operator's error, which hides the nature of its operand's; limits and services stay as they are."""
    if isinstance(error, LimitError | ServiceMissingError):
        return error.at(*place, piece)
    if not isinstance(error, ExpressionError):
        return EvaluationError(f"{message}: {reason_of(error)}").at(*place, piece)
    if isinstance(error, MissingVariableError):
        piece = error.piece
    failure = EvaluationError(f"{message}: {error.message}", suggestion=error.suggestion, available=error.available)
    return failure.at(*place, piece)


def truth_of(value: Any, where: str, place: Place) -> bool:
    """The operand rule of 5.6. Raises EvaluationError with the place."""
    if value is True or value is False:
        return bool(value)
    try:
        return operators.truth(value, where)
    except EvaluationError as error:
        raise error.at(*place) from None


def signed(change: Callable[[Any], Any], op: str, operand: Evaluate, place: Place) -> Evaluate:
    """`-x`, `+x`."""

    def apply(state: State) -> Any:
        value = operand(state)
        try:
            return change(value)
        except (ExpressionError, *PLAIN_FAILURES) as error:
            raise wrapped("Could not change the sign", error, place, op) from error

    return apply


class Operand(NamedTuple):
    """The right side of an operator: a function, or a constant when there is none."""

    evaluate: Evaluate | None
    value: Any


def arithmetic(op: str, left: Evaluate, right: Operand, place: Place, limits: Limits) -> Evaluate:
    """`+ - * / %`."""
    operate, plain, message = ARITHMETIC[op]
    evaluate, constant = right

    def calculate(state: State) -> Any:
        try:
            a, b = left(state), constant if evaluate is None else evaluate(state)
            if a.__class__ is int and b.__class__ is int:
                result = plain(a, b)
                if -_SMALL < result < _SMALL:
                    return result
            elif a.__class__ is list and is_collection(b):
                state.step(len(a) * (len(b) if op == "-" else 1) >> _PAIRS_WORK)
            result = operate(a, b, limits)
            if (result.__class__ is str or result.__class__ is list) and len(result) > LARGE:
                state.produced(result)
        except Interrupt:
            raise
        except (ExpressionError, *PLAIN_FAILURES) as error:
            raise wrapped(message, error, place, op) from error
        return result

    return calculate


def ordering(op: str, left: Evaluate, right: Evaluate, place: Place, *, hide_missing: bool) -> Evaluate:
    """`> >= < <=`; in 1.x a missing operand is wrapped like any other failure."""
    plain, message = ORDERING[op]

    def order(state: State) -> bool:
        try:
            a, b = left(state), right(state)
            if a.__class__ is int and b.__class__ is int:
                return plain(a, b)
            if a.__class__ is str and len(a) > _WORTH_COUNTING:
                state.step(len(a) >> _TEXT_WORK)
            return operators.compare(op, a, b)
        except Interrupt:
            raise
        except MissingVariableError as error:
            if hide_missing:
                raise wrapped(message, error, place, op) from error
            raise
        except (ExpressionError, *PLAIN_FAILURES) as error:
            raise wrapped(message, error, place, op) from error

    return order


def equality(left: Evaluate, right: Operand, place: Place, *, negated: bool) -> Evaluate:
    """`==`, `!=`."""
    evaluate, constant = right
    message = f"Could not perform {'not ' if negated else ''}equals comparison"
    op = "!=" if negated else "=="

    def compare(state: State) -> bool:
        try:
            a, b = left(state), constant if evaluate is None else evaluate(state)
            kind = a.__class__
            if kind is b.__class__ and (kind is str or kind is int):
                if kind is str and len(a) > _WORTH_COUNTING:
                    state.step(len(a) >> _TEXT_WORK)
                return (a == b) is not negated
            return operators.equals(a, b) is not negated
        except Interrupt:
            raise
        except (ExpressionError, *PLAIN_FAILURES) as error:
            raise wrapped(message, error, place, op) from error

    return compare


def logic(op: str, left: Evaluate, right: Evaluate, place: Place) -> Evaluate:
    """`and`, `or`."""
    message = "used in and operator"
    if op == "and":
        return lambda state: truth_of(left(state), message, place) and truth_of(right(state), message, place)
    return lambda state: truth_of(left(state), message, place) or truth_of(right(state), message, place)


def coalesce(left: Evaluate, right: Evaluate, *, keep_null: bool) -> Evaluate:
    """`??`, `???`: only a missing variable is caught."""

    def choose(state: State) -> Any:
        try:
            value = left(state)
        except MissingVariableError:
            return right(state)
        return right(state) if value is None and not keep_null else value

    return choose


def concatenation(parts: list[Evaluate], place: Place, limits: Limits) -> Evaluate:
    """`a ~ b ~ c`, and the pieces of an interpolated string: Java texts, null as nothing."""
    longest = limits.max_output_length

    def join(state: State) -> str:
        texts = []
        for part in parts:
            value = part(state)
            if value.__class__ is str:
                texts.append(value)
            elif value is not None:
                texts.append(java_text(value, longest))
        try:
            if sum(map(len, texts)) > longest:
                raise LimitError("max_output_length", longest, "The text becomes too long")
            result = "".join(texts)
            if len(result) > LARGE:
                state.produced(result)
        except LimitError as error:
            raise error.at(*place, "~") from None
        return result

    return join


def membership(op: str, left: Evaluate, right: Evaluate, place: Place) -> Evaluate:
    """`contains`, `isIn`."""
    check = operators.contains if op == "contains" else operators.is_in

    def member(state: State) -> bool:
        a, b = left(state), right(state)
        try:
            _count_pairs(state, a, b)
            return check(a, b)
        except ExpressionError as error:
            raise error.at(*place, op) from None

    return member


def _count_pairs(state: State, a: Any, b: Any) -> None:
    """Work of comparing every element of one side with the other side."""
    size = len(a) if isinstance(a, str) else 0
    if size > _WORTH_COUNTING:
        state.step(size >> _TEXT_WORK)
    first = len(a) if is_collection(a) else 1 + (size >> 6)
    second = len(b) if is_collection(b) else 1
    if first * second > _WORTH_COUNTING:
        state.step(first * second >> _PAIRS_WORK)
