"""The filter grammar: ``filters[field][OP]=value`` and the plain parameters of 1.x (REST API 1.3).

``read_filters`` turns a query string into conditions that all must hold; the functions in
``segue.api.queries`` turn those into what a repository understands, and refuse what it does not.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from segue.api.problems import INVALID_QUERY_FILTERS, ProblemError
from segue.ports.repositories.filters import Comparison

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_LISTS_UNDER_EQUALS = frozenset({"state", "level", "scope", "namespace", "kind"})
_MAX_CONDITIONS = 100
_ALIASES = {"query": "q", "minlevel": "level"}
_GROUPS = frozenset({"or", "and"})
_MAX_DEPTH = 8
_MAPS = frozenset({"labels"})


Operation = Comparison


class Condition(msgspec.Struct, frozen=True):
    """One condition. ``field`` is in lower case without underscores; a map's entry reads ``key:value``."""

    field: str
    operation: Operation
    values: tuple[str, ...]


class Group(msgspec.Struct, frozen=True):
    """Conditions joined: all of them hold, or with ``is_any`` at least one."""

    is_any: bool
    parts: tuple["Condition | Group", ...]


def read_filters(parameters: Iterable[tuple[str, str]], plain: Mapping[str, tuple[str, Operation]]) -> list[Condition]:
    """All conditions of a query string, those of ``filters`` before those of plain parameters.

    ``plain`` maps the names of plain parameters to the field and operation they stand for; they are left
    out when ``filters`` has the same field. Raises ``ProblemError`` for anything that is no filter, and for groups.
    """
    conditions = []
    for part in read_filter_tree(parameters, plain).parts:
        if isinstance(part, Group):
            raise invalid("groups of filters are not supported here; give conditions that must all hold")
        conditions.append(part)
    return conditions


def read_filter_tree(parameters: Iterable[tuple[str, str]], plain: Mapping[str, tuple[str, Operation]]) -> Group:
    """The same with its groups: ``filters[or][0][state][EQUALS]=FAILED``, nested as one likes.

    What stands beside a group must hold too. Raises ``ProblemError``.
    """
    pairs = list(parameters)
    root = _Node()
    given = [(name, value) for name, value in pairs if name.startswith("filters")]
    for name, value in given:
        root.add(name, _parts(name), value)
    tree = root.group(is_any=False)
    filtered = {condition.field for condition in leaves(tree)}
    more = [condition for condition in _plain(pairs, plain) if condition.field not in filtered]
    if len(given) + len(more) > _MAX_CONDITIONS:
        raise invalid(f"more than {_MAX_CONDITIONS} conditions")
    return Group(False, (*tree.parts, *more))


def leaves(group: Group) -> Iterator[Condition]:
    """Every condition of a tree."""
    for part in group.parts:
        if isinstance(part, Group):
            yield from leaves(part)
        else:
            yield part


def read_json_filters(items: Sequence[Any]) -> Group:
    """The same from its JSON form: leaves ``{field, operation, value}`` and groups ``{logical, children}``.

    Raises ``ProblemError``.
    """
    group = Group(False, tuple(_of_json(item, 0) for item in items[: _MAX_CONDITIONS + 1]))
    if sum(1 for _ in leaves(group)) > _MAX_CONDITIONS:
        raise invalid(f"more than {_MAX_CONDITIONS} conditions")
    return group


def _of_json(item: Any, depth: int) -> Condition | Group:
    if not isinstance(item, Mapping):
        raise invalid("a filter must be an object with field, operation and value")
    logical, children = item.get("logical"), item.get("children")
    if logical is not None or children is not None:
        if not isinstance(logical, str) or logical.lower() not in _GROUPS or not isinstance(children, list):
            raise invalid("a group of filters needs logical (and, or) and children")
        if depth >= _MAX_DEPTH or len(children) > _MAX_CONDITIONS:
            raise invalid(f"groups of filters are nested more than {_MAX_DEPTH} times, or one is too large")
        return Group(logical.lower() == "or", tuple(_of_json(child, depth + 1) for child in children))
    field, value = item.get("field"), item.get("value")
    if not isinstance(field, str) or value is None:
        raise invalid("a filter needs field, operation and value")
    operation = str(item.get("operation", Operation.EQUALS.value))
    if isinstance(value, Mapping):
        value = [f"{key}:{_text_of(each)}" for key, each in value.items()]
    values = value if isinstance(value, list) else [value]
    found = _condition(field, [field, operation], "")
    return Condition(found.field, found.operation, tuple(_text_of(each) for each in values))


def _text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise invalid("the value of a filter must be a text, a number or a list of them")
    return str(value)


class _Node:
    """One group while it is read: its own conditions, and the numbered members of the groups inside."""

    def __init__(self) -> None:
        self._conditions: list[Condition] = []
        self._groups: dict[str, dict[str, _Node]] = {}

    def add(self, name: str, parts: list[str], value: str, depth: int = 0) -> None:
        """Put in one parameter. Raises ``ProblemError`` when it is not of the grammar."""
        if not parts or parts[0].lower() not in _GROUPS:
            self._conditions.append(_condition(name, parts, value))
            return
        if depth >= _MAX_DEPTH:
            raise invalid(f"groups of filters are nested more than {_MAX_DEPTH} times")
        if len(parts) < 4 or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 4):
            raise invalid(f"'{name[:200]}' is not of the form filters[or][number][field][OPERATION]")
        members = self._groups.setdefault(parts[0].lower(), {})
        members.setdefault(parts[1], _Node()).add(name, parts[2:], value, depth + 1)

    def group(self, *, is_any: bool) -> Group:
        """What was read."""
        parts: list[Condition | Group] = list(self._conditions)
        for logical, members in self._groups.items():
            parts.append(Group(logical == "or", tuple(_plainest(node) for node in members.values())))
        return Group(is_any, tuple(parts))


def _plainest(node: _Node) -> "Condition | Group":
    group = node.group(is_any=False)
    return group.parts[0] if len(group.parts) == 1 else group


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


def _parts(name: str) -> list[str]:
    """What stands between the brackets of ``filters[..][..]``."""
    parts = _BRACKETS.findall(name)
    if "filters" + "".join(f"[{part}]" for part in parts) != name or len(parts) < 2:
        raise invalid(f"'{name[:200]}' is not of the form filters[field][OPERATION]")
    return parts


def _condition(name: str, parts: list[str], value: str) -> Condition:
    if len(parts) < 2:
        raise invalid(f"'{name[:200]}' is not of the form filters[field][OPERATION]")
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
