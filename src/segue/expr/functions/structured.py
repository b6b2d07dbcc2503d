"""`fromJson`, `yaml`, `fromIon` (expression language 8.1)."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, LimitError
from segue.expr.ion.binary_reader import MARKER, read_binary_ion
from segue.expr.ion.reader import read_ion
from segue.expr.limits import Limits
from segue.expr.runtime import State
from segue.expr.values import ABSENT

__all__ = ["TABLE"]

TABLE = Table()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


@TABLE.add("fromJson", "json", aliases=("json", "jsonDecode"))
def from_json(json: Any = ABSENT) -> Any:
    """The value that a JSON text holds; text after the first value is ignored.

    Args:
        json (text): The JSON text.

    Returns:
        any: Null for null.

    Raises:
        EvaluationError: there is no argument, it is no text, or no JSON.

    Available: 1.x, 2.0
    Aliases: json (1.x), jsonDecode (0.18)

    Examples:
        {{ fromJson('{"a": [1, {"b": "x"}]}').a[1].b }} -> x
        {{ fromJson('x{') }} -> error: Invalid json:
    """
    if json is ABSENT:
        raise EvaluationError("The 'fromJson' function expects an argument 'json'.")
    if json is None:
        return None
    if not isinstance(json, str):
        raise EvaluationError("The 'fromJson' function expects an argument 'json' with type string.")
    text = json.lstrip()
    try:
        return _DECODER.raw_decode(text)[0]
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"Invalid json: {str(error)[:200]}") from None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the parser in C, where there is one
    """YAML 1.1 scalars as the original reads them: dates and times stay text, `<<` is an ordinary key."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as the base declares it


_INTEGER = re.compile(r"[-+]?(?:0x[0-9a-fA-F_]+|0b[01_]+|0[0-7_]*|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+)")
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$"),
    list("yYnNtTfFoO"),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"^(?:{_INTEGER.pattern})$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^(?:{_FLOAT.pattern})$"), list("-+.0123456789"))


def _construct_float(_: _Loader, node: yaml.ScalarNode) -> float:
    return float(node.value.replace("_", ""))


_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


class _Budget:
    """Counts the values that aliases would expand to."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.max_range

    def walk(self, node: yaml.Node, depth: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise LimitError("max_range", self.limits.max_range, "The YAML document holds too many values")
        if depth < 0:
            raise LimitError("max_depth", self.limits.max_depth, "The YAML document nests too deeply")
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.walk(item, depth - 1)
        elif isinstance(node, yaml.MappingNode):
            for key, item in node.value:
                self.walk(key, depth - 1)
                self.walk(item, depth - 1)


@TABLE.add("yaml", "yaml", state=True)
def from_yaml(state: State, yaml: Any = ABSENT) -> Any:
    """The value of the first document of a YAML text.

    Args:
        yaml (text): The YAML text.

    Returns:
        any: Dates stay text.

    Raises:
        EvaluationError: the argument is no text, or no YAML.
        LimitError: the document, with aliases resolved, holds more than `max_range` values.

    Available: 1.x, 2.0

    Examples:
        {{ yaml(vars.document).b[1] }} -> y
    """
    if not isinstance(yaml, str):
        raise EvaluationError("The 'yaml' function expects an argument 'yaml' with type string.")
    _short_enough(state, yaml)
    return _load_yaml(yaml, state.limits)


def _short_enough(state: State, text: str | bytes) -> None:
    longest = state.limits.max_document_length
    if len(text) > longest:
        raise LimitError("max_document_length", longest, "The document is too long")


def _check_depth(text: str, limits: Limits) -> None:
    """The parser in C nests its own calls as the document nests: deep ones must not reach it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > limits.max_depth:
                raise LimitError("max_depth", limits.max_depth, "The YAML document nests too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return


def _load_yaml(text: str, limits: Limits) -> Any:
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise EvaluationError(f"Invalid yaml: {str(error)[:300]}") from None
    try:
        _check_depth(text, limits)
        node = loader.get_node() if loader.check_node() else None
        if node is None:
            raise EvaluationError("Invalid yaml: the document is empty")
        _Budget(limits).walk(node, limits.max_depth)
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise EvaluationError(f"Invalid yaml: {str(error)[:300]}") from None
    finally:
        loader.dispose()


@TABLE.add("fromIon", "ion", "allRows", state=True, aliases=("ionDecode",))
def from_ion(state: State, ion: Any = ABSENT, all_rows: Any = False) -> Any:
    """The first value of Ion, or a list of all its values.

    Args:
        ion (text or bytes): Ion.
        allRows (boolean, default false): Whether all values are wanted, as a list.

    Returns:
        any: Null for null.

    Raises:
        EvaluationError: there is no argument, it is neither text nor bytes, or no Ion.

    Available: 1.x, 2.0
    Aliases: ionDecode (0.18)

    Examples:
        {{ fromIon('{a:1,b:"x"}').b }} -> x
        {{ fromIon('{a:1}{a:2}', allRows=true) }} -> [{"a":1},{"a":2}]
    """
    if ion is ABSENT:
        raise EvaluationError("The 'fromIon' function expects an argument 'ion'.")
    if ion is None:
        return None
    if not isinstance(ion, str | bytes):
        raise EvaluationError("The 'fromIon' function expects an argument 'ion' with type string.")
    _short_enough(state, ion)
    if isinstance(ion, bytes):
        if ion.startswith(MARKER):
            return read_binary_ion(ion, all_rows=all_rows is True)
        ion = ion.decode("utf-8", "replace")
    return read_ion(ion, all_rows=all_rows is True)
