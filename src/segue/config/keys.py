"""From the keys of a file to the fields of the sections: spellings, unknown keys, keys of Kestra alone."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from segue.config.errors import ConfigurationError

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

FREE_MAPS = frozenset({"datasources", "log_levels", "variables.globals"})
"""Fields whose own keys are the user's and are not respelled."""

KESTRA_ONLY = (
    "ai",
    "allocated_cpu_cores",
    "anonymous_usage_report",
    "configurations",
    "controller.advertise",
    "controller.max_connection_age",
    "controller.max_connection_age_grace",
    "ee",
    "elasticsearch",
    "environment",
    "grpc",
    "heartbeat",
    "hidden_labels",
    "indexer",
    "jdbc",
    "kafka",
    "local_files",
    "mail_service",
    "migration",
    "plugins.auto_install",
    "plugins.local_repository_path",
    "plugins.management",
    "plugins.repositories",
    "plugins.security",
    "queue.postgres",
    "retries",
    "secret.cache",
    "secret.cache_enabled",
    "secret.isolation",
    "security",
    "server.basic_auth.realm",
    "server.liveness",
    "server.preview",
    "server.service",
    "server.standalone",
    "server.worker_task_restart_strategy",
    "storage.gcs.project_id",
    "storage.isolation",
    "storage.minio.client_pem",
    "system_flows",
    "tasks.retry",
    "tasks.scripts",
    "tasks.sdk",
    "tasks.tmp_dir",
    "templates",
    "traces",
    "tutorial_flows",
    "ui_anonymous_usage_report",
    "variables.cache_enabled",
    "variables.recursive_rendering",
    "variables.redacted_env_vars",
    "webserver",
    "worker.auth",
    "worker.controllers.dns",
    "worker.controllers.health_check",
    "worker.controllers.load_balancing",
    "worker.controllers.storage",
    "worker.controllers.type",
    "worker.controllers.wait_for_ready",
    "worker.job_buffer_size",
    "worker.polling_trigger_timeout",
)
"""Keys of the original that this server reads past (server document 3), with everything below them."""


def snake(key: str) -> str:
    """``basePath``, ``base-path`` and ``base_path`` are one key."""
    return _CAMEL.sub("_", key).replace("-", "_").lower()


def kebab(path: str) -> str:
    """A field path as it is written in documents."""
    return path.replace("_", "-")


def is_kestra_only(path: str) -> bool:
    """Whether the original knows the key and this server does not use it."""
    return any(path == known or path.startswith(f"{known}.") for known in KESTRA_ONLY)


def section_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The section behind a field; None when the field is a plain value."""
    annotation = model.model_fields[name].annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel], str]]:
    """Every plain value below ``model``: its path, the section that holds it, the field's name."""
    for name in model.model_fields:
        section = section_of(model, name)
        if section is None:
            yield prefix + name, model, name
        else:
            yield from leaves(section, f"{prefix}{name}.")


class KeyReader:
    """Respells the keys of one tree for the sections. ``ignored`` collects keys of Kestra alone."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.ignored: list[str] = []

    def read(self, model: type[BaseModel], data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """``data`` with the field names of ``model``. Raises ``ConfigurationError`` for unknown keys."""
        result: dict[str, Any] = {}
        for key, value in data.items():
            head, _, rest = str(key).partition(".")
            name = snake(head)
            content = {rest: value} if rest else value
            path = prefix + name
            if name not in model.model_fields:
                self._unknown(model, path, content)
                continue
            section = section_of(model, name)
            if section is not None:
                content = self._mapping(content, path)
                result[name] = merge(result.get(name, {}), self.read(section, content, f"{path}."))
            elif path in FREE_MAPS:
                result[name] = merge(result.get(name, {}), self._mapping(content, path))
            elif rest:
                self._unknown(model, f"{path}.{snake(rest)}", value)
            else:
                result[name] = content
        return result

    def _mapping(self, content: Any, path: str) -> Mapping[str, Any]:
        if content is None:
            return {}
        if not isinstance(content, Mapping):
            raise ConfigurationError(f"{self._root}.{kebab(path)}: a map is needed here")
        return content

    def _unknown(self, model: type[BaseModel], path: str, content: Any) -> None:
        if is_kestra_only(path):
            self.ignored.append(f"{self._root}.{kebab(path)}")
            return
        if isinstance(content, Mapping) and any(known.startswith(f"{path}.") for known in KESTRA_ONLY):
            for key, value in content.items():
                self._unknown(model, f"{path}.{snake(str(key))}", value)
            return
        known = [kebab(name) for name in model.model_fields]
        near = difflib.get_close_matches(kebab(path.rpartition(".")[2]), known, n=3)
        parent = path.rpartition(".")[0]
        hint = (
            f"; did you mean {' or '.join(f'`{name}`' for name in near)}?"
            if near
            else (f"; known here: {', '.join(known)}")
        )
        where = ".".join(part for part in (self._root, kebab(parent)) if part)
        raise ConfigurationError(f"{where}: unknown key `{kebab(path.rpartition('.')[2])}`{hint}")


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Maps merged deeply; other values of ``over`` win."""
    result = dict(base)
    for key, value in over.items():
        present = result.get(key)
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            result[key] = merge(present, value)
        else:
            result[key] = value
    return result


def nest(path: Sequence[str], value: Any) -> dict[str, Any]:
    """``value`` below the keys of ``path``."""
    tree: dict[str, Any] = {path[-1]: value}
    for part in reversed(path[:-1]):
        tree = {part: tree}
    return tree
