"""One loader: file, text from the environment, single variables, options of the command line.

Later sources win: the file (``--config``, else ``SEGUE_CONFIGURATION_PATH``, else
``KESTRA_CONFIGURATION_PATH``), the whole text in ``SEGUE_CONFIGURATION`` or ``KESTRA_CONFIGURATION``,
single variables, options.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from segue.config.datasources import POOL_SETTINGS, DataSource
from segue.config.environment import from_environment
from segue.config.errors import ConfigurationError
from segue.config.keys import KeyReader, kebab, merge, nest, snake
from segue.config.placeholders import resolve_placeholders
from segue.config.sections import Configuration

_ROOTS = ("kestra", "segue")
_MICRONAUT = {
    ("micronaut", "server", "port"): ("server", "port"),
    ("micronaut", "server", "host"): ("server", "host"),
    ("micronaut", "server", "max_request_size"): ("server", "max_request_size"),
    ("endpoints", "all", "port"): ("server", "management_port"),
}
"""Keys of the original outside ``kestra`` that have a counterpart here."""


@dataclass(frozen=True)
class Loaded:
    """The configuration and what the reader should know about how it was read (for the log)."""

    configuration: Configuration
    notes: tuple[str, ...]


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Loaded:
    """Read the configuration.

    ``options`` are dotted field paths (``server.port``) with values; those that are None are left out.
    Raises ``ConfigurationError`` with the key for everything that cannot be used.
    """
    environ = os.environ if environ is None else environ
    notes: list[str] = []
    tree: dict[str, Any] = {}
    for name, text in _texts(path, environ):
        tree = merge(tree, _read_document(name, text, environ, notes))
    settings, strange = from_environment(environ)
    tree = merge(tree, settings)
    notes += [f"environment variable {name} is no known setting" for name in strange]
    for option, value in (options or {}).items():
        if value is not None:
            tree = merge(tree, nest(option.split("."), value))
    return Loaded(_validate(tree), tuple(notes))


def _texts(path: Path | None, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    if path is None:
        named = environ.get("SEGUE_CONFIGURATION_PATH") or environ.get("KESTRA_CONFIGURATION_PATH")
        path = Path(named) if named else None
    texts = []
    if path is not None:
        try:
            texts.append((str(path), path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigurationError(f"the configuration file {path} cannot be read: {reason}") from error
    whole = ("KESTRA_CONFIGURATION", "SEGUE_CONFIGURATION")
    return texts + [(name, environ[name]) for name in whole if environ.get(name)]


def _read_document(name: str, text: str, environ: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "no YAML"
        raise ConfigurationError(f"{name}{where}: {problem}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{name}: the configuration is a map with `segue:` at its root")
    tree: dict[str, Any] = {}
    foreign: dict[str, Any] = {}
    for key, value in _expand(resolve_placeholders(document, environ)).items():
        if key in _ROOTS:
            reader = KeyReader(key)
            tree = merge(tree, reader.read(Configuration, value or {}))
            notes += [f"{name}: {ignored} is not used by this server" for ignored in reader.ignored]
        elif key == "datasources":
            tree = merge(tree, {"datasources": value or {}})
        elif key == "logger":
            tree = merge(tree, {"log_levels": (value or {}).get("levels") or {}})
        else:
            foreign[key] = value
    counterparts, unused = _counterparts(foreign)
    notes += [f"{name}: the root key `{key}` is not used by this server" for key in unused]
    return merge(counterparts, tree)


def _expand(document: Mapping[str, Any]) -> dict[str, Any]:
    """Root keys with dots (``segue.queue.type: sql``) as maps."""
    tree: dict[str, Any] = {}
    for key, value in document.items():
        head, _, rest = str(key).partition(".")
        tree = merge(tree, {head: {rest: value} if rest else value})
    return tree


def _counterparts(foreign: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    tree: dict[str, Any] = {}
    used: set[str] = set()
    for source, target in _MICRONAUT.items():
        value: Any = foreign
        for part in source:
            keys = {snake(str(key)): key for key in value} if isinstance(value, Mapping) else {}
            value = value[keys[part]] if part in keys else None
        if value is not None:
            used.add(source[0])
            tree = merge(tree, nest(target, value))
    return tree, [key for key in foreign if key not in used]


def _validate(tree: dict[str, Any]) -> Configuration:
    sources = {}
    for name, source in (tree.pop("datasources", None) or {}).items():
        if not isinstance(source, Mapping):
            raise ConfigurationError(f"datasources.{name}: a map with `url` is needed here")
        sources[name] = _data_source(name, source)
    try:
        return Configuration.model_validate({**tree, "datasources": sources})
    except ValidationError as error:
        raise ConfigurationError("; ".join(_explain(fault) for fault in error.errors())) from None


def _data_source(name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    known = {snake(str(key)): value for key, value in source.items()}
    for key in known.keys() - DataSource.model_fields.keys() - POOL_SETTINGS:
        near = difflib.get_close_matches(key, list(DataSource.model_fields), n=1)
        hint = f"; did you mean `{kebab(near[0])}`?" if near else ""
        raise ConfigurationError(f"datasources.{name}: unknown key `{kebab(key)}`{hint}")
    return {key: value for key, value in known.items() if key in DataSource.model_fields}


def _explain(fault: Any) -> str:
    path = ".".join(kebab(str(part)) for part in fault["loc"])
    root = "" if path.startswith("datasources") else "segue."
    return f"{root}{path}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
