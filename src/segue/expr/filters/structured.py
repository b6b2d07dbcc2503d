"""`toJson`, `toIon`, `yaml`, `jq` (expression language 7.4)."""

from __future__ import annotations

import importlib
import json
from typing import Any

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, LimitError, PackageMissingError, ServiceMissingError, reason_of
from segue.expr.ion.writer import ion_text
from segue.expr.jq_program import checked_program, is_cheap
from segue.expr.runtime import State
from segue.expr.text import json_text
from segue.expr.values import class_name
from segue.expr.yaml_text import yaml_text

__all__ = ["TABLE"]

TABLE = Table()


@TABLE.add("toJson", state=True, aliases=("json", "jsonEncode"))
def to_json(state: State, value: Any) -> str:
    r"""The value in JSON: compact, without entries that are null, texts in quotes.

    Returns:
        text: `null` for null.

    Raises:
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0
    Aliases: json (1.x), jsonEncode (0.18)

    Examples:
        {{ {'a': [1, null], 'b': null} | toJson }} -> {"a":[1,null]}
        {{ 'x' | toJson }} -> "\"x\""
    """
    return json_text(value, state.limits.max_output_length)


@TABLE.add("toIon", state=True)
def to_ion(state: State, value: Any) -> str:
    """The value in Ion text.

    Returns:
        text: `null` for null.

    Raises:
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {{ {'a': [1, 'x', 1.5]} | toIon }} -> {a:[1,"x",1.5e0]}
    """
    return ion_text(value, state.limits.max_output_length)


@TABLE.add("yaml", state=True)
def to_yaml(state: State, value: Any) -> str:
    r"""The value in block YAML, with a line break at its end.

    Returns:
        text: `null` for null.

    Raises:
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {{ {'a': 1, 'b': ['x']} | yaml }} -> "a: 1\nb:\n - x\n"
    """
    return "null" if value is None else yaml_text(value, state.limits.max_output_length)


@TABLE.add("jq", "expression", state=True)
def jq(state: State, value: Any, expression: Any = None) -> list[Any] | None:
    """All values that a jq program makes of the input; a text is read as JSON first.

    The program sees neither the environment nor files: `env`, `$ENV`, `input_filename`, `import` and `include` are
    refused.

    Args:
        expression (text): A program in the language of jq 1.6.

    Returns:
        list: Always a list: take `first` of it for one value. Null for null.

    Raises:
        EvaluationError: no program, a bad one, or input that is no JSON.
        LimitError: a program that may loop or grow takes longer than `max_jq_seconds`.
        ServiceMissingError: such a program, where there is no process to run it in.
        PackageMissingError: the package `jq` is not installed.

    Available: 1.x, 2.0

    Examples:
        {{ outputs.query.rows | jq('map(.v) | add') | first }} -> 7
        {{ outputs.query.rows | jq('.[].id') }} -> [1,2]
    """
    if expression is None:
        raise EvaluationError("The 'jq' filter expects an argument 'expression'.")
    if value is None:
        return None
    program = checked_program(expression, state.limits.max_format_length)
    text = value if isinstance(value, str) else json_text(value, state.limits.max_output_length)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise _unparsable(value) from None
    try:
        if is_cheap(program, text):
            return _run_here(program, text)
        if state.services.jq is None:
            raise ServiceMissingError("jq", "jq")
        return state.services.jq(program, text, state.limits.max_jq_seconds)
    except TimeoutError:
        limit = state.limits.max_jq_seconds
        raise LimitError("max_jq_seconds", limit, "The jq program takes too long or needs too much memory") from None
    except ValueError as error:
        raise _unparsable(value, f": {reason_of(error)}") from None


def _run_here(program: str, text: str) -> list[Any]:
    """Values of a cheap program. Raises ValueError for a bad one and for its errors."""
    try:
        engine: Any = importlib.import_module("jq")
    except ImportError:
        raise PackageMissingError("The 'jq' filter", "jq") from None
    try:
        return list(engine.compile(program).input_text(text).all())
    except StopIteration as error:
        raise ValueError("no value") from error


def _unparsable(value: Any, reason: str = "") -> EvaluationError:
    shown = json_text(value)[:100]
    return EvaluationError(f"Unable to parse jq value '{shown}' with type '{class_name(value)}'{reason}")
