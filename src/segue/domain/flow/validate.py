"""The rules of flow language 2.3 that look at more than one property. All faults are found, not only one.

Rules read the normalised data, not the model, so that they also speak when some other part is broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from segue.domain.flow import tasks, triggers
from segue.domain.flow.conditions import canonical_condition, condition_faults, conditions_of
from segue.domain.flow.faults import Fault
from segue.domain.flow.fields import is_expression
from segue.domain.flow.flowables import FLOWABLES
from segue.domain.flow.input_rules import (
    input_defaults,
    input_dependencies,
    input_editions,
    input_paths,
    output_values,
    trigger_inputs,
)
from segue.domain.flow.reference_rules import dashed_references
from segue.domain.flow.source import Path
from segue.domain.flow.steering import EXIT_STATES
from segue.domain.flow.tree import maps_of, walk_tasks
from segue.domain.flow.triggers import TRIGGERS
from segue.domain.flow.type_names import Kind, TypeCatalogue, canonical_flowable, canonical_trigger
from segue.domain.labels import READ_ONLY, SYSTEM_PREFIX, Label, is_valid_key, parse_labels

Rule: TypeAlias = Callable[[Mapping[str, Any]], Iterator[Fault]]

_OLD_NAMES = frozenset({"runIf", "workerGroup", "minLogLevel", "scheduleConditions", "delay", "backfill", "backfills"})
"""Properties of 1.x that are read under another name, wherever they may stand."""

RESERVED_FLOW_IDS = frozenset(
    {
        "pause",
        "resume",
        "force-run",
        "change-status",
        "kill",
        "executions",
        "search",
        "source",
        "disable",
        "enable",
    }
)


def type_faults(data: Mapping[str, Any], types: TypeCatalogue) -> Iterator[Fault]:
    """Unknown types of tasks, triggers and conditions; what plugins say about their own properties."""
    for task in walk_tasks(data):
        if task.flowable is None:
            yield from _checked_type(task.path, task.data, types, tasks.BASE_PROPERTIES, "task")
    for path, trigger in maps_of(data, "triggers"):
        if canonical_trigger(trigger.get("type")) is None:
            yield from _checked_type(path, trigger, types, triggers.BASE_PROPERTIES, "trigger")
    yield from plugin_default_faults(data, types)
    for path, owner in (*maps_of(data, "triggers"), *maps_of(data, "listeners")):
        for condition_path, condition in conditions_of(owner, path):
            if canonical_condition(condition.get("type")) is not None:
                yield from condition_faults(condition_path, condition)
            else:
                yield from _checked_type(condition_path, condition, types, frozenset({"type"}), "condition")


def _checked_type(
    path: tuple[str | int, ...], data: dict[str, Any], types: TypeCatalogue, base: frozenset[str], kind: Kind
) -> Iterator[Fault]:
    name = data.get("type")
    if not isinstance(name, str) or not name:
        return  # the model reports it
    info = types.resolve(name)
    if info is None or info.kind not in {kind, "other"}:
        yield Fault((*path, "type"), f"Invalid type: {name}")
    elif info.validate is not None:
        own = {key: value for key, value in data.items() if key not in base}
        for below, message in info.validate(own):
            yield Fault((*path, *below), message, message.startswith("Unrecognized field"))


def old_forms(data: Mapping[str, Any], types: TypeCatalogue) -> Iterator[Path]:
    """The places of deprecated types and properties of plugins (2.3)."""
    items = ((task.path, task.data) for task in walk_tasks(data))
    for path, item in (*items, *maps_of(data, "triggers")):
        name = item.get("type")
        info = types.resolve(name) if isinstance(name, str) and name else None
        if info is not None and info.old_forms is not None:
            yield from ((*path, *below) for below in info.old_forms(item))


def reserved_id(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Ids that collide with parts of URLs (2.2)."""
    flow_id = data.get("id")
    if isinstance(flow_id, str) and flow_id in RESERVED_FLOW_IDS:
        yield Fault(("id",), f"'{flow_id}' is a reserved id, append for example -flow")


