"""Rules about inputs, what triggers supply for them, and flow outputs (flow language 2.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from segue.domain.flow.faults import Fault
from segue.domain.flow.fields import is_expression
from segue.domain.flow.flowables import cyclic_ids
from segue.domain.flow.input_values import check_choice, check_constraints, parse_value, shown
from segue.domain.flow.inputs import ChoiceInput, InputBase, InputType, Leaf
from segue.domain.flow.outputs import Output
from segue.domain.flow.source import Path
from segue.domain.flow.tree import maps_of
from segue.domain.flow.type_names import canonical_trigger

_SUPPLYING_TRIGGERS = {"Schedule", "Webhook"}


def _leaves(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Inputs that hold a value: place, full id, definition. Those without a text as id are left out."""
    for path, item in maps_of(data, "inputs"):
        name = item.get("id")
        if not isinstance(name, str):
            continue
        if item.get("type") != "FORM":
            yield path, name, item
            continue
        for child_path, child in maps_of(item, "inputs", path):
            if isinstance(child.get("id"), str):
                yield child_path, f"{name}.{child['id']}", child


def input_paths(data: Mapping[str, Any]) -> Iterator[Fault]:
    """No full id twice, none that is the parent of another."""
    top = [item.get("id") for _, item in maps_of(data, "inputs")]
    seen: dict[str, Path] = {}
    for path, name, _ in _leaves(data):
        if name in seen and top.count(name) < 2:
            yield Fault((*path, "id"), f"Duplicate input path [{name}]")
        seen.setdefault(name, path)
    for name, path in seen.items():
        parts = name.split(".")
        for end in range(1, len(parts)):
            parent = ".".join(parts[:end])
            if parent in seen:
                yield Fault(
                    (*path, "id"),
                    f"Input path '{parent}' conflicts with '{name}'; one cannot be nested under the other.",
                )


def input_dependencies(data: Mapping[str, Any]) -> Iterator[Fault]:
    """`dependsOn.inputs` must name inputs, and never lead back; an input naming itself is ignored."""
    edges: dict[str, tuple[str, ...]] = {}
    places: dict[str, Path] = {}
    for path, name, item in _leaves(data):
        depends_on = item.get("dependsOn")
        others = depends_on.get("inputs") if isinstance(depends_on, dict) else None
        named = [other for other in others if isinstance(other, str)] if isinstance(others, list) else []
        edges[name] = tuple(other for other in named if other != name)
        places[name] = path
    for name, others_of in edges.items():
        for other in others_of:
            if other not in edges:
                yield Fault(
                    (*places[name], "dependsOn", "inputs"),
                    f"Input with id '{name}' depends on a non-existent input '{other}'.",
                )
    cyclic = cyclic_ids(edges)
    if cyclic:
        yield Fault(
            (*places[cyclic[0]], "dependsOn"),
            f"Cycle dependency detected for input with id '{cyclic[0]}': [{', '.join(cyclic)}]",
        )


def input_editions(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Input types the open-source original refuses as well."""
    for path, item in maps_of(data, "inputs"):
        if item.get("type") == InputType.REUSABLE_INPUTS:
            yield Fault(
                (*path, "type"),
                f"Input '{item.get('id')}' of type REUSABLE_INPUTS is only available in Enterprise Edition.",
            )


def input_defaults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Literal defaults must fit their input."""
    for path, name, item in _leaves(data):
        if item.get("defaults") is not None:
            reason = _misfit(item, item["defaults"])
            if reason is not None:
                yield Fault((*path, "defaults"), f"Invalid default for input '{name}': {reason}")


def trigger_inputs(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Schedules and webhooks start without a person, so they must supply what is required, and fittingly."""
    leaves = {name: item for _, name, item in _leaves(data)}
    needed = [
        name
        for name, item in leaves.items()
        if item.get("defaults") is None and item.get("required") is not False and item.get("type") != "REUSABLE_INPUTS"
    ]
    for path, trigger in maps_of(data, "triggers"):
        kind = canonical_trigger(trigger.get("type"))
        if kind not in _SUPPLYING_TRIGGERS:
            continue
        supplied = trigger.get("inputs")
        if supplied is not None and not isinstance(supplied, dict):
            continue  # an expression, or reported elsewhere
        given = supplied or {}
        missing = [name for name in needed if name not in given and not _is_nested_in(given, name)]
        if missing:
            yield Fault(
                (*path, "inputs"),
                f"Missing inputs for {kind} Trigger '{trigger.get('id')}', missing inputs: '{' | '.join(missing)}'",
            )
        for name, value in given.items():
            reason = _misfit(leaves[name], value) if name in leaves and value is not None else None
            if reason is not None:
                yield Fault(
                    (*path, "inputs", name),
                    f"Invalid value for input '{name}' supplied by {kind} Trigger '{trigger.get('id')}': {reason}",
                )


def output_values(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Literal values of flow outputs must fit their type."""
    for path, item in maps_of(data, "outputs"):
        value = item.get("value")
        if value is None or _has_expression(value):
            continue
        try:
            output = Output.model_validate(item, by_alias=True, by_name=False)
        except ValidationError:
            continue  # the model reports it
        try:
            parse_value(output.type, value, output.item_type)
        except ValueError:
            yield Fault(
                (*path, "value"),
                f"Invalid value for output '{output.id}': {_not_valid(value, output.type)}",
            )


def _is_nested_in(given: Mapping[str, Any], name: str) -> bool:
    place: Any = given
    for part in name.split("."):
        if not isinstance(place, Mapping) or part not in place:
            return False
        place = place[part]
    return True


def _misfit(definition: Mapping[str, Any], value: Any) -> str | None:
    """Say why a literal does not fit an input; `None` if it does, or if only run time can tell."""
    if _has_expression(value):
        return None
    try:
        item: InputBase = _adapter().validate_python(definition, by_alias=True, by_name=False)
    except ValidationError:
        return None  # the model reports it
    kind: InputType = item.type  # type: ignore[attr-defined]  # every member of the union has one
    if isinstance(item, ChoiceInput) and item.expression is not None:
        return None
    try:
        parsed = parse_value(kind, value, getattr(item, "item_type", None))
    except ValueError:
        return _not_valid("******" if kind is InputType.SECRET else value, kind)
    try:
        check_constraints(item, parsed)
        if isinstance(item, ChoiceInput):
            check_choice(item, [option.value for option in item.values or ()], parsed)
    except ValueError as error:
        return str(error)
    return None


def _not_valid(value: Any, kind: InputType) -> str:
    return f"`{shown(value)}` is not a valid {kind} value"


def _has_expression(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_expression(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_expression(item) for item in value)
    return is_expression(value)


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(Leaf)
