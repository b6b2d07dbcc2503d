"""The documentation of plugins and inputs, made from their classes (REST API 4.9, 6.11)."""

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec
from pydantic import BaseModel

import segue
from segue.domain.flow import inputs as input_models
from segue.domain.flow.conditions import CONDITION_TYPES, canonical_condition
from segue.domain.flow.flowables import FLOWABLES
from segue.domain.flow.inputs import InputBase, InputType
from segue.domain.flow.tasks import Task as TaskDefinition
from segue.domain.flow.triggers import TRIGGERS, PluginTrigger, Trigger
from segue.domain.flow.type_names import TRIGGER_PACKAGE, canonical_type, task_type
from segue.plugins.markdown import page
from segue.plugins.registry import OWN, PluginRegistry
from segue.plugins.schema_generator import JsonObject, schema_of, texts_of
from segue.plugins.schemas import Kind, editor_schema, plugins
from segue.sdk import Output, PollingTrigger, RealtimeTrigger, Task
from segue.sdk import Trigger as WorkerTrigger

_KINDS: dict[str, Kind] = {"FLOW": "flow", "TASK": "task", "TRIGGER": "trigger"}
_ROLES = {"task": "tasks", "trigger": "triggers", "condition": "conditions", "task_runner": "taskRunners"}
_OLD_FLOWABLES = {"ForEach", "EachSequential", "EachParallel", "ForEachItem", "Template", "Resume"}
_GROUP_PARTS = 4
_FLOWABLE_TYPES = frozenset(task_type(name) for name in FLOWABLES)
_INPUT_PACKAGE = "io.kestra.core.models.flows.input."
_OLD_INPUTS = {"BOOLEAN": InputType.BOOL, "ENUM": InputType.SELECT}

Made = TypeVar("Made")


class Element:
    """One type: of a plugin, or of the language itself."""

    def __init__(
        self, type_name: str, kind: str, model: type[BaseModel], *, is_deprecated: bool = False, origin: str = OWN
    ) -> None:
        """``origin`` is who brings it: this distribution, another one with its version, or a folder."""
        self.type = type_name
        self.origin = origin
        self.kind = kind
        self.model = model
        self.is_deprecated = is_deprecated

    @property
    def own(self) -> set[str]:
        """Names of the properties that not all of its like have."""
        own = set(self.model.model_fields)
        if self.kind == "task":
            return own - set(TaskDefinition.model_fields)
        return own - set(Trigger.model_fields) if self.kind == "trigger" else own