def unique_ids(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Ids of tasks (in the whole tree), triggers, inputs, outputs."""
    places: dict[str, list[tuple[tuple[str | int, ...], Any]]] = {
        "task id": [(task.path, task.data.get("id")) for task in walk_tasks(data)]
    }
    for name, key in (("trigger id", "triggers"), ("input", "inputs"), ("output", "outputs")):
        places[name] = [(path, item.get("id")) for path, item in maps_of(data, key)]
    for name, found in places.items():
        texts = [(path, item) for path, item in found if isinstance(item, str)]
        counts = Counter(item for _, item in texts)
        repeated = sorted(item for item, count in counts.items() if count > 1)
        if repeated:
            path = [path for path, item in texts if item == repeated[0]][1]
            yield Fault((*path, "id"), f"Duplicate {name} with name [{', '.join(repeated)}]")


def own_subflow(data: Mapping[str, Any]) -> Iterator[Fault]:
    """A flow that starts itself by its literal name never ends."""
    for task in walk_tasks(data):
        if task.flowable in {"Subflow", "ForEachItem"}:
            target = (task.data.get("namespace"), task.data.get("flowId"))
            if target == (data.get("namespace"), data.get("id")) and target[0] is not None:
                yield Fault((*task.path, "flowId"), f"Recursive call to flow [{target[0]}.{target[1]}]")


def output_paths(data: Mapping[str, Any]) -> Iterator[Fault]:
    """No output nested below another, as for inputs: both would want the same place."""
    places = {name: path for path, item in maps_of(data, "outputs") if isinstance(name := item.get("id"), str)}
    for name, path in places.items():
        parts = name.split(".")
        for parent in (".".join(parts[:end]) for end in range(1, len(parts))):
            if parent in places:
                yield Fault(
                    (*path, "id"),
                    f"Output path '{parent}' conflicts with '{name}'; one cannot be nested under the other.",
                )


def _labels(data: Mapping[str, Any]) -> tuple[Label, ...]:
    try:
        return parse_labels(data.get("labels"))
    except ValueError:
        return ()  # the model reports it


def system_labels(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Flows, triggers and SLAs must not set labels that the system sets."""
    owners = [((), data), *maps_of(data, "triggers"), *maps_of(data, "sla")]
    for path, owner in owners:
        for key, value in _labels(owner):
            if key.startswith(SYSTEM_PREFIX) and (path or key != READ_ONLY):
                yield Fault(
                    (*path, "labels", key),
                    f"System labels can only be set by Kestra itself, offending label: {key}={value}",
                )


def label_shapes(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Keys and values of the flow's own labels."""
    for key, value in _labels(data):
        if not is_valid_key(key):
            yield Fault(
                ("labels", key),
                f"Invalid label key. '{key}' must start with a lower-case letter and hold only letters, "
                "digits, dots, underscores and hyphens",
            )
        elif not value:
            yield Fault(("labels", key), f"Invalid label value. The value of '{key}' must not be empty")


def edition_rules(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Properties the open-source original refuses as well."""
    if data.get("quotas"):
        yield Fault(("quotas",), "Quotas are only available in Enterprise Edition.")
    for task in walk_tasks(data):
        if task.data.get("assets") is not None:
            yield Fault(
                (*task.path, "assets"),
                f"Task '{task.id}' can't have any `assets` because assets are only available in Enterprise Edition.",
            )


def exit_states(data: Mapping[str, Any]) -> Iterator[Fault]:
    """An Exit in a state that no execution ends in (7.18); flows that are stored already fail at that task."""
    for task in walk_tasks(data):
        state = task.data.get("state") if task.flowable == "Exit" else None
        if isinstance(state, str) and not is_expression(state) and state.strip().upper() not in EXIT_STATES:
            yield Fault((*task.path, "state"), f"must be one of {', '.join(EXIT_STATES)}")


def plugin_default_faults(data: Mapping[str, Any], types: TypeCatalogue) -> Iterator[Fault]:
    """Plugin defaults without type or values, with values of `null`, or for properties the type has not."""
    for path, entry in maps_of(data, "pluginDefaults"):
        values, name = entry.get("values"), entry.get("type")
        if not isinstance(name, str) or not name:
            yield Fault((*path, "type"), "Invalid Plugin Default: No 'type' provided")
        if not isinstance(values, dict) or not values:
            yield Fault((*path, "values"), "Invalid Plugin Default: No 'values' provided")
            continue
        for key, value in values.items():
            if value is None:
                yield Fault((*path, "values", key), f"Invalid Plugin Default: No value provided for key '{key}'")
            elif isinstance(name, str) and not _has_property(name, key, value, types):
                yield Fault(
                    (*path, "values", key), f"Invalid Plugin Default: No property '{key}' exists in plugin '{name}'"
                )


def _has_property(type_name: str, key: str, value: Any, types: TypeCatalogue) -> bool:
    """Whether a type has a property; yes for prefixes of types and types nobody describes."""
    model = FLOWABLES.get(canonical_flowable(type_name) or "") or TRIGGERS.get(canonical_trigger(type_name) or "")
    if model is not None:
        return any(key == (info.alias or name) for name, info in model.model_fields.items()) or key in _OLD_NAMES
    if key in tasks.BASE_PROPERTIES or key in triggers.BASE_PROPERTIES or key in _OLD_NAMES:
        return True
    info = types.resolve(type_name) if "." in type_name else None
    if info is None or info.validate is None:
        return True
    return all(
        path != (key,) or not text.startswith("Unrecognized field") for path, text in info.validate({key: value})
    )


RULES: tuple[Rule, ...] = (
    unique_ids,
    own_subflow,
    system_labels,
    edition_rules,
    exit_states,
    input_paths,
    output_paths,
    input_dependencies,
    input_editions,
    dashed_references,
)
"""Rules that hold for every flow."""

RULES_OF_V2: tuple[Rule, ...] = (reserved_id, label_shapes, input_defaults, trigger_inputs, output_values)
"""Rules that came with 2.0: faults there are only warnings for a flow that uses anything of 1.x."""


def warnings_of(data: Mapping[str, Any]) -> Iterator[str]:
    """What is allowed but hardly meant."""
    for _, trigger in maps_of(data, "triggers"):
        if canonical_trigger(trigger.get("type")) == "Flow" and not any(
            trigger.get(key) for key in ("when", "conditions", "preconditions", "dependsOn", "multipleConditions")
        ):
            yield (
                f"The Flow trigger '{trigger.get('id')}' has no condition: the flow will run for every "
                "execution of every flow. Add `dependsOn` or `when`."
            )
