"""What editors and catalogues want to know about plugins (REST API 4.9)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

JsonObject = dict[str, Any]


class PluginLibrary(Protocol):
    """The documentation of all plugins and of the language. Answers do not change while the process lives."""

    def schema(self, kind: str) -> bytes | None:
        """The JSON schema of FLOW, TASK or TRIGGER (whatever the case) as JSON; None for other kinds."""
        ...

    def plugins(self) -> Sequence[JsonObject]:
        """All groups of plugins with their types, and with ``errors`` of what is installed and cannot be used."""
        ...

    def subgroups(self) -> Sequence[JsonObject]:
        """The same, split by sub-group."""
        ...

    def document(self, type_name: str, *, everything: bool = False) -> JsonObject | None:
        """Text and schema of a type or alias; with ``everything`` also the properties all its like have."""
        ...

    def triggers(self) -> Sequence[JsonObject]:
        """All types of triggers."""
        ...

    def icons(self) -> Mapping[str, JsonObject]:
        """The icons of the types that have one: name, base64 of an SVG picture, and what it is like."""
        ...

    def group_icons(self) -> Mapping[str, JsonObject]:
        """The icons of groups: that of the first type that has one."""
        ...

    def input_types(self) -> Mapping[str, str]:
        """The types of inputs, and the class that describes each."""
        ...

    def input_document(self, input_type: str) -> JsonObject | None:
        """Text and schema of a type of input."""
        ...