class Library:
    """Implements ``PluginLibrary`` over a registry. Everything is made once, when it is first asked for."""

    def __init__(self, registry: PluginRegistry) -> None:
        self._registry = registry
        self._made: dict[tuple[str, ...], Any] = {}
        self._lock = threading.RLock()  # what is made may need something else that is made

    def _once(self, key: tuple[str, ...], make: Callable[[], Made]) -> Made:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            found: Made = self._made[key]
            return found

    def schema(self, kind: str) -> bytes | None:
        """See ``PluginLibrary.schema``."""
        name = _KINDS.get(kind.upper())
        if name is None:
            return None
        return self._once(("schema", name), lambda: msgspec.json.encode(editor_schema(self._registry, name)))

    def _elements(self) -> dict[str, Element]:
        return self._once(("elements",), lambda: {one.type: one for one in _elements(self._registry)})

    def plugins(self) -> Sequence[JsonObject]:
        """See ``PluginLibrary.plugins``."""
        return self._once(("plugins",), self._all_groups)

    def _all_groups(self) -> list[JsonObject]:
        """The groups, and after them one for each of what is installed and cannot be used."""
        groups = _grouped(self._elements().values(), by_subgroup=False)
        for broken, reason in sorted(self._registry.faults().items()):
            name = broken.rpartition("/")[2]  # of a folder: where it lies is nobody's business here
            group = _group_of(name)
            entry = next((one for one in groups if one["group"] == group), None)
            if entry is None:
                entry = _group(group, group, "")
                groups.append(entry)
            entry.setdefault("errors", []).append({"cls": name, "error": reason})
        return groups

    def subgroups(self) -> Sequence[JsonObject]:
        """See ``PluginLibrary.subgroups``."""
        return self._once(("subgroups",), lambda: _grouped(self._elements().values(), by_subgroup=True))

    def types(self) -> Sequence[str]:
        """The names of all types, of plugins and of the language."""
        return sorted(self._elements())

    def icons(self) -> Mapping[str, JsonObject]:
        """See ``PluginLibrary.icons``."""
        return self._once(
            ("icons",), lambda: {one.type: _icon(one) for one in self._elements().values() if _svg(one.model)}
        )

    def group_icons(self) -> Mapping[str, JsonObject]:
        """See ``PluginLibrary.group_icons``."""
        found: dict[str, JsonObject] = {}
        for name, icon in sorted(self.icons().items()):
            found.setdefault(_group_of(name), {**icon, "name": _group_of(name)})
        return found

    def triggers(self) -> Sequence[JsonObject]:
        """See ``PluginLibrary.triggers``."""
        return [
            {"type": one.type, "name": _name(one.type), "ee": False, "deprecated": one.is_deprecated}
            | {"description": _texts(one.model)["title"]}
            for one in self._elements().values()
            if one.kind == "trigger"
        ]

    def document(self, type_name: str, *, everything: bool = False) -> JsonObject | None:
        """See ``PluginLibrary.document``."""
        found = self._find(type_name)
        if found is None:
            return None
        return self._once(("document", found.type, str(everything)), lambda: _document(found, everything))

    def _find(self, type_name: str) -> Element | None:
        elements = self._elements()
        alias = canonical_condition(type_name) or self._registry.canonical(type_name) or canonical_type(type_name)
        by_case = {name.lower(): name for name in elements}
        return elements.get(alias) or elements.get(by_case.get(type_name.lower(), ""))

    def input_types(self) -> Mapping[str, str]:
        """See ``PluginLibrary.input_types``."""
        return {kind.value: _INPUT_PACKAGE + model.__name__ for kind, model in _inputs().items()}

    def input_document(self, input_type: str) -> JsonObject | None:
        """See ``PluginLibrary.input_document``."""
        name = input_type.upper()
        kind = _OLD_INPUTS.get(name)
        model = _inputs().get(kind or name)  # type: ignore[call-overload]  # a text equals its type
        if model is None:
            return None
        element = Element(name, "input", model)
        return self._once(("input", name), lambda: _document(element, everything=True))


def _inputs() -> dict[InputType, type[InputBase]]:
    models = [one for one in vars(input_models).values() if isinstance(one, type) and issubclass(one, InputBase)]
    return {one.model_fields["type"].default: one for one in models if "type" in one.model_fields}


def _elements(registry: PluginRegistry) -> Iterator[Element]:
    for name, model in FLOWABLES.items():
        yield Element(task_type(name), "task", model, is_deprecated=name in _OLD_FLOWABLES)
    for name, trigger in TRIGGERS.items():
        yield Element(TRIGGER_PACKAGE + name, "trigger", trigger)
    for name, condition in CONDITION_TYPES.items():
        yield Element(name, "condition", condition, is_deprecated=True)
    for name, kind, plugin in plugins(registry):
        is_deprecated = bool(getattr(plugin, "deprecated", ""))
        yield Element(name, kind, plugin, is_deprecated=is_deprecated, origin=registry.origin(name))


