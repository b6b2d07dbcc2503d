"""From type names to plugin classes, loaded when first needed.

Plugins of other distributions are found through the entry point group ``segue.plugins``: the name is the
type (or an alias), the value ``module:Class``. Modules are imported only when a flow names the type.
"""

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from segue.domain.errors import UnavailableError
from segue.domain.flow.faults import faults_of
from segue.domain.flow.type_names import Fault, TypeInfo
from segue.plugins.catalogue import ALIASES, TYPES
from segue.sdk import Task

ENTRY_POINTS = "segue.plugins"


class PluginRegistry:
    """All plugin types this process can run. Implements the parser's ``TypeCatalogue``."""

    def __init__(self, extra: Mapping[str, str] | None = None, *, installed: bool = True) -> None:
        """``extra`` maps type names to ``module:Class``; ``installed`` adds the entry points."""
        self._paths: dict[str, str] = {}
        if installed:
            found: Sequence[EntryPoint] = tuple(entry_points(group=ENTRY_POINTS))
            self._paths.update((point.name, point.value) for point in found)
        self._paths.update(TYPES)
        self._paths.update(extra or {})
        self._aliases = {alias.lower(): name for alias, name in ALIASES.items()}
        self._classes: dict[str, type[Task]] = {}
        self._infos: dict[str, TypeInfo] = {}

    def add(self, plugin: type[Task]) -> None:
        """Know one class more, under its own name and aliases; over one of the same name."""
        self._paths[plugin.type] = f"{plugin.__module__}:{plugin.__qualname__}"
        self._classes[plugin.type] = plugin
        self._infos.pop(plugin.type, None)
        self._aliases.update((alias.lower(), plugin.type) for alias in plugin.aliases)

    def types(self) -> list[str]:
        """The canonical names of all types, sorted."""
        return sorted(self._paths)

    def canonical(self, type_name: str) -> str | None:
        """The current name of a type: names match exactly, aliases whatever their case; None if unknown."""
        return type_name if type_name in self._paths else self._aliases.get(type_name.lower())

    def find(self, type_name: str) -> type[Task] | None:
        """The class of a type or alias, None if there is none.

        Raises ``UnavailableError`` when it exists but cannot be loaded, naming the module that is missing.
        """
        name = self.canonical(type_name)
        if name is None:
            return None
        found = self._classes.get(name)
        if found is None:
            found = self._classes[name] = _load(name, self._paths[name])
        return found

    def resolve(self, type_name: str) -> TypeInfo | None:
        """What the parser wants to know about a type or alias, None if there is none."""
        name = self.canonical(type_name)
        if name is None:
            return None
        info = self._infos.get(name)
        if info is None:
            info = self._infos[name] = _describe(name, self.find(name))
        return info


def _load(name: str, path: str) -> type[Task]:
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise UnavailableError(f"The plugin '{name}' cannot be loaded from '{path}': {error}") from error
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise UnavailableError(f"The plugin '{name}' cannot be loaded: '{path}' is no task")
    return found


def _describe(name: str, plugin: type[Task] | None) -> TypeInfo:
    assert plugin is not None, "only called for known names"

    def validate(properties: Mapping[str, Any]) -> list[Fault]:
        try:
            plugin.model_validate(dict(properties), by_alias=True, by_name=False)
        except ValidationError as error:
            return [(fault.path, fault.message) for fault in faults_of(error)]
        return []

    return TypeInfo(kind="task", canonical=name, validate=validate, aliases=plugin.aliases)
