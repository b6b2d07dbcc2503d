"""The filter grammar: ``filters[field][OP]=value`` and the plain parameters of 1.x (REST API 1.3).

``read_filters`` turns a query string into conditions that all must hold; the functions in
``segue.api.queries`` turn those into what a repository understands, and refuse what it does not.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import msgspec

from segue.api.problems import INVALID_QUERY_FILTERS, ProblemError

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_LISTS_UNDER_EQUALS = frozenset({"state", "level", "scope", "namespace", "kind"})
_MAX_CONDITIONS = 100
_ALIASES = {"query": "q", "minlevel": "level"}
_GROUPS = frozenset({"or", "and"})
_MAPS = frozenset({"labels"})


class Operation(StrEnum):
    """How a field is compared."""

    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT_EQUALS"
    GREATER_THAN = "GREATER_THAN"
    LESS_THAN = "LESS_THAN"
    GREATER_THAN_OR_EQUAL_TO = "GREATER_THAN_OR_EQUAL_TO"
    LESS_THAN_OR_EQUAL_TO = "LESS_THAN_OR_EQUAL_TO"
    IN = "IN"
    NOT_IN = "NOT_IN"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    CONTAINS = "CONTAINS"
    REGEX = "REGEX"
    PREFIX = "PREFIX"


class Condition(msgspec.Struct, frozen=True):
    """One condition. ``field`` is in lower case without underscores; a map's entry reads ``key:value``."""

    field: str
    operation: Operation
    values: tuple[str, ...]


def read_filters(parameters: Iterable[tuple[str, str]], plain: Mapping[str, tuple[str, Operation]]) -> list[Condition]:
    """All conditions of a query string, those of ``filters`` before those of plain parameters.

    ``plain`` maps the names of plain parameters to the field and operation they stand for; they are left
    out when ``filters`` has the same field. Raises ``ProblemError`` for anything that is no filter.
    """
    pairs = list(parameters)
    conditions = [_condition(name, value) for name, value in pairs if name.startswith("filters")]
    filtered = {condition.field for condition in conditions}
    conditions.extend(condition for condition in _plain(pairs, plain) if condition.field not in filtered)
    if len(conditions) > _MAX_CONDITIONS:
        raise invalid(f"more than {_MAX_CONDITIONS} conditions")
    return conditions


def invalid(reason: str) -> ProblemError:
    """The refusal of filters."""
    return ProblemError(INVALID_QUERY_FILTERS, reason)


def unsupported(condition: Condition) -> ProblemError:
    """The refusal of a field, or of an operation on it."""
    return invalid(f"Unsupported operation for {condition.field[:100]}: {condition.operation}")


def _plain(pairs: Iterable[tuple[str, str]], plain: Mapping[str, tuple[str, Operation]]) -> Iterator[Condition]:
    collected: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in plain and value != "":
            collected.setdefault(name, []).append(value)
    for name, values in collected.items():
        field, operation = plain[name]
        yield Condition(field, operation, tuple(values))


def _condition(name: str, value: str) -> Condition:
    parts = _BRACKETS.findall(name)
    if "filters" + "".join(f"[{part}]" for part in parts) != name or len(parts) < 2:
        raise invalid(f"'{name[:200]}' is not of the form filters[field][OPERATION]")
    if parts[0].lower() in _GROUPS:
        raise invalid("groups of filters are not supported here; give conditions that must all hold")
    field = field_name(parts[0])
    try:
        operation = Operation(parts[1].upper())
    except ValueError:
        raise invalid(f"Unknown operation {parts[1][:100]}") from None
    if len(parts) > 2:
        if field not in _MAPS or len(parts) > 3:
            raise invalid(f"'{name[:200]}': {field[:100]} has no keys")
        return Condition(field, operation, (f"{parts[2]}:{value}",))
    return Condition(field, operation, _values(field, operation, value))


def field_name(name: str) -> str:
    """A field as it is compared: 1.x and some clients write ``FLOW_ID`` or ``flowid`` for ``flowId``."""
    key = name.replace("_", "").lower()
    return _ALIASES.get(key, key)


def _values(field: str, operation: Operation, value: str) -> tuple[str, ...]:
    is_list = operation in {Operation.IN, Operation.NOT_IN} or field in _LISTS_UNDER_EQUALS
    if not is_list:
        return (value,)
    if value.startswith("[") and value.endswith("]"):
        value = value[1:-1]
    return tuple(part.strip() for part in value.split(",") if part.strip())
