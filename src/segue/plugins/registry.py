"""From type names to the classes of plugins, loaded when first needed.

Plugins of other distributions are found through the entry point group ``segue.plugins``: the name is the
type (or an alias), the value ``module:Class``. Modules are imported only when a flow names the type. What kind of
plugin it is (task, task runner) follows from the class.
"""

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from segue.domain.errors import UnavailableError
from segue.domain.flow.faults import faults_of
from segue.domain.flow.type_names import Fault, Kind, TypeInfo
from segue.plugins.catalogue import ALIASES, TYPES
from segue.sdk import Task, TaskRunner, validation_context

ENTRY_POINTS = "segue.plugins"

Plugin: TypeAlias = Task | TaskRunner
Wanted = TypeVar("Wanted", Task, TaskRunner)

_KINDS: tuple[tuple[type[Plugin], Kind], ...] = ((Task, "task"), (TaskRunner, "task_runner"))


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
        self._classes: dict[str, type[Plugin]] = {}
        self._infos: dict[str, TypeInfo] = {}

    def types(self) -> list[str]:
        """The canonical names of all types, sorted."""
        return sorted(self._paths)

    def canonical(self, type_name: str) -> str | None:
        """The current name of a type: names match exactly, aliases whatever their case; None if unknown."""
        return type_name if type_name in self._paths else self._aliases.get(type_name.lower())

    def find(self, type_name: str) -> type[Task] | None:
        """The class of a task's type or alias, None if there is none.

        Raises ``UnavailableError`` when it exists but cannot be loaded, naming the module that is missing.
        """
        return self._find(type_name, Task)

    def find_runner(self, type_name: str) -> type[TaskRunner] | None:
        """The class of a task runner's type or alias. As ``find``."""
        return self._find(type_name, TaskRunner)

    def resolve(self, type_name: str) -> TypeInfo | None:
        """What the parser wants to know about a type or alias, None if there is none."""
        name = self.canonical(type_name)
        if name is None:
            return None
        info = self._infos.get(name)
        if info is None:
            info = self._infos[name] = self._describe(name)
        return info

    def load(self, name: str) -> type[Plugin]:
        """The class of a canonical name, of whatever kind. Raises ``UnavailableError``, as ``find``."""
        found = self._classes.get(name)
        if found is None:
            found = self._classes[name] = _load(name, self._paths[name])
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
                return [(fault.path, fault.message) for fault in faults_of(error)]
            return []

        kind = next(kind for base, kind in _KINDS if issubclass(plugin, base))
        return TypeInfo(kind=kind, canonical=name, validate=validate, aliases=plugin.aliases)


def _load(name: str, path: str) -> type[Plugin]:
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise UnavailableError(f"The plugin '{name}' cannot be loaded from '{path}': {error}") from error
    if not (isinstance(found, type) and issubclass(found, Task | TaskRunner)):
        raise UnavailableError(f"The plugin '{name}' cannot be loaded: '{path}' is neither a task nor a task runner")
    return found
