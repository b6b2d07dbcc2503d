"""``${NAME:default}`` in configuration values."""

import re
from collections.abc import Mapping
from typing import Any

from segue.config.errors import ConfigurationError

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.-]*)(?::([^{}]*))?\}")


def resolve_placeholders(value: Any, environ: Mapping[str, str], path: str = "") -> Any:
    """``value`` with every placeholder of its texts replaced from the environment.

    The part after the first colon is used when the variable is not set. Raises ``ConfigurationError``
    for one that is not set and has no such part.
    """
    if isinstance(value, Mapping):
        return {
            key: resolve_placeholders(item, environ, f"{path}.{key}" if path else str(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [resolve_placeholders(item, environ, f"{path}[{n}]") for n, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = environ.get(name, default)
        if found is None:
            raise ConfigurationError(
                f"{path}: the environment variable {name} is not set, and `{match[0]}` has no default"
            )
        return found

    return _PLACEHOLDER.sub(replace, value)
