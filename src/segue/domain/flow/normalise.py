"""1.x spellings to the internal model (flow language 2.14, 15 and 16). The text itself is never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from segue.domain.flow.conditions import canonical_condition, conditions_of
from segue.domain.flow.source import Path
from segue.domain.flow.tree import RawTask, format_path, maps_of, walk_tasks
from segue.domain.flow.type_names import canonical_trigger, canonical_type

Canonical: TypeAlias = Callable[[str], str]

_INPUT_TYPES = {"BOOLEAN": "BOOL", "ENUM": "SELECT"}
_FLOWABLES_OF_V1 = {"ForEach", "EachSequential", "EachParallel", "ForEachItem", "Template", "Resume"}
_IGNORED_OF_SCHEDULE = ("backfill", "backfills")


@dataclass(slots=True)
class Notes:
    """What was found while normalising.

    `origins` maps a path of the normalised data to the path in the text, for renamed properties only.
    `is_v1` says that the flow uses something the original's 2.0 does not read any more.
    """

    origins: dict[Path, Path] = field(default_factory=dict)
    deprecated: list[Path] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)
    is_v1: bool = False

    @property
    def deprecation_paths(self) -> tuple[str, ...]:
        """The deprecated places as texts, each once, in the order found."""
        return tuple(dict.fromkeys(format_path(path) for path in self.deprecated))

    def deprecate(self, path: Path, still_in_v2: bool = False) -> None:
        """Note that `path` is an old spelling."""
        self.deprecated.append(path)
        self.is_v1 = self.is_v1 or not still_in_v2

    def origin(self, path: Path) -> Path:
        """Return where `path` of the normalised data stands in the text."""
        for end in range(len(path), 0, -1):
            if (found := self.origins.get(path[:end])) is not None:
                return found + path[end:]
        return path


def normalise(data: dict[str, Any], canonical: Canonical = canonical_type) -> Notes:
    """Rewrite old spellings in `data`, in place, and tell which there were.

    `canonical` turns an alias of a type into its current name; types themselves are not rewritten.

    A property that is there in both spellings is left alone, so that the old one is reported as unknown.
    """
    notes = Notes()
    _rename(data, (), "taskDefaults", "pluginDefaults", notes)
    for key in ("pluginDefaults", "listeners"):
        if data.get(key) is not None and (key,) not in notes.origins:
            notes.deprecate((key,))
    _worker_group(data, (), notes)
    _retry(data, (), notes)
    for path, check in maps_of(data, "checks"):
        _rename(check, path, "condition", "when", notes, still_in_v2=True)
    _inputs(data, (), "inputs", notes)
    for path, trigger in maps_of(data, "triggers"):
        _type_alias(trigger, path, notes, canonical)
        _trigger(path, trigger, notes)
    for path, listener in maps_of(data, "listeners"):
        _conditions(listener, path, notes)
    for task in walk_tasks(data):
        _type_alias(task.data, task.path, notes, canonical)
        _task(task, notes)
    return notes


def _rename(data: dict[str, Any], path: Path, old: str, new: str, notes: Notes, *, still_in_v2: bool = False) -> None:
    if old in data and new not in data:
        data[new] = data.pop(old)
        notes.origins[(*path, new)] = (*path, old)
        notes.deprecate((*path, old), still_in_v2)


def _task(task: RawTask, notes: Notes) -> None:
    data, path = task.data, task.path
    _rename(data, path, "runIf", "when", notes, still_in_v2=True)
    _worker_group(data, path, notes)
    _retry(data, path, notes)
    if task.flowable in _FLOWABLES_OF_V1:
        notes.deprecate((*path, "type"))
    if task.flowable == "Pause":
        _rename(data, path, "delay", "pauseDuration", notes)
        if data.get("tasks"):
            notes.deprecate((*path, "tasks"))
        _inputs(data, path, "onResume", notes)
    elif task.flowable == "Subflow" and data.get("outputs"):
        notes.deprecate((*path, "outputs"))
    elif task.flowable == "Approval":
        _inputs(data, path, "inputs", notes)


def _type_alias(data: dict[str, Any], path: Path, notes: Notes, canonical: Canonical) -> None:
    name = data.get("type")
    if isinstance(name, str) and (current := canonical(name)) != name:
        notes.deprecate((*path, "type"))
        notes.infos.append(f"{name} was renamed to {current}")


def _conditions(owner: dict[str, Any], path: Path, notes: Notes) -> None:
    for place, condition in conditions_of(owner, path):
        name = condition.get("type")
        current = canonical_condition(name)
        if current is not None and current != name:
            notes.deprecate((*place, "type"))
            notes.infos.append(f"{name} was renamed to {current}")


def _trigger(path: Path, data: dict[str, Any], notes: Notes) -> None:
    _rename(data, path, "minLogLevel", "logLevel", notes)
    _worker_group(data, path, notes)
    for key in ("conditions", "preconditions", "multipleConditions"):
        if data.get(key) is not None:
            notes.deprecate((*path, key))
    if canonical_trigger(data.get("type")) == "Schedule":
        for key in _IGNORED_OF_SCHEDULE:
            if data.pop(key, None) is not None:
                notes.deprecate((*path, key))
        _schedule_conditions(path, data, notes)
    _conditions(data, path, notes)


def _schedule_conditions(path: Path, data: dict[str, Any], notes: Notes) -> None:
    """All conditions must hold, so the two lists of a schedule are one."""
    old, new = data.get("scheduleConditions"), data.get("conditions")
    if isinstance(old, list) and isinstance(new, list):
        for index in range(len(old)):
            notes.origins[(*path, "conditions", len(new) + index)] = (*path, "scheduleConditions", index)
        data["conditions"] = new + data.pop("scheduleConditions")
        notes.deprecate((*path, "scheduleConditions"))
    else:
        _rename(data, path, "scheduleConditions", "conditions", notes)


def _inputs(data: dict[str, Any], path: Path, key: str, notes: Notes) -> None:
    for input_path, item in maps_of(data, key, path):
        _rename(item, input_path, "name", "id", notes)
        kind = item.get("type")
        if isinstance(kind, str) and kind in _INPUT_TYPES:
            item["type"] = _INPUT_TYPES[kind]
            notes.deprecate((*input_path, "type"))
        if item.get("type") == "MULTISELECT":
            _rename(item, input_path, "options", "values", notes)
        if item.get("type") == "FILE" and "extension" in item:
            notes.deprecate((*input_path, "extension"))
        if item.get("type") == "FORM":
            _inputs(item, input_path, "inputs", notes)


def _retry(data: dict[str, Any], path: Path, notes: Notes) -> None:
    if isinstance(retry := data.get("retry"), dict):
        _rename(retry, (*path, "retry"), "maxAttempt", "maxAttempts", notes)


def _worker_group(data: dict[str, Any], path: Path, notes: Notes) -> None:
    """`workerGroup: {key, fallback}` means one tag that must be there, and waiting (flow language 6.6)."""
    group = data.get("workerGroup")
    if not isinstance(group, dict) or "workerSelector" in data:
        return
    selector: dict[str, Any] = {name: value for name, value in group.items() if name not in {"key", "fallback"}}
    if "key" in group:
        selector["tags"] = [group["key"]]
        notes.origins[(*path, "workerSelector", "tags")] = (*path, "workerGroup", "key")
    selector["match"] = "ALL"
    selector["fallback"] = group.get("fallback") or "WAIT"
    del data["workerGroup"]
    data["workerSelector"] = selector
    notes.origins[(*path, "workerSelector")] = (*path, "workerGroup")
    notes.deprecate((*path, "workerGroup"))
