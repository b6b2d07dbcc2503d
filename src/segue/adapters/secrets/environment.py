"""Secrets in environment variables: ``SECRET_<KEY>`` holds base64 (core plugins 9, server document 8.3)."""

import base64
import binascii
import logging
from collections.abc import Mapping, Sequence

from segue.expr import SecretValue

logger = logging.getLogger(__name__)


class EnvironmentSecrets:
    """See ``SecretStore``. Every namespace has the same secrets; they are read once."""

    def __init__(self, environ: Mapping[str, str], prefix: str = "SECRET_") -> None:
        """Decode every variable that begins with ``prefix``; one that is no base64 of UTF-8 is logged and left out."""
        self._secrets: dict[str, SecretValue] = {}
        for name, text in environ.items():
            key = name.removeprefix(prefix).upper()
            if not name.startswith(prefix) or not key:
                continue
            try:
                value = base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                logger.warning("%s holds no base64 of a text: there is no secret '%s'", name, key)
                continue
            self._secrets[key] = SecretValue(value)

    async def read(self, tenant: str, namespace: str, key: str) -> SecretValue | None:  # noqa: ARG002  the port's
        """See ``SecretStore.read``."""
        return self._secrets.get(key.upper())

    async def keys(self, tenant: str, namespace: str) -> Sequence[str]:  # noqa: ARG002  the port's
        """See ``SecretStore.keys``."""
        return sorted(self._secrets)
