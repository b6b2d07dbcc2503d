"""From type names to the classes of plugins, loaded when first needed.

Plugins of other distributions and of folders are found as ``segue.plugins.discovery`` says. Modules are imported only
when a flow names the type.
"""

import contextlib
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from segue.domain.errors import UnavailableError
from segue.domain.flow.faults import faults_in
from segue.domain.flow.type_names import Fault, Kind, TriggerTraits, TypeInfo
from segue.plugins.catalogue import ALIASES, REFUSED, TYPES
from segue.plugins.discovery import Installed, Place
from segue.plugins.old_forms import old_forms
from segue.sdk import PollingTrigger, RealtimeTrigger, Task, TaskRunner, Trigger, validation_context

OWN = "segue"
"""Who brings the types of this distribution."""

Plugin: TypeAlias = Task | TaskRunner | Trigger
Wanted = TypeVar("Wanted", Task, TaskRunner, Trigger)

_KINDS: tuple[tuple[type[Plugin], Kind], ...] = (
    (Task, "task"),
    (TaskRunner, "task_runner"),
    (Trigger, "trigger"),
)


class PluginRegistry:
    """All plugin types this process can run. Implements the parser's ``TypeCatalogue``."""

    def __init__(
        self, extra: Mapping[str, str] | None = None, *, installed: bool = True, folders: Iterable[Path] = ()
    ) -> None:
        """``extra`` maps type names to ``module:Class``; ``installed`` adds what other distributions and the modules
        in ``folders`` bring, which cannot replace a type of this distribution."""
        self._paths: dict[str, str] = {**TYPES, **(extra or {})}
        self._origins: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._aliases = {alias.lower(): name for alias, name in ALIASES.items()}
        self._installed = Installed(folders) if installed else None
        if self._installed is not None:
            self._know(self._installed.places)
        self._classes: dict[str, type[Plugin]] = {}
        self._infos: dict[str, TypeInfo] = {}

    def add(self, plugin: type[Plugin]) -> None:
        """Know one class more, under its own name and aliases; over one of the same name."""
        self._paths[plugin.type] = f"{plugin.__module__}:{plugin.__qualname__}"
        self._classes[plugin.type] = plugin
        self._infos.pop(plugin.type, None)
        self._aliases.update((alias.lower(), plugin.type) for alias in plugin.aliases)

    def types(self) -> list[str]:
        """The canonical names of all types, sorted. Reads everything that is installed."""
        if self._installed is not None:
            self._know(self._installed.learn())
        return sorted(self._paths)

    def canonical(self, type_name: str) -> str | None:
        """The current name of a type: names match exactly, aliases whatever their case; None if unknown."""
        name = self._known(type_name)
        while name is None and self._installed is not None and not self._installed.is_read:
            self._know(self._installed.learn(type_name))
            name = self._known(type_name)
        return name

    def origin(self, name: str) -> str:
        """Who brings a type: a distribution with its version, or a folder."""
        return self._origins.get(name, OWN)

    def faults(self) -> Mapping[str, str]:
        """What is installed and cannot be used: names of types, modules or folders, and why.

        Loads every type.
        """
        for name in self.types():
            with contextlib.suppress(UnavailableError):
                self.find(name)
        found = {} if self._installed is None else self._installed.faults
        return {**found, **self._errors}

    def _known(self, type_name: str) -> str | None:
        return type_name if type_name in self._paths else self._aliases.get(type_name.lower())

    def _know(self, places: Mapping[str, Place]) -> None:
        for name, place in places.items():
            if name not in self._paths:
                self._paths[name] = place.path
                self._origins[name] = place.origin
                for alias in place.aliases:
                    self._aliases.setdefault(alias.lower(), name)

    def find(self, type_name: str) -> type[Task] | None:
        """The class of a task's type or alias, None if there is none.

        Raises ``UnavailableError`` when it exists but cannot be loaded, naming the module that is missing.
        """
        return self._find(type_name, Task)

    def find_runner(self, type_name: str) -> type[TaskRunner] | None:
        """The class of a task runner's type or alias. As ``find``."""
        return self._find(type_name, TaskRunner)

    def find_trigger(self, type_name: str) -> type[Trigger] | None:
        """The class of a trigger's type or alias. As ``find``."""
        return self._find(type_name, Trigger)

    def resolve(self, type_name: str) -> TypeInfo | None:
        """What the parser wants to know about a type or alias, None if there is none.

        A type that cannot be loaded is known: no flow that uses it is valid, and the fault says why.
        """
        if type_name in REFUSED:
            return TypeInfo("other", type_name, lambda _: [(("type",), REFUSED[type_name])])
        name = self.canonical(type_name)
        if name is None:
            return None
        info = self._infos.get(name)
        if info is None:
            try:
                info = self._infos[name] = self._describe(name)
            except UnavailableError as error:
                fault: Fault = (("type",), error.message)
                info = self._infos[name] = TypeInfo("task", name, lambda _: [fault])
        return info

    def load(self, name: str) -> type[Plugin]:
        """The class of a canonical name, of whatever kind; what went wrong once is not tried again.

        Raises ``UnavailableError``, as ``find``.
        """
        if name in self._errors:
            raise UnavailableError(self._errors[name])
        found = self._classes.get(name)
        if found is None:
            try:
                found = self._classes[name] = _load(name, self._paths[name])
            except UnavailableError as error:
                self._errors[name] = error.message
                raise
        return found

    def _find(self, type_name: str, kind: type[Wanted]) -> type[Wanted] | None:
        name = self.canonical(type_name)
        found = None if name is None else self.load(name)
        return found if found is not None and issubclass(found, kind) else None

    def _describe(self, name: str) -> TypeInfo:
        plugin, context = self.load(name), validation_context(self)

        def validate(properties: Mapping[str, Any]) -> list[Fault]:
            try:
                plugin.model_validate(dict(properties), by_alias=True, by_name=False, context=context)
            except ValidationError as error:
                return [(fault.path, fault.message) for fault in faults_in(dict(properties), error)]
            return []

        kind = next(kind for base, kind in _KINDS if issubclass(plugin, base))
        return TypeInfo(
            kind=kind,
            canonical=name,
            validate=validate,
            aliases=plugin.aliases,
            trigger=_traits(plugin) if issubclass(plugin, Trigger) else None,
            old_forms=lambda properties: old_forms(plugin, properties),
        )


def _traits(plugin: type[Trigger]) -> TriggerTraits | None:
    if issubclass(plugin, PollingTrigger):
        return TriggerTraits("POLLING", plugin.model_fields["interval"].default)
    return TriggerTraits("REALTIME") if issubclass(plugin, RealtimeTrigger) else None


def _load(name: str, path: str) -> type[Plugin]:
    module_name, _, class_name = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in class_name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # whatever the code of a plugin does when it is imported
        reason = str(error) or type(error).__name__
        raise UnavailableError(f"The plugin '{name}' cannot be loaded from '{path}': {reason}") from error
    if not (isinstance(found, type) and issubclass(found, Task | TaskRunner | Trigger)):
        raise UnavailableError(
            f"The plugin '{name}' cannot be loaded: '{path}' is neither a task nor a task runner nor a trigger"
        )
    return found
