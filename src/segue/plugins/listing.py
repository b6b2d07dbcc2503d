"""What is installed, good or broken, in one list."""

import msgspec

from segue.domain.errors import UnavailableError
from segue.domain.flow.flowables import FLOWABLES
from segue.domain.flow.triggers import TRIGGERS
from segue.domain.flow.type_names import TRIGGER_PACKAGE, task_type
from segue.plugins.registry import OWN, PluginRegistry


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A type, or with an ``error`` something that would have brought types: a type, a module or a folder."""

    type: str
    kind: str
    origin: str
    deprecated: str = ""
    """What to use instead; empty for a type that is not deprecated."""
    error: str = ""


def listing(registry: PluginRegistry) -> list[Entry]:
    """All plugins of a registry and the types of the language, in order; what cannot be used comes with its error.

    Loads every type.
    """
    faults = dict(registry.faults())
    entries = [Entry(task_type(name), "task", OWN) for name in FLOWABLES]
    entries += [Entry(TRIGGER_PACKAGE + name, "trigger", OWN) for name in TRIGGERS]
    for name in registry.types():
        fault = faults.pop(name, "")
        try:
            deprecated = str(getattr(registry.load(name), "deprecated", ""))
            info = registry.resolve(name)
        except UnavailableError:
            deprecated, info = "", None
        kind = "broken" if info is None else info.kind
        entries.append(Entry(name, kind, registry.origin(name), deprecated, fault))
    entries += [Entry(name, "broken", registry.origin(name), error=fault) for name, fault in faults.items()]
    return sorted(entries, key=lambda entry: entry.type)