def _grouped(elements: Any, *, by_subgroup: bool) -> list[JsonObject]:
    groups: dict[str, JsonObject] = {}
    for element in sorted(elements, key=lambda one: str(one.type)):
        package, group = element.type.rpartition(".")[0], _group_of(element.type)
        name = package if by_subgroup else group
        sub = {"subGroup": package} if by_subgroup else {}
        entry = groups.setdefault(name, _group(group, name, element.origin) | sub)
        shown = {"cls": element.type, "deprecated": element.is_deprecated} | _texts(element.model)
        entry[_ROLES[element.kind]].append(shown)
    return list(groups.values())


def _group_of(type_name: str) -> str:
    package = type_name.rpartition(".")[0] or type_name
    return ".".join(package.split(".")[:_GROUP_PARTS])


def _group(group: str, name: str, origin: str) -> JsonObject:
    """A group without types; those of a distribution have its version."""
    others = ("controllers", "storages", "secrets", "taskRunners", "charts", "additionalPlugins")
    return {
        "name": group.rpartition(".")[2],
        "title": name.rpartition(".")[2],
        "group": group,
        "version": segue.__version__ if origin == OWN else _version(origin),
        "manifest": {},
        "guides": [],
        "aliases": [],
        "categories": [],
        **dict.fromkeys(others, ()),
        **{role: [] for role in _ROLES.values()},
    }


def _version(origin: str) -> str:
    return "" if "/" in origin or " " not in origin else origin.rpartition(" ")[2]


def _svg(model: type[BaseModel]) -> str:
    return str(getattr(model, "icon", ""))


def _icon(element: Element) -> JsonObject:
    """The icon of a type (REST API 4.9)."""
    svg = _svg(element.model).encode()
    return {
        "name": element.type,
        "icon": base64.b64encode(svg).decode(),
        "flowable": element.type in _FLOWABLE_TYPES,
        "monochrome": b"currentColor" in svg,
        "hash": hashlib.sha256(svg).hexdigest()[:16],
    }


def _name(type_name: str) -> str:
    return type_name.rpartition(".")[2]


def _texts(model: type[BaseModel]) -> JsonObject:
    title, description = texts_of(model)
    return {"title": title} | ({"description": description} if description else {})


def _document(element: Element, everything: bool) -> JsonObject:
    schema = schema_of(element.model)
    base = TaskDefinition if issubclass(element.model, Task) else PluginTrigger
    if everything and issubclass(element.model, Task | WorkerTrigger):
        common = schema_of(base)
        schema["properties"] = common["properties"] | schema.get("properties", {})
        schema["required"] = [*common.get("required", ()), *schema.get("required", ())]
        schema["definitions"] = common["definitions"] | schema["definitions"]
    elif not everything:
        names = {info.alias or name for name, info in element.model.model_fields.items() if name in element.own}
        schema["properties"] = {key: part for key, part in schema.get("properties", {}).items() if key in names}
        schema["required"] = [name for name in schema.get("required", ()) if name in names]
    definitions = schema.pop("definitions")
    schema["$examples"] = [
        {"title": one.title, "code": one.code, "lang": "yaml"} for one in getattr(element.model, "examples", ())
    ]
    outputs = _outputs(element.model)
    found: JsonObject = {"properties": schema, "definitions": definitions | outputs.pop("definitions", {})}
    found["outputs"] = outputs
    return {"markdown": page(element.type, element.model, found, is_deprecated=element.is_deprecated), "schema": found}


def _outputs(model: type[BaseModel]) -> JsonObject:
    """The schema of what the task's `run`, or the trigger's `poll` or `stream`, returns, as far as its annotation
    says."""
    code: Any = None
    if issubclass(model, Task):
        code = model.run
    elif issubclass(model, PollingTrigger):
        code = model.poll
    elif issubclass(model, RealtimeTrigger):
        code = model.stream
    try:
        result = get_type_hints(code).get("return")
    except (NameError, TypeError):
        return {"properties": {}}
    for kind in (result, *get_args(result)):
        if isinstance(kind, type) and issubclass(kind, Output):
            return schema_of(kind, "serialization")
    return {"properties": {}}
