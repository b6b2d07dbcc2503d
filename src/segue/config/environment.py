"""Configuration from environment variables: ``segue.queue.type`` is ``SEGUE_QUEUE_TYPE``.

A hyphen inside a key is ``_`` or ``__``. ``KESTRA_`` works as well; ``SEGUE_`` wins over it. Lists may be
written with commas, maps as JSON. Data sources are ``SEGUE_DATASOURCES_<NAME>_URL`` and so on, or the
same without the first part.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from segue.config.datasources import DataSource
from segue.config.errors import ConfigurationError
from segue.config.keys import FREE_MAPS, leaves, merge, nest
from segue.config.sections import Configuration

PREFIXES = ("KESTRA_", "SEGUE_")
"""From the weakest to the strongest."""

_NOT_KEYS = frozenset({"CONFIGURATION", "CONFIGURATION_PATH", "PLUGINS_PATH", "SERVER_URL", "USER", "PASSWORD"})
_DATASOURCE = re.compile(
    r"(?:SEGUE_|KESTRA_)?DATASOURCES_([A-Z0-9_]+?)_(" + "|".join(DataSource.model_fields).upper() + ")"
)


def from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The tree of settings that ``environ`` holds, and the names of ours that mean nothing."""
    places = {path.replace(".", "_").upper(): path for path, _, _ in leaves(Configuration)}
    tree: dict[str, Any] = {}
    strange: list[str] = []
    for prefix in PREFIXES:
        for name, text in sorted(environ.items()):
            key = re.sub("_+", "_", name.removeprefix(prefix))
            if not name.startswith(prefix) or key in _NOT_KEYS:
                continue
            path = places.get(key)
            if path is not None:
                tree = merge(tree, nest(path.split("."), _value(path, name, text)))
            elif prefix == "SEGUE_" and not _DATASOURCE.fullmatch(name):
                strange.append(name)
    for name, text in sorted(environ.items()):
        if match := _DATASOURCE.fullmatch(name):
            tree = merge(tree, {"datasources": {match[1].lower(): {match[2].lower(): text}}})
    return tree, strange


def _value(path: str, name: str, text: str) -> Any:
    if path not in FREE_MAPS and not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name}: this is neither JSON nor YAML") from error
