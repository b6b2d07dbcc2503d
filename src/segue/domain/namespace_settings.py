"""What a namespace gives to flows in it and below it: variables, plugin defaults (flow language 2.5, 2.12, 14.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from segue.domain.deep_merge import deep_merge
from segue.domain.errors import SegueError
from segue.domain.namespaces import lineage

_PIN = re.compile(r"\d{1,9}(\.\d{1,9})*")


class NamespaceDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user says about one namespace. ``plugin_defaults`` are maps of type, values, forced and ref."""

    description: str | None = None
    variables: dict[str, Any] = {}
    plugin_defaults: tuple[dict[str, Any], ...] = ()

    @property
    def is_inherited(self) -> bool:
        """Whether there is anything that flows get."""
        return bool(self.variables or self.plugin_defaults)


@dataclass(frozen=True, slots=True)
class NamespaceSettings:
    """All that holds for the flows of one namespace: its own settings over those of the namespaces above.

    ``pin`` names the revisions it was put together from, so that it can be found again; empty for nothing at all.
    """

    pin: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    plugin_defaults: tuple[Mapping[str, Any], ...] = ()
    """Those of the nearest namespace first (flow language 2.12)."""


NO_SETTINGS = NamespaceSettings()


def joined_settings(namespace: str, definitions: Mapping[str, tuple[int, NamespaceDefinition]]) -> NamespaceSettings:
    """The settings of ``namespace``, of revisions and definitions by namespace; those that are missing give nothing.

    Variables of a nearer namespace win; maps are joined in depth.
    """
    revisions: list[int] = []
    variables: dict[str, Any] = {}
    defaults: list[Mapping[str, Any]] = []
    for name in lineage(namespace):
        revision, definition = definitions.get(name, (0, NamespaceDefinition()))
        revisions.append(revision if definition.is_inherited else 0)
        variables = deep_merge(definition.variables, variables)
        defaults += definition.plugin_defaults
    if not any(revisions):
        return NO_SETTINGS
    return NamespaceSettings(".".join(map(str, revisions)), variables, tuple(defaults))


def pinned_revisions(namespace: str, pin: str) -> list[tuple[str, int]]:
    """The namespaces and revisions that a pin names. Raises ``SegueError`` when it is none of this namespace."""
    if not pin:
        return []
    names = lineage(namespace)
    if not _PIN.fullmatch(pin) or pin.count(".") + 1 != len(names):
        raise SegueError(f"'{pin[:100]}' names no settings of the namespace '{namespace}'")
    pairs = zip(names, map(int, pin.split(".")), strict=True)
    return [(name, revision) for name, revision in pairs if revision]


def default_faults(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What is wrong with plugin defaults: paths and reasons."""
    faults = []
    for index, entry in enumerate(entries):
        place = f"pluginDefaults[{index}]"
        if not isinstance(entry.get("type"), str) or not entry["type"].strip():
            faults.append((f"{place}.type", "must be the type of a plugin or the beginning of one"))
        if not isinstance(entry.get("values"), Mapping):
            faults.append((f"{place}.values", "must be a map of properties"))
        if not isinstance(entry.get("forced", False), bool):
            faults.append((f"{place}.forced", "must be true or false"))
        if not isinstance(entry.get("ref", ""), str):
            faults.append((f"{place}.ref", "must be a text"))
    return faults
