"""Type names the language itself knows, with 1.x aliases (flow language 16); the catalogue of all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from segue.domain.flow.source import Path

FLOW_PACKAGE = "io.kestra.plugin.core.flow."
TRIGGER_PACKAGE = "io.kestra.plugin.core.trigger."
_OLD_FLOW_PACKAGE = "io.kestra.core.tasks.flows."
_OLD_TRIGGER_PACKAGE = "io.kestra.core.models.triggers.types."

_FLOWABLES = (
    "Sequential",
    "AllowFailure",
    "Parallel",
    "Dag",
    "If",
    "Switch",
    "ForEach",
    "EachSequential",
    "EachParallel",
    "Loop",
    "LoopUntil",
    "Pause",
    "Approval",
    "WorkingDirectory",
    "Subflow",
    "ForEachItem",
    "Template",
)
_NEVER_OLD = {"ForEach", "Loop", "LoopUntil", "Approval"}
_TRIGGERS = ("Schedule", "ScheduleOnDates", "Webhook", "Flow")

_FLOWABLE_NAMES = (
    {FLOW_PACKAGE + name: name for name in _FLOWABLES}
    | {_OLD_FLOW_PACKAGE + name: name for name in _FLOWABLES if name not in _NEVER_OLD}
    | {
        _OLD_FLOW_PACKAGE + "Flow": "Subflow",
        _OLD_FLOW_PACKAGE + "Worker": "WorkingDirectory",
        FLOW_PACKAGE + "WaitFor": "LoopUntil",
    }
)
_EXECUTION_PACKAGE = "io.kestra.plugin.core.execution."
_OLD_EXECUTION_PACKAGE = "io.kestra.core.tasks.executions."
_STEERING_NAMES = {
    _EXECUTION_PACKAGE + name: name for name in ("Exit", "Labels", "Resume", "SetVariables", "UnsetVariables")
} | {_OLD_EXECUTION_PACKAGE + name: name for name in ("Labels", "Resume")}
_TRIGGER_NAMES = {TRIGGER_PACKAGE + name: name for name in _TRIGGERS} | {
    _OLD_TRIGGER_PACKAGE + name: name for name in ("Schedule", "Webhook", "Flow")
}

STEERING: frozenset[str] = frozenset(_STEERING_NAMES.values())
"""Class names of tasks that change the execution and hold no other tasks."""


def task_type(class_name: str) -> str:
    """Return the canonical type of a task that the engine runs itself, by its class name."""
    return (_EXECUTION_PACKAGE if class_name in STEERING else FLOW_PACKAGE) + class_name


Kind: TypeAlias = Literal["task", "trigger", "condition", "task_runner", "other"]
Fault: TypeAlias = tuple[Path, str]
"""A path below the task or trigger, and what is wrong there."""


@dataclass(frozen=True, slots=True)
class TriggerTraits:
    """How workers evaluate the triggers of a type: every `interval` unless they say otherwise, or all the time."""

    kind: Literal["POLLING", "REALTIME"]
    interval: timedelta | None = None


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What the registry of plugins knows about a type.

    `validate` takes the properties of the plugin itself (those of section 6 or 12.1 are left out), as they
    are in the YAML, and returns the faults in them. `old_forms` takes the same and returns the paths of what is
    deprecated: `type` for the whole, or properties.
    """

    kind: Kind
    canonical: str
    validate: Callable[[Mapping[str, Any]], Sequence[Fault]] | None = None
    aliases: frozenset[str] = frozenset()
    trigger: TriggerTraits | None = None
    old_forms: Callable[[Mapping[str, Any]], Iterable[Path]] | None = None


class TypeCatalogue(Protocol):
    """The look-up of types handed to the parser."""

    def resolve(self, type_name: str) -> TypeInfo | None:
        """Return what is known about a type or alias, `None` if nothing is."""


@runtime_checkable
class AliasCatalogue(Protocol):
    """A catalogue that knows names without loading what they name."""

    def canonical(self, type_name: str) -> str | None:
        """Return the current name of a type or alias, `None` if it is neither."""


def current_name(type_name: str, types: TypeCatalogue) -> str:
    """Return the current name of a type, itself if nothing is known; loads no plugin if that can be avoided."""
    own = canonical_type(type_name)
    if own != type_name or "." not in type_name:
        return own
    if isinstance(types, AliasCatalogue):
        return types.canonical(type_name) or type_name
    info = types.resolve(type_name)
    return type_name if info is None else info.canonical


def canonical_flowable(type_name: Any) -> str | None:
    """Return the class name of a type or alias of a task that the engine runs itself, e.g. `Subflow`, or `None`."""
    if not isinstance(type_name, str):
        return None
    return _FLOWABLE_NAMES.get(type_name) or _STEERING_NAMES.get(type_name)


def canonical_trigger(type_name: Any) -> str | None:
    """Return the class name of a core trigger's type or alias, e.g. `Schedule`; `None` for other types."""
    return _TRIGGER_NAMES.get(type_name) if isinstance(type_name, str) else None


def canonical_type(type_name: str) -> str:
    """Return the canonical spelling of a type the language knows, any other as it is."""
    if name := _STEERING_NAMES.get(type_name):
        return _EXECUTION_PACKAGE + name
    if name := canonical_flowable(type_name):
        return FLOW_PACKAGE + name
    if name := canonical_trigger(type_name):
        return TRIGGER_PACKAGE + name
    return type_name
