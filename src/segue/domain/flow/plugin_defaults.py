"""Plugin defaults (flow language 2.12, 1.x): values filled into every plugin of a type or prefix of types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from segue.domain.flow.type_names import canonical_type

_NOT_WALKED = frozenset({"pluginDefaults", "taskDefaults", "inputs", "variables", "labels"})


def own_defaults(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The usable entries a flow brings itself; broken ones are left to validation."""
    entries = data.get("pluginDefaults", data.get("taskDefaults"))
    return [entry for entry in entries if _is_usable(entry)] if isinstance(entries, list) else []


def apply_defaults(
    data: dict[str, Any],
    entries: Sequence[Mapping[str, Any]],
    canonical: Callable[[str], str] = canonical_type,
) -> None:
    """Fill `entries` into all plugins of the flow `data`, in place.

    `entries` are maps of `type`, `values`, `forced` and `ref`, those of the flow first, then namespace and
    server. What the plugin says itself wins over a default, an earlier default over a later one; with forced
    defaults it is the other way round. `canonical` turns an alias into the name it stands for.
    """
    usable = [entry for entry in entries if _is_usable(entry)]
    if not usable:
        return
    prepared = [((entry["type"], canonical(entry["type"])), entry) for entry in usable]
    for key, value in data.items():
        if key not in _NOT_WALKED:
            _walk(value, prepared, canonical)


def _is_usable(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and isinstance(entry.get("type"), str)
        and bool(entry["type"])
        and isinstance(entry.get("values"), Mapping)
    )


_Prepared = Sequence[tuple[tuple[str, str], Mapping[str, Any]]]


def _walk(value: Any, prepared: _Prepared, canonical: Callable[[str], str]) -> None:
    if isinstance(value, list):
        for item in value:
            _walk(item, prepared, canonical)
    elif isinstance(value, dict):
        used = _fill(value, prepared, canonical) if isinstance(value.get("type"), str) else ()
        for key, item in value.items():
            if any(key in entry["values"] for entry in used):
                _walk(item, [one for one in prepared if one[1] not in used or key not in one[1]["values"]], canonical)
            else:
                _walk(item, prepared, canonical)


def _fill(plugin: dict[str, Any], prepared: _Prepared, canonical: Callable[[str], str]) -> Sequence[Mapping[str, Any]]:
    """Fill one plugin; the entries that are about it.

    Below a property that an entry names, such as a task runner, the entry is not used once more, though the plugin
    there may have a type of the same beginning.
    """
    names = {plugin["type"], canonical(plugin["type"])}
    ref = plugin.get("pluginDefaultsRef")
    matching = [
        entry
        for prefixes, entry in prepared
        if any(name.startswith(prefixes) for name in names) and entry.get("ref") in {None, ref}
    ]
    for entry in _in_order(matching):
        _merge(plugin, entry["values"], forced=entry.get("forced") is True)
    return matching


def _in_order(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Forced entries after all others, so that the last of them has the last word."""
    return sorted(entries, key=lambda entry: entry.get("forced") is True)


def _merge(own: dict[str, Any], defaults: Mapping[str, Any], *, forced: bool) -> None:
    for key, value in defaults.items():
        present = own.get(key)
        if isinstance(present, dict) and isinstance(value, Mapping) and _is_alike(present, value):
            _merge(present, value, forced=forced)
        elif key not in own or (forced and key not in {"id", "type"}):
            own[key] = deepcopy(value)


def _is_alike(own: Mapping[str, Any], default: Mapping[str, Any]) -> bool:
    """Whether two maps can be one: not when they are plugins of different types."""
    return "type" not in own or "type" not in default or own["type"] == default["type"]
