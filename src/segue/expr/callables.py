"""Filters, functions and tests as named tables of Python functions, and how arguments reach them (3.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from segue.expr.errors import EvaluationError, UnknownNameError

__all__ = ["Arity", "Spec", "Table", "bind"]

F = TypeVar("F", bound=Callable[..., Any])
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Spec:
    """One callable: its parameters in the language, and the function that has them in snake case.

    `params` None means that arguments are accepted and ignored; `variadic` passes all positional ones.
    `wants_state` puts the `State` of the rendering before everything else.
    """

    name: str
    function: Callable[..., Any]
    params: tuple[str, ...] | None
    variadic: bool
    wants_state: bool


@dataclass(frozen=True, slots=True)
class Arity:
    """Which arguments go where: so many by position, or all by these names if any was named."""

    positional: int
    names: tuple[str, ...]


class Table:
    """A family of callables; `kind` is `Filter`, `Function` or `Test`."""

    def __init__(self) -> None:
        self.specs: dict[str, Spec] = {}

    def add(
        self,
        name: str,
        *params: str,
        variadic: bool = False,
        state: bool = False,
        aliases: tuple[str, ...] = (),
    ) -> Callable[[F], F]:
        """Register the decorated function under this name; no parameters: arguments are ignored."""

        def register(function: F) -> F:
            for each in (name, *aliases):
                self.specs[each] = Spec(each, function, params or None, variadic, state)
            return function

        return register


def bind(params: tuple[str, ...] | None, variadic: bool, positional: int, named: list[str]) -> Arity:
    """How a call with so many positional and these named arguments maps to the parameters.

    Raises:
        EvaluationError: too many positional arguments, or an unknown name.
    """
    if params is None:
        return Arity(positional if variadic else 0, ())
    if positional > len(params):
        raise EvaluationError(
            f"The argument at position {len(params) + 1} is not allowed. Only {len(params)} argument(s) are allowed."
        )
    for name in named:
        if name not in params:
            raise UnknownNameError(f"The following named argument does not exist: {name}", name, params)
    return Arity(positional, tuple(_CAMEL.sub("_", name).lower() for name in (*params[:positional], *named)))


def merged(*tables: Table) -> Mapping[str, Spec]:
    """One mapping of several tables."""
    return {name: spec for table in tables for name, spec in table.specs.items()}
