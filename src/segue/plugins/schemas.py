"""The JSON schemas of flows, tasks and triggers, with all plugins in them (REST API 4.9, 6.11)."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel

from segue.domain.errors import UnavailableError
from segue.domain.flow.conditions import CONDITION_TYPES
from segue.domain.flow.flowables import FLOWABLES
from segue.domain.flow.model import Flow
from segue.domain.flow.tasks import RunnableTask
from segue.domain.flow.triggers import TRIGGERS
from segue.domain.flow.type_names import TRIGGER_PACKAGE, task_type
from segue.plugins.registry import PluginRegistry
from segue.plugins.schema_generator import REF, JsonObject, rename_references, schema_of
from segue.sdk import Task, Trigger
from segue.sdk.runner import RUNNER_MARK, TaskRunner

DRAFT = "http://json-schema.org/draft-07/schema#"
Kind = Literal["flow", "task", "trigger"]

PluginKind = Literal["task", "trigger", "task_runner"]

_TASK, _TRIGGER, _CONDITION, _RUNNER = "AnyTask", "AnyTrigger", "Condition", "AnyTaskRunner"
_BASES = {"task": "RunnableTask", "trigger": "PluginTrigger"}
_UNIONS: dict[str, str] = {"task": _TASK, "trigger": _TRIGGER, "task_runner": _RUNNER}
_PLUGIN_KINDS: dict[str, PluginKind] = {"task": "task", "trigger": "trigger", "task_runner": "task_runner"}
_LANGUAGE = {task_type(name): name for name in FLOWABLES} | {
    TRIGGER_PACKAGE + name: model.__name__ for name, model in TRIGGERS.items()
}
_OLD_NAMES: dict[str, dict[str, str]] = {
    "Flow": {"taskDefaults": "pluginDefaults"},
    "RunnableTask": {"runIf": "when"},
    "PluginTrigger": {"minLogLevel": "logLevel"},
    "ScheduleTrigger": {"scheduleConditions": "conditions"},
    "Pause": {"delay": "pauseDuration"},
    "Check": {"condition": "when"},
    "MultiselectInput": {"options": "values"},
    "ConstantRetry": {"maxAttempt": "maxAttempts"},
    "ExponentialRetry": {"maxAttempt": "maxAttempts"},
    "RandomRetry": {"maxAttempt": "maxAttempts"},
}
_CONDITIONS = frozenset({"when", "runIf", "condition"})
_BACKFILLS = ("backfill", "backfills")
_IGNORED = "Has no effect any more; backfills are made through the API."
_OLD_TYPES = {"BoolInput": "BOOLEAN", "SelectInput": "ENUM"}
_WORKER_GROUP: JsonObject = {
    "type": "object",
    "properties": {"key": {"type": "string"}, "fallback": {"type": "string", "enum": ["WAIT", "FAIL", "CANCEL"]}},
    "required": ["key"],
    "description": "Which workers may do the work (1.x).",
    "deprecated": True,
    "$deprecated": True,
}


def editor_schema(registry: PluginRegistry, kind: Kind) -> JsonObject:
    """The schema of a flow, of a task or of a trigger. Plugins that cannot be loaded are left out."""
    schema = schema_of(Flow)
    definitions: JsonObject = schema.pop("definitions")
    _old_spellings(schema, definitions)
    bases = {name: definitions.pop(base) for name, base in _BASES.items()}
    definitions = rename_references(definitions, {name: type_name for type_name, name in _LANGUAGE.items()})
    for type_name, name in _LANGUAGE.items():
        definitions[type_name] = _of_type(definitions.pop(name), type_name)
    members: dict[str, list[str]] = {
        _TASK: [task_type(name) for name in FLOWABLES],
        _TRIGGER: [TRIGGER_PACKAGE + name for name in TRIGGERS],
        _CONDITION: list(CONDITION_TYPES),
        _RUNNER: [],
    }
    for type_name, of_kind, model in plugins(registry):
        own = _joined(bases.get(of_kind, {"properties": {}}), _own_schema(model, type_name, definitions))
        definitions[type_name] = _of_type(own, type_name)
        members[_UNIONS[of_kind]].append(type_name)
    _conditions(definitions)
    for union, names in members.items():
        definitions[union] = {"anyOf": [{"$ref": REF + name} for name in sorted(names)]} if names else {}
    schema = rename_references(schema, {}) if kind == "flow" else {"allOf": [{"$ref": REF + _UNIONS[kind]}]}
    return {"$schema": DRAFT, **schema, "definitions": dict(sorted(definitions.items()))}


def plugins(registry: PluginRegistry) -> Iterable[tuple[str, PluginKind, type[BaseModel]]]:
    """Type, kind and class of all plugins that can be loaded."""
    for type_name in registry.types():
        try:
            info, model = registry.resolve(type_name), registry.load(type_name)
        except UnavailableError:
            continue
        if info is not None and info.kind in _PLUGIN_KINDS:
            yield type_name, _PLUGIN_KINDS[info.kind], model


def base_properties() -> JsonObject:
    """The schema of what every task has."""
    return schema_of(RunnableTask)


def _own_schema(model: type[BaseModel], type_name: str, definitions: JsonObject) -> JsonObject:
    """The schema of a plugin's own properties; its definitions go to the others under names of their own."""
    own = schema_of(model)
    below: JsonObject = own.pop("definitions")
    names = {name: f"{type_name}.{name}" for name in below}
    definitions.update({names[name]: rename_references(definition, names) for name, definition in below.items()})
    found: JsonObject = rename_references(own, names)
    for name, part in found.get("properties", {}).items():
        if RUNNER_MARK in part:
            found["properties"][name] = {
                "allOf": [{"$ref": REF + _RUNNER}],
                **{key: part[key] for key in ("description", "$required") if key in part},
            }
    if issubclass(model, Task | TaskRunner | Trigger) and model.examples:
        found["$examples"] = [{"title": example.title, "code": example.code} for example in model.examples]
    return found


