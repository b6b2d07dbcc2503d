"""From configuration to the plugin defaults of the server (flow language 2.12)."""

from collections.abc import Mapping
from typing import Any

from segue.config import Configuration
from segue.domain.flow.tasks import BASE_PROPERTIES

_CONFIGURABLE = (BASE_PROPERTIES | {"recoverMissedSchedules"}) - {"id", "type"}


def plugin_defaults(configuration: Configuration) -> tuple[Mapping[str, Any], ...]:
    """The entries of ``plugins.defaults`` and ``tasks.defaults``, then properties in ``plugins.configurations``."""
    entries: list[Mapping[str, Any]] = [
        entry.model_dump() for entry in (*configuration.plugins.defaults, *configuration.tasks.defaults)
    ]
    for setting in configuration.plugins.configurations:
        values = {key: value for key, value in setting.values.items() if key in _CONFIGURABLE}
        if values:
            entries.append({"type": setting.type, "values": values})
    return tuple(entries)


def plugin_configurations(configuration: Configuration) -> Mapping[str, Mapping[str, Any]]:
    """What ``plugins.configurations`` says of each type; later entries win."""
    found: dict[str, dict[str, Any]] = {}
    for setting in configuration.plugins.configurations:
        found.setdefault(setting.type, {}).update(setting.values)
    return found