def _joined(base: JsonObject, own: JsonObject) -> JsonObject:
    """Common properties and those of a plugin; the plugin's title and description."""
    required = [*base.get("required", ()), *own.get("required", ())]
    return {
        **own,
        "type": "object",
        "properties": {**base["properties"], **own.get("properties", {})},
        "required": list(dict.fromkeys(required)),
        "additionalProperties": False,
    }


def _of_type(definition: JsonObject, type_name: str) -> JsonObject:
    """The definition for exactly one type."""
    properties = {
        **definition["properties"],
        "type": {"const": type_name, "description": "The type.", "$required": True},
    }
    required = list(dict.fromkeys([*definition.get("required", ()), "type"]))
    return {**definition, "properties": properties, "required": required}


def _conditions(definitions: JsonObject) -> None:
    any_condition = {"$ref": REF + _CONDITION}
    for type_name, model in CONDITION_TYPES.items():
        own = schema_of(model)
        inner = own.get("properties", {}).get("conditions")
        if inner is not None:
            inner["additionalProperties" if inner.get("type") == "object" else "items"] = any_condition
        below: JsonObject = own.pop("definitions")
        definitions.update({name: part for name, part in below.items() if name not in definitions})
        definitions[type_name] = _of_type({"properties": {}, **own}, type_name) | {"deprecated": True}


def _old_spellings(flow: JsonObject, definitions: JsonObject) -> None:
    """Add the properties of 1.x that are still read, marked as deprecated."""
    everywhere: Mapping[str, JsonObject] = {"Flow": flow, **definitions}
    for name, definition in everywhere.items():
        names = dict(_OLD_NAMES.get(name, {}))
        if name in FLOWABLES:
            names |= _OLD_NAMES["RunnableTask"]
        if name.endswith("Trigger"):
            names |= _OLD_NAMES["PluginTrigger"]
        properties = definition.get("properties", {})
        for old, new in names.items() if properties else ():
            properties[old] = {**properties[new], "deprecated": True, "$deprecated": True}
        for condition in _CONDITIONS & properties.keys():
            if properties[condition].get("type") == "string":
                properties[condition] = {**properties[condition], "type": ["string", "boolean"]}
        if name == "ScheduleTrigger":
            properties |= {
                old: {"deprecated": True, "$deprecated": True, "description": _IGNORED} for old in _BACKFILLS
            }
        if "workerSelector" in properties:
            properties["workerGroup"] = _WORKER_GROUP
        if name in _OLD_TYPES:
            properties["type"] = properties["type"] | {"enum": [properties["type"].pop("const"), _OLD_TYPES[name]]}
        if name.endswith("Input") and "required" in definition:
            properties["name"] = {
                "type": "string",
                "deprecated": True,
                "$deprecated": True,
                "description": "The id (1.x).",
            }
            definition["required"] = [one for one in definition["required"] if one != "id"]
    _optional_when_old(everywhere)


def _optional_when_old(definitions: Mapping[str, JsonObject]) -> None:
    """A property that may be there under its old name cannot be required under the new one."""
    for name, names in _OLD_NAMES.items():
        definition: Any = definitions.get(name)
        if definition is not None and "required" in definition:
            definition["required"] = [one for one in definition["required"] if one not in names.values()]
